// Each row of y is that of x with mean 0 and variance 1 (eps is added to the variance),
// times gamma plus beta. x and y may be the same. One group has a row.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void layernorm(int rows, int cols, float eps, __global const float *x, __global const float *gamma,
               __global const float *beta, __global float *y) {
    __local float lane[GROUP];
    for (size_t row = get_group_id(0); row < (size_t)rows; row += get_num_groups(0)) {
        __global const float *from = x + row * cols;
        __global float *to = y + row * cols;
        float sum = 0, squares = 0;
        for (int i = get_local_id(0); i < cols; i += GROUP)
            sum += from[i];
        const float mean = group_sum(sum, lane) / cols;
        for (int i = get_local_id(0); i < cols; i += GROUP)
            squares += (from[i] - mean) * (from[i] - mean);
        const float scale = rsqrt(group_sum(squares, lane) / cols + eps);
        for (int i = get_local_id(0); i < cols; i += GROUP)
            to[i] = (from[i] - mean) * scale * gamma[i] + beta[i];
    }
}
