/* What the compiled kernels share. CHANNELS is the number of channels, PART a divisor of it.

   Images are float32, channels last: (N, H, W, C) in memory. Everything runs on one thread. Every sum is one
   chain of fused multiply-adds in the order in which torch's own kernels add on this kind of processor, so that
   the results are torch's, bit for bit:

       depthwise, and its gradient for the input    filter rows, then columns
       pointwise, and its gradient for the input    channels
       gradient of the pointwise weight             pixels of an image; then images
       gradient of a depthwise weight               images; blocks of 15 columns where a row is wider than 28;
                                                    rows; columns
       sums of batch normalisation                  `pixels` neighbouring pixels are a row; rows

   Compiled with -ffp-contract=off, so that the compiler changes none of it; `nas.kernels.compiled_separable` compares
   with torch before a shape is used. */

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#define C CHANNELS
#define LANES 16
#define GROUPS ((C + LANES - 1) / LANES) /* vectors that hold the channels of a pixel */
#define ROOM (GROUPS * LANES)
#define LEFT (C - (GROUPS - 1) * LANES) /* channels in the last of them */
#define TAIL ((__mmask16)((1 << LEFT) - 1))
#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))

typedef __m512 vec;

typedef struct {
    long images, height, width, kernel;
    long pixels;  /* neighbouring pixels that are one row of batch normalisation; divides height x width */
    long chunk;   /* images whose mean and variance are taken together */
} Shape;

INLINE vec load(const float *p) { return _mm512_loadu_ps(p); }
INLINE vec fma16(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
INLINE __mmask16 lanes(int g) { return g == GROUPS - 1 ? TAIL : (__mmask16)0xffff; }

/* Group g of a pixel's channels. */
INLINE vec load_group(const float *p, int g) { return _mm512_maskz_loadu_ps(lanes(g), p + g * LANES); }
INLINE void store_group(float *p, vec v, int g) { _mm512_mask_storeu_ps(p + g * LANES, lanes(g), v); }

/* ReLU; not-a-number stays. */
INLINE vec relu16(vec v) { return _mm512_max_ps(_mm512_setzero_ps(), v); }

static float *room(size_t count) {
    size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
    float *memory = aligned_alloc(64, bytes);
    if (!memory) abort();
    memset(memory, 0, bytes);
    return memory;
}

/* (rows, C) to rows of ROOM values. */
static void widen(const float *w, float *out, int rows) {
    for (int r = 0; r < rows; r++) memcpy(out + r * ROOM, w + r * C, sizeof(float) * C);
}

/* (C, columns) to (columns, ROOM). */
static void transpose(const float *w, float *out, int columns) {
    for (int c = 0; c < C; c++)
        for (int k = 0; k < columns; k++) out[k * ROOM + c] = w[c * columns + k];
}

/* sums[p][g] += x[p][i] w[i] over the channels i of x. */
INLINE void multiply(const float *x, int stride, const float *w, vec sums[][GROUPS], int count) {
    for (int i = 0; i < C; i++) {
        vec weights[GROUPS];
        for (int g = 0; g < GROUPS; g++) weights[g] = load(w + i * ROOM + g * LANES);
        for (int p = 0; p < count; p++) {
            vec value = _mm512_set1_ps(x[p * stride + i]);
            for (int g = 0; g < GROUPS; g++) sums[p][g] = fma16(value, weights[g], sums[p][g]);
        }
    }
}

/* Pixels whose sums fit the registers. */
#define BLOCK (GROUPS == 1 ? 12 : GROUPS == 2 ? 8 : GROUPS == 3 ? 6 : GROUPS <= 5 ? 4 : 2)

/* total[i] += sum over the pixels of an image of u[p][i] gradient[p]; gradient has rows of ROOM values. */
INLINE void outer_rows(const float *u, const float *gradient, float *total, int pixels, int first) {
    vec sums[PART][GROUPS];
    for (int i = 0; i < PART; i++)
        for (int g = 0; g < GROUPS; g++) sums[i][g] = _mm512_setzero_ps();
    for (int p = 0; p < pixels; p++) {
        vec d[GROUPS];
        for (int g = 0; g < GROUPS; g++) d[g] = load(gradient + p * ROOM + g * LANES);
        for (int i = 0; i < PART; i++) {
            vec value = _mm512_set1_ps(u[p * C + first + i]);
            for (int g = 0; g < GROUPS; g++) sums[i][g] = fma16(value, d[g], sums[i][g]);
        }
    }
    for (int i = 0; i < PART; i++)
        for (int g = 0; g < GROUPS; g++) {
            float *place = total + (first + i) * ROOM + g * LANES;
            _mm512_storeu_ps(place, _mm512_add_ps(load(place), sums[i][g]));
        }
}

static void outer(const float *u, const float *gradient, float *total, int pixels) {
    for (int i = 0; i < C; i += PART) outer_rows(u, gradient, total, pixels, i);
}

/* dz = z of_z + constant + dy of_dy for the pixels of an image, in rows of ROOM values: the gradient that batch
   normalisation hands on. */
static void normalised_gradient(const float *dy, const float *z, const float *of_dy, const float *of_z,
                                const float *constant, float *dz, int pixels) {
    for (int g = 0; g < GROUPS; g++) {
        vec a = load_group(of_z, g), b = load_group(constant, g), c = load_group(of_dy, g);
        for (int p = 0; p < pixels; p++) {
            vec alone = fma16(load_group(z + p * C, g), a, b);
            _mm512_storeu_ps(dz + p * ROOM + g * LANES, fma16(load_group(dy + p * C, g), c, alone));
        }
    }
}

/* Mean and variance of each column, (pixels C), of `rows` rows that lie in the cache. */
static void moments(const float *restrict z, float *restrict means, float *restrict variances, long rows,
                    long columns) {
    memset(means, 0, sizeof(float) * columns);
    memset(variances, 0, sizeof(float) * columns);
    for (long r = 0; r < rows; r++)
        for (long v = 0; v < columns; v++) means[v] += z[r * columns + v];
    for (long v = 0; v < columns; v++) means[v] /= (float)rows;
    for (long r = 0; r < rows; r++)
        for (long v = 0; v < columns; v++) {
            float difference = z[r * columns + v] - means[v];
            variances[v] = __builtin_fmaf(difference, difference, variances[v]);
        }
    for (long v = 0; v < columns; v++) variances[v] /= (float)rows;
}

/* Adds dy to the column sums, and (x - mean) dy to `products`. */
static void reduce(const float *restrict x, const float *restrict means, const float *restrict dy,
                   float *restrict sums, float *restrict products, long rows, long columns) {
    for (long r = 0; r < rows; r++)
        for (long v = 0; v < columns; v++) {
            long at = r * columns + v;
            sums[v] += dy[at];
            products[v] = __builtin_fmaf(x[at] - means[v], dy[at], products[v]);
        }
}
