/* What the compiled kernels share. CHANNELS is the number of channels, PART a divisor of it.

   Images are float32, channels last: (N, H, W, C) in memory. Everything runs on one thread. Every sum is one
   chain of fused multiply-adds in the order in which torch's own kernels add on this kind of processor, so that
   the results are torch's, bit for bit:

       depthwise, and its gradient for the input    filter rows, then columns
       pointwise, and its gradient for the input    channels
       gradient of the pointwise weight             `chain` neighboring pixels of an image; chains; images
       gradient of a depthwise weight               images; blocks of 15 columns where a row is wider than 28;
                                                    rows; columns
       sums of batch normalization                  `pixels` neighboring pixels are a row; rows

   Compiled with -ffp-contract=off, so that the compiler changes none of it; `nas.kernels.compiled_separable` compares
   with torch before a shape is used. */

#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#define ROOM (GROUPS * LANES)
#define EXPORT __attribute__((visibility("default")))

typedef struct {
    long images, height, width, kernel;
    long pixels;  /* neighboring pixels that are one row of batch normalization; divides height x width */
    long chunk;   /* images whose mean and variance are taken together */
    long chain;   /* neighboring pixels whose products are one chain; divides height x width */
} Shape;

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
            vec value = all(x[p * stride + i]);
            for (int g = 0; g < GROUPS; g++) sums[p][g] = multiply_add(value, weights[g], sums[p][g]);
        }
    }
}

/* total[i] += sum over a chain of pixels of u[p][i] gradient[p]; gradient has rows of ROOM values. */
INLINE void outer_rows(const float *u, const float *gradient, float *total, int pixels, int first) {
    vec sums[PART][GROUPS];
    for (int i = 0; i < PART; i++)
        for (int g = 0; g < GROUPS; g++) sums[i][g] = zero();
    for (int p = 0; p < pixels; p++) {
        vec d[GROUPS];
        for (int g = 0; g < GROUPS; g++) d[g] = load(gradient + p * ROOM + g * LANES);
        for (int i = 0; i < PART; i++) {
            vec value = all(u[p * C + first + i]);
            for (int g = 0; g < GROUPS; g++) sums[i][g] = multiply_add(value, d[g], sums[i][g]);
        }
    }
    for (int i = 0; i < PART; i++)
        for (int g = 0; g < GROUPS; g++) {
            float *place = total + (first + i) * ROOM + g * LANES;
            store(place, add(load(place), sums[i][g]));
        }
}

static void outer(const float *u, const float *gradient, float *total, int pixels, int chain) {
    for (int p = 0; p < pixels; p += chain)
        for (int i = 0; i < C; i += PART) outer_rows(u + p * C, gradient + p * ROOM, total, chain, i);
}

/* dz = z of_z + constant + dy of_dy for the pixels of an image, in rows of ROOM values: the gradient that batch
   normalization hands on. */
static void normalized_gradient(const float *dy, const float *z, const float *of_dy, const float *of_z,
                                const float *constant, float *dz, int pixels) {
    for (int g = 0; g < GROUPS; g++) {
        vec a = load_group(of_z, g), b = load_group(constant, g), c = load_group(of_dy, g);
        for (int p = 0; p < pixels; p++) {
            vec alone = multiply_add(load_group(z + p * C, g), a, b);
            store(dz + p * ROOM + g * LANES, multiply_add(load_group(dy + p * C, g), c, alone));
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
