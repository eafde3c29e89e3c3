/* Pooling over 3 x 3 pixels, stride 1, padded by one, and its gradients: the bits of torch.

   Pixels are added in reading order; of equal maxima the first in reading order counts. Gradients of a pixel are
   added in the reading order of the windows that hold it. */

#include "common.h"

/* A window: the rows and columns around a pixel that lie in the image, last ones excluded. */
typedef struct {
    int top, bottom, left, right;
} Window;

INLINE long at(Shape s, int row, int column) { return ((long)row * s.width + column) * C; }
INLINE int size_of(int i, long length) { return 1 + (i > 0) + (i < length - 1); }
INLINE int inner(int i, long length) { return i > 0 && i < length - 1; }

/* Calls `pixel(s, arguments, i, j, g, window)` for each pixel and group of channels; where the window is whole, with
   bounds that the compiler knows to be three apart. */
#define EACH_PIXEL(pixel, ...)                                                                                  \
    for (int i = 0; i < s.height; i++)                                                                          \
        for (int j = 0; j < s.width; j++)                                                                       \
            for (int g = 0; g < GROUPS; g++) {                                                                  \
                if (inner(i, s.height) && inner(j, s.width)) {                                                  \
                    pixel(s, __VA_ARGS__, i, j, g, (Window){i - 1, i + 2, j - 1, j + 2});                       \
                } else {                                                                                        \
                    Window window = {i - (i > 0), i + 1 + (i < s.height - 1), j - (j > 0),                      \
                                     j + 1 + (j < s.width - 1)};                                                \
                    pixel(s, __VA_ARGS__, i, j, g, window);                                                     \
                }                                                                                               \
            }

#define EACH(window)                                                                                            \
    for (int a = window.top; a < window.bottom; a++)                                                            \
        for (int b = window.left; b < window.right; b++)

INLINE vec sum_of(Shape s, const float *x, int g, Window window) {
    vec sum = _mm512_setzero_ps();
    EACH(window) sum = _mm512_add_ps(sum, load_group(x + at(s, a, b), g));
    return sum;
}

INLINE void mean_pixel(Shape s, const float *x, float *y, int i, int j, int g, Window window) {
    vec count = _mm512_set1_ps((float)(size_of(i, s.height) * size_of(j, s.width)));
    store_group(y + at(s, i, j), _mm512_div_ps(sum_of(s, x, g, window), count), g);
}

INLINE void sum_pixel(Shape s, const float *x, float *y, int i, int j, int g, Window window) {
    store_group(y + at(s, i, j), sum_of(s, x, g, window), g);
}

/* Mean of the pixels of each window that lie in the image. */
EXPORT void posenas_average(Shape s, const float *x, float *y) {
    long image = s.height * s.width * C;
    for (long first = 0; first < s.images * image; first += image) EACH_PIXEL(mean_pixel, x + first, y + first)
}

EXPORT void posenas_average_back(Shape s, const float *dy, float *dx) {
    long image = s.height * s.width * C;
    float *shares = room(image);
    for (long first = 0; first < s.images * image; first += image) {
        for (int i = 0; i < s.height; i++)
            for (int j = 0; j < s.width; j++) {
                float count = (float)(size_of(i, s.height) * size_of(j, s.width));
                for (int c = 0; c < C; c++) shares[at(s, i, j) + c] = dy[first + at(s, i, j) + c] / count;
            }
        EACH_PIXEL(sum_pixel, shares, dx + first)
    }
    free(shares);
}

INLINE void maximum_pixel(Shape s, const float *x, float *y, unsigned char *places, int i, int j, int g,
                          Window window) {
    vec most = _mm512_set1_ps(-__builtin_inff());
    __m512i place = _mm512_set1_epi32((window.top - i + 1) * 3 + window.left - j + 1);
    EACH(window) {
        vec value = load_group(x + at(s, a, b), g);
        __mmask16 greater = _mm512_cmp_ps_mask(value, most, _CMP_GT_OQ);
        __mmask16 more = greater | _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q); /* or not a number */
        most = _mm512_mask_mov_ps(most, more, value);
        place = _mm512_mask_mov_epi32(place, more, _mm512_set1_epi32((a - i + 1) * 3 + b - j + 1));
    }
    store_group(y + at(s, i, j), most, g);
    _mm512_mask_cvtepi32_storeu_epi8(places + at(s, i, j) + g * LANES, lanes(g), place);
}

/* Maximum, and which of the nine pixels of its window it is. */
EXPORT void posenas_maximum(Shape s, const float *x, float *y, unsigned char *places) {
    long image = s.height * s.width * C;
    for (long first = 0; first < s.images * image; first += image)
        EACH_PIXEL(maximum_pixel, x + first, y + first, places + first)
}

INLINE void maximum_back_pixel(Shape s, const float *dy, const unsigned char *places, float *dx, int i, int j,
                               int g, Window window) {
    vec sum = _mm512_setzero_ps();
    EACH(window) {
        __m128i bytes = _mm_maskz_loadu_epi8(lanes(g), places + at(s, a, b) + g * LANES);
        __m512i mine = _mm512_set1_epi32((i - a + 1) * 3 + j - b + 1);
        __mmask16 here = _mm512_cmpeq_epi32_mask(_mm512_cvtepu8_epi32(bytes), mine);
        sum = _mm512_mask_add_ps(sum, here, sum, load_group(dy + at(s, a, b), g));
    }
    store_group(dx + at(s, i, j), sum, g);
}

EXPORT void posenas_maximum_back(Shape s, const float *dy, const unsigned char *places, float *dx) {
    long image = s.height * s.width * C;
    for (long first = 0; first < s.images * image; first += image)
        EACH_PIXEL(maximum_back_pixel, dy + first, places + first, dx + first)
}
