// y = a x + y on a GPU: builds a kernel from source, moves the data there, runs it and
// checks what comes back. Without a device that builds source it takes the ready-made
// kernel of the same name.
//
//   gpu-saxpy [N]      elements, 1000000 when left out
#include <godwit_gpu.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "__kernel void saxpy(int n, float a, __global const float *x, __global float *y) {\n"
    "    int i = get_global_id(0);\n"
    "    if (i < n) y[i] = a * x[i] + y[i];\n"
    "}\n";

static void must(const char *what, gpu_errno e) {
    if (!e) return;
    fprintf(stderr, "gpu-saxpy: %s: %s\n", what, strerror((int)e));
    char log[4096];
    uint32_t n = 0;
    if (e == GPU_ENOEXEC && !gpu_build_log(log, sizeof log, &n))
        fwrite(log, 1, n < sizeof log ? n : sizeof log, stderr);
    exit(1);
}

// kernel is the kernel, and the range to launch it over: from source where that can be
// built.
static uint64_t kernel(int built, uint64_t n, gpu_range *range) {
    uint64_t program, kernel;
    *range = (gpu_range){0};
    if (!built) {
        must("ready-made kernel", gpu_ready_named(0, "saxpy", &kernel));
        return kernel;
    }
    must("build", gpu_build_source(0, source, "-Werror", &program));
    must("kernel", gpu_kernel_named(program, "saxpy", &kernel));
    *range = (gpu_range){.dimensions = 1, .global = {(n + 63) / 64 * 64}};
    return kernel;
}

static uint64_t upload(const float *data, size_t n) {
    uint64_t buffer;
    must("buffer", gpu_buffer(0, n * sizeof *data, &buffer));
    must("write", gpu_write(buffer, 0, data, n * sizeof *data));
    return buffer;
}

int main(int argc, char **argv) {
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    if (n < 1 || n > 100000000) {
        fputs("usage: gpu-saxpy [N]   (up to 100000000)\n", stderr);
        return 2;
    }
    gpu_device_facts device;
    char name[128];
    uint32_t length;
    must("device", gpu_device(0, &device));
    must("name", gpu_device_text(0, GPU_TEXT_NAME, name, sizeof name, &length));

    float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
    if (!x || !y) {
        fputs("gpu-saxpy: out of memory\n", stderr);
        return 1;
    }
    for (long i = 0; i < n; i++) x[i] = (float)(i % 1000), y[i] = 1;

    int built = (device.flags & GPU_HAS_COMPILER) != 0;
    gpu_range range;
    uint64_t saxpy = kernel(built, n, &range), on_x = upload(x, n), on_y = upload(y, n), event;
    must("argument", gpu_set_int(saxpy, 0, (int32_t)n));
    must("argument", gpu_set_float(saxpy, 1, 2.0f));
    must("argument", gpu_set_whole(saxpy, 2, on_x));
    must("argument", gpu_set_whole(saxpy, 3, on_y));
    must("launch", gpu_launch(saxpy, &range, &event));
    must("wait", gpu_wait(event));
    must("read", gpu_read(on_y, 0, y, n * sizeof *y));

    for (long i = 0; i < n; i++) {
        if (y[i] != 2 * x[i] + 1) {
            fprintf(stderr, "gpu-saxpy: y[%ld] is %g\n", i, y[i]);
            return 1;
        }
    }
    gpu_times_facts t;
    must("times", gpu_times(event, &t));
    printf("%ld elements on %.*s, %s: right\n", n, (int)(length < sizeof name ? length : sizeof name), name,
           built ? "built from source" : "ready-made");
    fprintf(stderr, "the kernel took %.3f ms\n", (t.ended - t.started) / 1e6);
    return 0;
}
