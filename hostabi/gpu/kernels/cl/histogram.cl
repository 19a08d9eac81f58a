// Adds to counts how many of n elements are in each of so many bins of the same width
// between low and high. An element below low, at or above high, or not a number, is in none.
__kernel void histogram(int n, int bins, float low, float high, __global const float *x, __global uint *counts) {
    for (size_t i = get_global_id(0); i < (size_t)n; i += get_global_size(0)) {
        const float v = x[i];
        if (v >= low && v < high) {
            const int bin = (v - low) / (high - low) * bins; // rounded, so perhaps beyond the last
            atomic_inc(&counts[clamp(bin, 0, bins - 1)]);
        }
    }
}
