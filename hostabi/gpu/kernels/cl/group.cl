// What the kernels share whose work-groups have a row or part each: a group adds up, or
// takes the largest, in a tree.
#define GROUP 64

static float group_sum(float v, __local float *lane) {
    const size_t l = get_local_id(0);
    lane[l] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (size_t step = GROUP / 2; step > 0; step /= 2) {
        if (l < step)
            lane[l] += lane[l + step];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    v = lane[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return v;
}

static float group_max(float v, __local float *lane) {
    const size_t l = get_local_id(0);
    lane[l] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (size_t step = GROUP / 2; step > 0; step /= 2) {
        if (l < step)
            lane[l] = fmax(lane[l], lane[l + step]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    v = lane[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return v;
}
