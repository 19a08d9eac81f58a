/* Computing on GPUs from C and C++. What the calls mean and cost is in
 * hostabi/gpu/doc.go. All return 0 or an errno of WASI's, unless another type is given.
 *
 *	clang --target=wasm32-wasi -O2 -I hostabi/include saxpy.c -o saxpy.wasm
 *
 *	#include <godwit_gpu.h>
 *
 *	uint64_t x, y, program, saxpy;
 *	gpu_buffer(0, n * sizeof(float), &x);
 *	gpu_write(x, 0, data, n * sizeof(float));
 *	...
 *	gpu_build_source(0, source, "", &program);
 *	gpu_kernel_named(program, "saxpy", &saxpy);
 *	gpu_set_int(saxpy, 0, n);
 *	gpu_set_float(saxpy, 1, 2.0f);
 *	gpu_set_whole(saxpy, 2, x);
 *	gpu_set_whole(saxpy, 3, y);
 *	gpu_launch_1d(saxpy, n, 0);
 *	gpu_read(y, 0, data, n * sizeof(float));
 */
#ifndef GODWIT_GPU_H
#define GODWIT_GPU_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GODWIT_GPU_IMPORT(name) __attribute__((import_module("godwit_gpu"), import_name(#name)))

typedef uint32_t gpu_errno;

enum {
	GPU_E2BIG = 1,
	GPU_EAGAIN = 6,
	GPU_EBADF = 8,
	GPU_EDQUOT = 19,
	GPU_EFAULT = 21,
	GPU_EILSEQ = 25,
	GPU_EINVAL = 28,
	GPU_EIO = 29,
	GPU_EMFILE = 33,
	GPU_ENODEV = 43,
	GPU_ENOENT = 44,
	GPU_ENOEXEC = 45,
	GPU_ENOMEM = 48,
	GPU_ENOSYS = 52,
	GPU_ENOTSUP = 58,
	GPU_ERANGE = 68,
	GPU_ETIMEDOUT = 73
};

enum { GPU_MODE_NONE, GPU_MODE_PREFERRED, GPU_MODE_REQUIRED };

enum { GPU_KIND_BUILTIN, GPU_KIND_CPU, GPU_KIND_GPU, GPU_KIND_ACCELERATOR };

enum { /* flags of a device */
	GPU_HAS_COMPILER = 1,
	GPU_HAS_SPIRV = 2,
	GPU_HAS_DOUBLE = 4,
	GPU_HAS_HALF = 8,
	GPU_HAS_UNIFIED_MEMORY = 16
};

enum { GPU_TEXT_NAME, GPU_TEXT_VENDOR, GPU_TEXT_FAMILY, GPU_TEXT_CAPABILITY, GPU_TEXT_DRIVER, GPU_TEXT_ID };

enum { GPU_CODE_OPENCL_C, GPU_CODE_SPIRV };

enum { GPU_SPACE_VALUE, GPU_SPACE_GLOBAL, GPU_SPACE_CONSTANT, GPU_SPACE_LOCAL };

enum { /* types of values; a vector has 256 times its lanes added: GPU_FLOAT | GPU_LANES(4) */
	GPU_BYTES,
	GPU_CHAR,
	GPU_UCHAR,
	GPU_SHORT,
	GPU_USHORT,
	GPU_INT,
	GPU_UINT,
	GPU_LONG,
	GPU_ULONG,
	GPU_HALF,
	GPU_FLOAT,
	GPU_DOUBLE
};
#define GPU_LANES(n) ((n) << 8)

typedef struct {
	uint64_t memory;  /* bytes that the run may have there */
	uint64_t largest; /* bytes of the largest buffer */
	uint64_t local;   /* bytes of local memory for a work-group */
	uint32_t units;   /* compute units */
	uint32_t group;   /* work-items of the largest work-group */
	uint32_t kind;
	uint32_t flags;
	uint32_t version; /* of OpenCL: major times 256 plus minor */
	uint32_t align;   /* of the offset of a part of a buffer as an argument, in bytes */
	uint32_t clock;   /* MHz */
	uint32_t zero;
} gpu_device_facts;

typedef struct {
	uint32_t space;
	uint32_t type; /* of a value */
	uint32_t size; /* of a value, in bytes */
} gpu_parameter_facts;

typedef struct {
	uint32_t dimensions; /* 1 to 3; 0: as suits a ready-made kernel */
	uint32_t zero;
	uint64_t offset[3], global[3], local[3]; /* local all 0: the device chooses */
} gpu_range;

typedef struct {
	uint64_t queued, submitted, started, ended; /* nanoseconds of the device's clock */
} gpu_times_facts;

_Static_assert(sizeof(gpu_device_facts) == 56, "gpu_device_facts is part of the ABI");
_Static_assert(sizeof(gpu_parameter_facts) == 12, "gpu_parameter_facts is part of the ABI");
_Static_assert(sizeof(gpu_range) == 80, "gpu_range is part of the ABI");
_Static_assert(sizeof(gpu_times_facts) == 32, "gpu_times_facts is part of the ABI");

/* Devices. */
GODWIT_GPU_IMPORT(mode) uint32_t gpu_mode(void);
GODWIT_GPU_IMPORT(devices) gpu_errno gpu_devices(uint32_t *n);
GODWIT_GPU_IMPORT(device) gpu_errno gpu_device(uint32_t device, gpu_device_facts *facts);
GODWIT_GPU_IMPORT(device_text)
gpu_errno gpu_device_text(uint32_t device, uint32_t what, char *to, size_t size, uint32_t *n);
GODWIT_GPU_IMPORT(memory) gpu_errno gpu_memory(uint64_t *used, uint64_t *most);

/* Buffers. Sizes and offsets in bytes. */
GODWIT_GPU_IMPORT(buffer) gpu_errno gpu_buffer(uint32_t device, uint64_t size, uint64_t *buffer);
GODWIT_GPU_IMPORT(size) gpu_errno gpu_size(uint64_t buffer, uint64_t *size);
GODWIT_GPU_IMPORT(write) gpu_errno gpu_write(uint64_t buffer, uint64_t offset, const void *from, size_t size);
GODWIT_GPU_IMPORT(read) gpu_errno gpu_read(uint64_t buffer, uint64_t offset, void *to, size_t size);
GODWIT_GPU_IMPORT(copy)
gpu_errno gpu_copy(uint64_t from, uint64_t from_offset, uint64_t to, uint64_t to_offset, uint64_t size);
GODWIT_GPU_IMPORT(free) gpu_errno gpu_free(uint64_t handle); /* of any kind */

/* Programs and kernels. */
GODWIT_GPU_IMPORT(build)
gpu_errno gpu_build(uint32_t device, uint32_t kind, const void *code, size_t size, const char *options,
	size_t options_size, uint64_t *program);
GODWIT_GPU_IMPORT(build_log) gpu_errno gpu_build_log(char *to, size_t size, uint32_t *n);
GODWIT_GPU_IMPORT(kernel) gpu_errno gpu_kernel(uint64_t program, const char *name, size_t size, uint64_t *kernel);
GODWIT_GPU_IMPORT(ready) gpu_errno gpu_ready(uint32_t device, const char *name, size_t size, uint64_t *kernel);
GODWIT_GPU_IMPORT(parameters) gpu_errno gpu_parameters(uint64_t kernel, uint32_t *n);
GODWIT_GPU_IMPORT(parameter)
gpu_errno gpu_parameter(uint64_t kernel, uint32_t index, gpu_parameter_facts *facts, char *type, size_t size,
	uint32_t *n);

/* Arguments by their position. A size of 0 is what there is from the offset on. */
GODWIT_GPU_IMPORT(set_buffer)
gpu_errno gpu_set_buffer(uint64_t kernel, uint32_t index, uint64_t buffer, uint64_t offset, uint64_t size);
GODWIT_GPU_IMPORT(set_value)
gpu_errno gpu_set_value(uint64_t kernel, uint32_t index, uint32_t type, const void *value, size_t size);
GODWIT_GPU_IMPORT(set_local) gpu_errno gpu_set_local(uint64_t kernel, uint32_t index, size_t size);

/* Launches. event may be null. */
GODWIT_GPU_IMPORT(launch) gpu_errno gpu_launch(uint64_t kernel, const gpu_range *range, uint64_t *event);
GODWIT_GPU_IMPORT(wait) gpu_errno gpu_wait(uint64_t event); /* 0: all */
GODWIT_GPU_IMPORT(done) gpu_errno gpu_done(uint64_t event, uint32_t *ended);
GODWIT_GPU_IMPORT(times) gpu_errno gpu_times(uint64_t event, gpu_times_facts *times);

/* Shorter forms. */
static inline gpu_errno gpu_build_source(uint32_t device, const char *source, const char *options, uint64_t *program) {
	return gpu_build(device, GPU_CODE_OPENCL_C, source, strlen(source), options, strlen(options), program);
}
static inline gpu_errno gpu_kernel_named(uint64_t program, const char *name, uint64_t *kernel) {
	return gpu_kernel(program, name, strlen(name), kernel);
}
static inline gpu_errno gpu_ready_named(uint32_t device, const char *name, uint64_t *kernel) {
	return gpu_ready(device, name, strlen(name), kernel);
}
/* A text of a device, ended with a 0 and cut to what there is room for: GPU_TEXT_NAME and so on. */
static inline gpu_errno gpu_text(uint32_t device, uint32_t what, char *to, size_t size) {
	uint32_t n = 0;
	gpu_errno e = size ? gpu_device_text(device, what, to, size - 1, &n) : GPU_EINVAL;
	if (size) to[n < size ? n : size - 1] = 0;
	return e;
}
static inline gpu_errno gpu_build_spirv(uint32_t device, const void *module, size_t size, const char *options,
	uint64_t *program) {
	return gpu_build(device, GPU_CODE_SPIRV, module, size, options, strlen(options), program);
}

/* Arguments that are numbers: gpu_set_int(kernel, index, value) and so on. Of a half, C has the bits. */
#define GODWIT_GPU_NUMBER(name, number, code) \
	static inline gpu_errno gpu_set_##name(uint64_t kernel, uint32_t index, number value) { \
		return gpu_set_value(kernel, index, code, &value, sizeof value); \
	}
GODWIT_GPU_NUMBER(char, int8_t, GPU_CHAR)
GODWIT_GPU_NUMBER(uchar, uint8_t, GPU_UCHAR)
GODWIT_GPU_NUMBER(short, int16_t, GPU_SHORT)
GODWIT_GPU_NUMBER(ushort, uint16_t, GPU_USHORT)
GODWIT_GPU_NUMBER(int, int32_t, GPU_INT)
GODWIT_GPU_NUMBER(uint, uint32_t, GPU_UINT)
GODWIT_GPU_NUMBER(long, int64_t, GPU_LONG)
GODWIT_GPU_NUMBER(ulong, uint64_t, GPU_ULONG)
GODWIT_GPU_NUMBER(half, uint16_t, GPU_HALF)
GODWIT_GPU_NUMBER(float, float, GPU_FLOAT)
GODWIT_GPU_NUMBER(double, double, GPU_DOUBLE)
#undef GODWIT_GPU_NUMBER

/* A vector of 2, 3, 4, 8 or 16 lanes, with all its bytes: one of 3 has a fourth. */
static inline gpu_errno gpu_set_vector(uint64_t kernel, uint32_t index, uint32_t type, uint32_t lanes,
	const void *values, size_t size) {
	return gpu_set_value(kernel, index, type | GPU_LANES(lanes), values, size);
}
/* A structure, as the kernel has it: with the same members, padded alike. */
static inline gpu_errno gpu_set_struct(uint64_t kernel, uint32_t index, const void *value, size_t size) {
	return gpu_set_value(kernel, index, GPU_BYTES, value, size);
}
static inline gpu_errno gpu_set_null(uint64_t kernel, uint32_t index) {
	return gpu_set_buffer(kernel, index, 0, 0, 0);
}
static inline gpu_errno gpu_set_whole(uint64_t kernel, uint32_t index, uint64_t buffer) {
	return gpu_set_buffer(kernel, index, buffer, 0, 0);
}
/* A ready-made kernel, over as much as its arguments say. */
static inline gpu_errno gpu_launch_ready(uint64_t kernel, uint64_t *event) {
	const gpu_range range = {0};
	return gpu_launch(kernel, &range, event);
}
static inline gpu_errno gpu_launch_1d(uint64_t kernel, uint64_t items, uint64_t *event) {
	const gpu_range range = {.dimensions = 1, .global = {items}};
	return gpu_launch(kernel, &range, event);
}
static inline gpu_errno gpu_launch_2d(uint64_t kernel, uint64_t width, uint64_t height, uint64_t *event) {
	const gpu_range range = {.dimensions = 2, .global = {width, height}};
	return gpu_launch(kernel, &range, event);
}
static inline gpu_errno gpu_launch_3d(uint64_t kernel, uint64_t width, uint64_t height, uint64_t depth, uint64_t *event) {
	const gpu_range range = {.dimensions = 3, .global = {width, height, depth}};
	return gpu_launch(kernel, &range, event);
}
static inline gpu_errno gpu_wait_all(void) { return gpu_wait(0); }

#ifdef __cplusplus
}
#endif

#endif
