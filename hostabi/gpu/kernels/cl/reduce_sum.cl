// out[p] is the sum of the p-th of parts even shares of x. One group has a share.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1)))
void reduce_sum(int n, __global const float *x, int parts, __global float *out) {
    __local float lane[GROUP];
    for (size_t p = get_group_id(0); p < (size_t)parts; p += get_num_groups(0)) {
        const size_t end = (p + 1) * n / parts;
        float sum = 0;
        for (size_t i = p * n / parts + get_local_id(0); i < end; i += GROUP)
            sum += x[i];
        sum = group_sum(sum, lane);
        if (get_local_id(0) == 0)
            out[p] = sum;
    }
}
