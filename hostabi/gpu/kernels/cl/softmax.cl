// Each row of y is the softmax of that of x, whose largest element is taken off first, so
// that none overflows. x and y may be the same. One group has a row.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void softmax(int rows, int cols, __global const float *x, __global float *y) {
    __local float lane[GROUP];
    for (size_t row = get_group_id(0); row < (size_t)rows; row += get_num_groups(0)) {
        __global const float *from = x + row * cols;
        __global float *to = y + row * cols;
        float top = -INFINITY, sum = 0;
        for (int i = get_local_id(0); i < cols; i += GROUP)
            top = fmax(top, from[i]);
        top = group_max(top, lane);
        for (int i = get_local_id(0); i < cols; i += GROUP) {
            const float e = exp(from[i] - top);
            to[i] = e;
            sum += e;
        }
        sum = group_sum(sum, lane);
        for (int i = get_local_id(0); i < cols; i += GROUP)
            to[i] /= sum;
    }
}
