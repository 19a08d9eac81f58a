// y = bias + x * w, the cross-correlation of neural networks: x is ci planes of h by w,
// the weights are co by ci by kh by kw, y is co planes of oh by ow, where
// oh = (h + 2 pad - kh) / stride + 1, and ow likewise. Beyond its border x is 0.
__kernel void conv2d(int ci, int h, int w, int co, int kh, int kw, int stride, int pad,
                     __global const float *x, __global const float *weights, __global const float *bias,
                     __global float *y) {
    const int oh = (h + 2 * pad - kh) / stride + 1, ow = (w + 2 * pad - kw) / stride + 1;
    const size_t plane = (size_t)oh * ow;
    for (size_t t = get_global_id(0); t < co * plane; t += get_global_size(0)) {
        const int o = t / plane, top = (int)(t % plane / ow) * stride - pad, left = (int)(t % ow) * stride - pad;
        __global const float *f = weights + (size_t)o * ci * kh * kw;
        float sum = bias[o];
        for (int c = 0; c < ci; c++) {
            for (int r = max(0, -top); r < min(kh, h - top); r++) {
                __global const float *from = x + ((size_t)c * h + top + r) * w;
                __global const float *by = f + ((size_t)c * kh + r) * kw;
                for (int s = max(0, -left); s < min(kw, w - left); s++)
                    sum += from[left + s] * by[s];
            }
        }
        y[t] = sum;
    }
}
