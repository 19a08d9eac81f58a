// C = alpha op(A) op(B) + beta C, row-major: op(A) is m by k, op(B) k by n, C m by n.
// op transposes what its flag says. A matrix begins offset elements into its buffer, and
// its rows are ld elements apart. With beta 0 the old C is not read.
//
// A work-item makes tiles of 4 by 16. Where a tile is whole and rows of B lie in one
// piece it is held in vectors, which is what makes CPUs fast; and a row of a tile is one
// coalesced access on others.
#define TILE_M 4
#define TILE_N 16

static void put(__global float *c, float v, float beta) {
    *c = beta == 0 ? v : v + beta * *c;
}

static void whole_tile(__global const float *a, size_t ai, size_t ap, __global const float *b, size_t ldb,
                       __global float *c, size_t ldc, int k, float alpha, float beta) {
    float16 r0 = 0, r1 = 0, r2 = 0, r3 = 0;
    for (int p = 0; p < k; p++, a += ap, b += ldb) {
        const float16 row = vload16(0, b);
        r0 += a[0] * row;
        r1 += a[ai] * row;
        r2 += a[2 * ai] * row;
        r3 += a[3 * ai] * row;
    }
    r0 *= alpha, r1 *= alpha, r2 *= alpha, r3 *= alpha;
    if (beta != 0) {
        r0 += beta * vload16(0, c);
        r1 += beta * vload16(0, c + ldc);
        r2 += beta * vload16(0, c + 2 * ldc);
        r3 += beta * vload16(0, c + 3 * ldc);
    }
    vstore16(r0, 0, c);
    vstore16(r1, 0, c + ldc);
    vstore16(r2, 0, c + 2 * ldc);
    vstore16(r3, 0, c + 3 * ldc);
}

static void part_tile(__global const float *a, size_t ai, size_t ap, __global const float *b, size_t bp, size_t bj,
                      __global float *c, size_t ldc, int rows, int cols, int k, float alpha, float beta) {
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < cols; j++) {
            float sum = 0;
            for (int p = 0; p < k; p++)
                sum += a[i * ai + p * ap] * b[p * bp + j * bj];
            put(&c[i * ldc + j], alpha * sum, beta);
        }
    }
}

__kernel void sgemm(int transa, int transb, int m, int n, int k, float alpha,
                    __global const float *a, int offa, int lda, __global const float *b, int offb, int ldb,
                    float beta, __global float *c, int offc, int ldc) {
    const size_t ai = transa ? 1 : lda, ap = transa ? lda : 1;
    const size_t bp = transb ? 1 : ldb, bj = transb ? ldb : 1;
    const size_t across = ((size_t)n + TILE_N - 1) / TILE_N, down = ((size_t)m + TILE_M - 1) / TILE_M;
    for (size_t t = get_global_id(0); t < across * down; t += get_global_size(0)) {
        const size_t i = t / across * TILE_M, j = t % across * TILE_N;
        __global const float *ta = a + offa + i * ai, *tb = b + offb + j * bj;
        __global float *tc = c + offc + i * ldc + j;
        const int rows = min((size_t)TILE_M, m - i), cols = min((size_t)TILE_N, n - j);
        if (rows == TILE_M && cols == TILE_N && !transb)
            whole_tile(ta, ai, ap, tb, ldb, tc, ldc, k, alpha, beta);
        else
            part_tile(ta, ai, ap, tb, bp, bj, tc, ldc, rows, cols, k, alpha, beta);
    }
}
