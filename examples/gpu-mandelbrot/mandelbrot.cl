// One work-item colours one pixel: the mean of four samples, by how soon they escape.
static float3 palette(float t) {
    const float3 phase = (float3)(0.0f, 0.15f, 0.35f);
    return 0.5f - 0.5f * cos(6.2831853f * (t + phase));
}

static float3 sample(float2 c, int iterations) {
    float2 z = 0;
    for (int i = 0; i < iterations; i++) {
        z = (float2)(z.x * z.x - z.y * z.y, 2 * z.x * z.y) + c;
        const float r2 = dot(z, z);
        if (r2 > 256)
            return palette(0.05f * (i + 1 - log2(0.5f * log2(r2))));
    }
    return 0;
}

__kernel void mandelbrot(int width, int height, int iterations, float2 centre, float view, __global uchar *rgb) {
    const int x = get_global_id(0), y = get_global_id(1);
    if (x >= width || y >= height)
        return;
    float3 sum = 0;
    for (int s = 0; s < 4; s++) {
        const float2 at = (float2)(x + 0.25f + 0.5f * (s % 2) - 0.5f * width, 0.5f * height - y - 0.25f - 0.5f * (s / 2));
        sum += sample(centre + at * view / width, iterations);
    }
    vstore3(convert_uchar3_sat_rte(sum * 0.25f * 255.0f), (size_t)y * width + x, rgb);
}
