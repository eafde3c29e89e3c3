/* ReLU, depthwise k x k (3 or 5), pointwise and the sums of batch normalization, and their gradients. */

#include "common.h"

#define WIDEST_UNSPLIT_ROW 28
#define SPLIT 15
#define MOST_TAPS 25
#define QUEUE 2 /* vectors that are filtered together */

/* Scratch images have a border of zeros and a plane for each group of channels, so that loads are aligned. The
   last plane is narrower where few channels are left; then a vector holds several pixels of it. */

typedef struct {
    int height, width, half, stride; /* stride: pixels of a row with its border */
    long size;                       /* pixels with border */
} Frame;

static Frame framed(Shape s) {
    int half = s.kernel / 2;
    return (Frame){s.height, s.width, half, s.width + 2 * half, (s.height + 2L * half) * (s.width + 2 * half)};
}

static float *planes(Frame f) { return room(f.size * ((GROUPS - 1) * LANES + NARROW) + QUEUE * LANES); }

INLINE int width_of(int g) { return g == GROUPS - 1 ? NARROW : LANES; }
INLINE float *plane(float *image, Frame f, int g) { return image + f.size * g * LANES; }
INLINE long inside(Frame f, int i, int j) { return (long)(i + f.half) * f.stride + j + f.half; }

INLINE void store_plane(float *at, vec v, int g) {
    if (g == GROUPS - 1) store_narrow(at, v);
    else store(at, v);
}

/* relu(x), or relu(x slope + constant) where slope is given. */
static void rectify(const float *x, const float *slope, const float *constant, float *out, Frame f) {
    for (int g = 0; g < GROUPS; g++) {
        vec a = slope ? load_group(slope, g) : zero();
        vec b = slope ? load_group(constant, g) : zero();
        for (int i = 0; i < f.height; i++) {
            const float *row = x + (long)i * f.width * C;
            float *to = plane(out, f, g) + inside(f, i, 0) * width_of(g);
            if (slope)
                for (int j = 0; j < f.width; j++)
                    store_plane(to + j * width_of(g), relu(multiply_add(load_group(row + j * C, g), a, b)), g);
            else
                for (int j = 0; j < f.width; j++)
                    store_plane(to + j * width_of(g), relu(load_group(row + j * C, g)), g);
        }
    }
}

/* Sums over the filter at QUEUE neighboring vectors of a plane: one chain alone would wait for its own additions.
   `turned`: for the gradient of the input. */
INLINE void filter(const float *place, const vec *weights, vec *sums, int stride, int width, int k, int turned) {
    for (int q = 0; q < QUEUE; q++) sums[q] = zero();
#pragma GCC unroll 5
    for (int a = 0; a < k; a++)
#pragma GCC unroll 5
        for (int b = 0; b < k; b++) {
            int row = turned ? k - 1 - a : a, column = turned ? k - 1 - b : b;
            const float *from = place + ((long)row * stride + column) * width;
            for (int q = 0; q < QUEUE; q++)
                sums[q] = multiply_add(load(from + q * LANES), weights[a * k + b], sums[q]);
        }
}

INLINE void depthwise_group(const float *image, const float *w, float *out, Frame f, int k, int turned, int g) {
    int width = width_of(g), pack = LANES / width;
    vec weights[MOST_TAPS], sums[QUEUE];
    for (int t = 0; t < k * k; t++) {
        float values[LANES];
        for (int l = 0; l < LANES; l++) values[l] = w[t * ROOM + g * LANES + l % width];
        weights[t] = load(values);
    }
    for (int i = 0; i < f.height; i++) {
        const float *row = plane((float *)image, f, g) + (long)i * f.stride * width;
        float *to = out + (long)i * f.width * C + g * LANES, values[QUEUE * LANES + LANES];
        for (int j = 0; j < f.width; j += QUEUE * pack) {
            filter(row + j * width, weights, sums, f.stride, width, k, turned);
            for (int q = 0; q < QUEUE; q++)
                if (pack == 1) {
                    if (j + q < f.width) store_group(to + (j + q) * C - g * LANES, sums[q], g);
                } else {
                    store(values + q * LANES, sums[q]);
                }
            if (pack == 1) continue;
            for (int p = 0; p < QUEUE * pack && j + p < f.width; p++)
                store_group(to + (j + p) * C - g * LANES, load(values + p * width), g);
        }
    }
}

INLINE void depthwise_of(const float *image, const float *w, float *out, Frame f, int k, int turned) {
    for (int g = 0; g < GROUPS - 1; g++) depthwise_group(image, w, out, f, k, turned, g);
    depthwise_group(image, w, out, f, k, turned, GROUPS - 1);
}

/* (H, W, C) from planes. */
static void depthwise(const float *image, const float *w, float *out, Frame f) {
    if (f.half == 1) depthwise_of(image, w, out, f, 3, 0);
    else depthwise_of(image, w, out, f, 5, 0);
}

static void depthwise_back(const float *gradient, const float *w, float *out, Frame f) {
    if (f.half == 1) depthwise_of(gradient, w, out, f, 3, 1);
    else depthwise_of(gradient, w, out, f, 5, 1);
}

/* total[a][b] continues adding image[i + a][j + b] gradient[i][j]; as many rows a of the filter at once as have their
   sums in registers. */
#define WEIGHT_GROUP(name, type, read, write, fused)                                                            \
    INLINE void name##_rows(const float *image, const float *gradient, float *total, Frame f, int k, int width, \
                            int first, int last) {                                                              \
        int block = f.width > WIDEST_UNSPLIT_ROW ? SPLIT : f.width;                                             \
        type sums[MOST_TAPS];                                                                                   \
        for (int t = first * k; t < last * k; t++) sums[t] = read(total + t * ROOM);                            \
        for (int j0 = 0; j0 < f.width; j0 += block)                                                             \
            for (int i = 0; i < f.height; i++)                                                                  \
                for (int j = j0; j < j0 + block && j < f.width; j++) {                                          \
                    type d = read(gradient + inside(f, i, j) * width);                                          \
                    const float *place = image + ((long)i * f.stride + j) * width;                              \
                    _Pragma("GCC unroll 5") for (int a = first; a < last; a++)                                  \
                        _Pragma("GCC unroll 5") for (int b = 0; b < k; b++) {                                   \
                            type x = read(place + ((long)a * f.stride + b) * width);                            \
                            sums[a * k + b] = fused(x, d, sums[a * k + b]);                                     \
                        }                                                                                       \
                }                                                                                               \
        for (int t = first * k; t < last * k; t++) write(total + t * ROOM, sums[t]);                            \
    }                                                                                                           \
    INLINE void name(const float *image, const float *gradient, float *total, Frame f, int k, int width) {      \
        int rows = MOST_SUMS / k < k ? MOST_SUMS / k : k;                                                       \
        _Pragma("GCC unroll 5") for (int a = 0; a < k; a += rows)                                               \
            name##_rows(image, gradient, total, f, k, width, a, a + rows < k ? a + rows : k);                   \
    }

WEIGHT_GROUP(weight_group, vec, load, store, multiply_add)
/* Loads of a whole vector from a narrow plane would straddle cache lines. */
#if NARROW == LANES
#define weight_narrow weight_group
#elif NARROW == 8
WEIGHT_GROUP(weight_narrow, __m256, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps)
#else
WEIGHT_GROUP(weight_narrow, __m128, _mm_loadu_ps, _mm_storeu_ps, _mm_fmadd_ps)
#endif

INLINE void weight_of(const float *image, const float *gradient, float *total, Frame f, int k) {
    for (int g = 0; g < GROUPS - 1; g++)
        weight_group(plane((float *)image, f, g), plane((float *)gradient, f, g), total + g * LANES, f, k, LANES);
    int g = GROUPS - 1;
    weight_narrow(plane((float *)image, f, g), plane((float *)gradient, f, g), total + g * LANES, f, k, NARROW);
}

static void depthwise_weight(const float *image, const float *gradient, float *total, Frame f) {
    if (f.half == 1) weight_of(image, gradient, total, f, 3);
    else weight_of(image, gradient, total, f, 5);
}

/* z[p] = u[p] w for (pixels, C) images. */
INLINE void pointwise_block(const float *u, const float *w, float *z, int count) {
    vec sums[12][GROUPS];
    for (int p = 0; p < count; p++)
        for (int g = 0; g < GROUPS; g++) sums[p][g] = zero();
    multiply(u, C, w, sums, count);
    for (int p = 0; p < count; p++)
        for (int g = 0; g < GROUPS; g++) store_group(z + p * C, sums[p][g], g);
}

static void pointwise(const float *u, const float *w, float *z, int pixels) {
    int p = 0;
    for (; p + BLOCK <= pixels; p += BLOCK) pointwise_block(u + p * C, w, z + p * C, BLOCK);
    for (; p < pixels; p++) pointwise_block(u + p * C, w, z + p * C, 1);
}

/* The same from rows of ROOM values to planes. */
INLINE void pointwise_planes_block(const float *dz, const float *w, float *out, Frame f, long at, int count) {
    vec sums[12][GROUPS];
    for (int p = 0; p < count; p++)
        for (int g = 0; g < GROUPS; g++) sums[p][g] = zero();
    multiply(dz, ROOM, w, sums, count);
    for (int p = 0; p < count; p++)
        for (int g = 0; g < GROUPS; g++) store_plane(plane(out, f, g) + (at + p) * width_of(g), sums[p][g], g);
}

static void pointwise_planes(const float *dz, const float *w, float *out, Frame f) {
    for (int i = 0; i < f.height; i++) {
        const float *row = dz + (long)i * f.width * ROOM;
        int j = 0;
        for (; j + BLOCK <= f.width; j += BLOCK)
            pointwise_planes_block(row + j * ROOM, w, out, f, inside(f, i, j), BLOCK);
        for (; j < f.width; j++) pointwise_planes_block(row + j * ROOM, w, out, f, inside(f, i, j), 1);
    }
}

/* dx where the rectified image is positive, else 0. */
static void mask(const float *image, float *dx, Frame f) {
    for (int g = 0; g < GROUPS; g++)
        for (int i = 0; i < f.height; i++) {
            const float *row = plane((float *)image, f, g) + inside(f, i, 0) * width_of(g);
            float *to = dx + (long)i * f.width * C;
            for (int j = 0; j < f.width; j++) {
                vec kept = where_positive(load(row + j * width_of(g)), load_group(to + j * C, g));
                store_group(to + j * C, kept, g);
            }
        }
}

/* z = pointwise(depthwise(relu(x))), and mean and variance of the columns of each chunk of z.

   slope, constant: (C,), batch normalization of x before the ReLU, or both null. filters: (C, k, k); matrix:
   (out, in); means, variances: (chunks, pixels C). */
EXPORT void posenas_separable(Shape s, const float *x, const float *slope, const float *constant,
                              const float *filters, const float *matrix, float *z, float *means,
                              float *variances) {
    Frame f = framed(s);
    long pixels = s.height * s.width, image = pixels * C, columns = s.pixels * C;
    float *scratch = planes(f), *u = room(image);
    float *w = room(s.kernel * s.kernel * ROOM), *m = room(C * ROOM);
    transpose(filters, w, s.kernel * s.kernel);
    transpose(matrix, m, C);
    for (long first = 0, chunk = 0; first < s.images; first += s.chunk, chunk++) {
        long count = s.images - first < s.chunk ? s.images - first : s.chunk;
        for (long n = first; n < first + count; n++) {
            rectify(x + n * image, slope, constant, scratch, f);
            depthwise(scratch, w, u, f);
            pointwise(u, m, z + n * image, pixels);
        }
        moments(z + first * image, means + chunk * columns, variances + chunk * columns,
                count * pixels / s.pixels, columns);
    }
    free(scratch), free(u), free(w), free(m);
}

/* Gradients of the above followed by batch normalization.

   of_dy, of_z, constant_z: (C,), what batch normalization hands on; see `normalized_gradient`. dx is the gradient
   of x before the ReLU and, with slope, after the normalization of x; then its column sums too, and those of
   (x - mean) dx: (pixels C), and so are the means. */
EXPORT void posenas_separable_back(Shape s, const float *dy, const float *z, const float *x, const float *slope,
                                   const float *constant, const float *means, const float *of_dy,
                                   const float *of_z, const float *constant_z, const float *filters,
                                   const float *matrix, float *dx, float *d_filters, float *d_matrix,
                                   float *sums, float *products) {
    Frame f = framed(s);
    int taps = s.kernel * s.kernel;
    long pixels = s.height * s.width, image = pixels * C, columns = s.pixels * C;
    float *scratch = planes(f), *du = planes(f), *u = room(image), *dz = room(pixels * ROOM);
    float *w = room(taps * ROOM), *m = room(C * ROOM), *dw = room(taps * ROOM), *dm = room(C * ROOM);
    transpose(filters, w, taps);
    widen(matrix, m, C);
    if (slope) memset(sums, 0, sizeof(float) * columns), memset(products, 0, sizeof(float) * columns);
    for (long at = 0; at < s.images * image; at += image) {
        normalized_gradient(dy + at, z + at, of_dy, of_z, constant_z, dz, pixels);
        rectify(x + at, slope, constant, scratch, f);
        depthwise(scratch, w, u, f); /* again: cheaper than to have kept it */
        outer(u, dz, dm, pixels, s.chain);
        pointwise_planes(dz, m, du, f);
        depthwise_weight(scratch, du, dw, f);
        depthwise_back(du, w, dx + at, f);
        mask(scratch, dx + at, f);
        if (slope) reduce(x + at, means, dx + at, sums, products, pixels / s.pixels, columns);
    }
    for (int c = 0; c < C; c++)
        for (int t = 0; t < taps; t++) d_filters[c * taps + t] = dw[t * ROOM + c];
    for (int i = 0; i < C; i++)
        for (int o = 0; o < C; o++) d_matrix[o * C + i] = dm[i * ROOM + o];
    free(scratch), free(du), free(u), free(dz), free(w), free(m), free(dw), free(dm);
}

/* y = z slope + constant + addend; the addend may be null. slope, constant: (C,). */
EXPORT void posenas_affine(Shape s, const float *z, const float *slope, const float *constant,
                           const float *addend, float *y) {
    long columns = s.pixels * C, rows = s.images * s.height * s.width / s.pixels;
    float *a = room(columns), *b = room(columns);
    for (int p = 0; p < s.pixels; p++)
        memcpy(a + p * C, slope, sizeof(float) * C), memcpy(b + p * C, constant, sizeof(float) * C);
    for (long at = 0; at < rows * columns; at += columns)
        if (addend)
            for (long v = 0; v < columns; v++) y[at + v] = __builtin_fmaf(z[at + v], a[v], b[v]) + addend[at + v];
        else
            for (long v = 0; v < columns; v++) y[at + v] = __builtin_fmaf(z[at + v], a[v], b[v]);
    free(a), free(b);
}

/* Column sums of dy and of (z - mean) dy. means, sums, products: (pixels C). */
EXPORT void posenas_reduce(Shape s, const float *z, const float *means, const float *dy, float *sums,
                           float *products) {
    long columns = s.pixels * C;
    memset(sums, 0, sizeof(float) * columns);
    memset(products, 0, sizeof(float) * columns);
    reduce(z, means, dy, sums, products, s.images * s.height * s.width / s.pixels, columns);
}
