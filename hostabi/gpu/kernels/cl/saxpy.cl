// y = a x + y, for n elements.
__kernel void saxpy(int n, float a, __global const float *x, __global float *y) {
    for (size_t i = get_global_id(0); i < (size_t)n; i += get_global_size(0))
        y[i] = a * x[i] + y[i];
}
