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
    vec sum = zero();
    EACH(window) sum = add(sum, load_group(x + at(s, a, b), g));
    return sum;
}

INLINE void mean_pixel(Shape s, const float *x, float *y, int i, int j, int g, Window window) {
    vec count = all((float)(size_of(i, s.height) * size_of(j, s.width)));
    store_group(y + at(s, i, j), divide(sum_of(s, x, g, window), count), g);
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
    vec most = all(-__builtin_inff());
    numbers place = all_number((window.top - i + 1) * 3 + window.left - j + 1);
    EACH(window) {
        vec value = load_group(x + at(s, a, b), g);
        which more = greater_or_nan(value, most);
        most = choose(more, value, most);
        place = choose_number(more, all_number((a - i + 1) * 3 + b - j + 1), place);
    }
    store_group(y + at(s, i, j), most, g);
    store_bytes(places + at(s, i, j), place, g);
}

/* Maximum, and which of the nine pixels of its window it is. */
EXPORT void posenas_maximum(Shape s, const float *x, float *y, unsigned char *places) {
    long image = s.height * s.width * C;
    for (long first = 0; first < s.images * image; first += image)
        EACH_PIXEL(maximum_pixel, x + first, y + first, places + first)
}

INLINE void maximum_back_pixel(Shape s, const float *dy, const unsigned char *places, float *dx, int i, int j,
                               int g, Window window) {
    vec sum = zero();
    EACH(window) {
        which here = equal(load_bytes(places + at(s, a, b), g), all_number((i - a + 1) * 3 + j - b + 1));
        sum = add(sum, choose(here, load_group(dy + at(s, a, b), g), zero()));
    }
    store_group(dx + at(s, i, j), sum, g);
}

EXPORT void posenas_maximum_back(Shape s, const float *dy, const unsigned char *places, float *dx) {
    long image = s.height * s.width * C;
    for (long first = 0; first < s.images * image; first += image)
        EACH_PIXEL(maximum_back_pixel, dy + first, places + first, dx + first)
}
