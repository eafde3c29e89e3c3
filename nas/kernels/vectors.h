/* Vectors of LANES numbers: sixteen with AVX-512, eight with AVX2 and FMA. A pixel's CHANNELS channels are GROUPS of
   them, the last of which may be partly filled; group g begins at g LANES. */

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define C CHANNELS
#define INLINE static inline __attribute__((always_inline))
#define GROUPS ((C + LANES - 1) / LANES)
#define LEFT (C - (GROUPS - 1) * LANES) /* channels in the last of them */

/* NARROW: lanes of the last plane of an image (separable.c). BLOCK: pixels whose sums fit the registers. MOST_SUMS:
   sums of a filter's weights that do. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#define LANES 16
#define NARROW ((CHANNELS - 1) % 16 < 4 ? 4 : (CHANNELS - 1) % 16 < 8 ? 8 : 16)
#define BLOCK (GROUPS == 1 ? 12 : GROUPS == 2 ? 8 : GROUPS == 3 ? 6 : GROUPS <= 5 ? 4 : 2)
#define MOST_SUMS 25
#define TAIL ((__mmask16)((1 << LEFT) - 1))

typedef __m512 vec;
typedef __m512i numbers;
typedef __mmask16 which;

INLINE which lanes(int g) { return g == GROUPS - 1 ? TAIL : (which)0xffff; }

INLINE vec zero(void) { return _mm512_setzero_ps(); }
INLINE vec all(float value) { return _mm512_set1_ps(value); }
INLINE vec load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void store(float *p, vec v) { _mm512_storeu_ps(p, v); }
INLINE vec load_group(const float *p, int g) { return _mm512_maskz_loadu_ps(lanes(g), p + g * LANES); }
INLINE void store_group(float *p, vec v, int g) { _mm512_mask_storeu_ps(p + g * LANES, lanes(g), v); }
INLINE void store_narrow(float *p, vec v) { _mm512_mask_storeu_ps(p, (which)(0xffff >> (LANES - NARROW)), v); }

INLINE vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
INLINE vec divide(vec a, vec b) { return _mm512_div_ps(a, b); }
INLINE vec multiply_add(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vec relu(vec v) { return _mm512_max_ps(zero(), v); } /* not-a-number stays */

INLINE which greater_or_nan(vec a, vec b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) | _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
INLINE vec choose(which w, vec yes, vec no) { return _mm512_mask_mov_ps(no, w, yes); }
INLINE vec where_positive(vec of, vec v) { return choose(_mm512_cmp_ps_mask(of, zero(), _CMP_LE_OQ), zero(), v); }

INLINE numbers all_number(int value) { return _mm512_set1_epi32(value); }
INLINE which equal(numbers a, numbers b) { return _mm512_cmpeq_epi32_mask(a, b); }
INLINE numbers choose_number(which w, numbers yes, numbers no) { return _mm512_mask_mov_epi32(no, w, yes); }
INLINE numbers load_bytes(const unsigned char *p, int g) {
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes(g), p + g * LANES));
}
INLINE void store_bytes(unsigned char *p, numbers v, int g) {
    _mm512_mask_cvtepi32_storeu_epi8(p + g * LANES, lanes(g), v);
}

#else

#define LANES 8
#define NARROW ((CHANNELS - 1) % 8 < 4 ? 4 : 8)
#define BLOCK (GROUPS == 1 ? 10 : GROUPS == 2 ? 6 : GROUPS == 3 ? 4 : GROUPS <= 5 ? 2 : 1)
#define MOST_SUMS 12

typedef __m256 vec;
typedef __m256i numbers;
typedef __m256 which; /* all bits of a lane, or none */

INLINE int whole(int g) { return g < GROUPS - 1 || LEFT == LANES; }
INLINE __m256i tail(void) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(LEFT), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vec zero(void) { return _mm256_setzero_ps(); }
INLINE vec all(float value) { return _mm256_set1_ps(value); }
INLINE vec load(const float *p) { return _mm256_loadu_ps(p); }
INLINE void store(float *p, vec v) { _mm256_storeu_ps(p, v); }
INLINE vec load_group(const float *p, int g) {
    return whole(g) ? load(p + g * LANES) : _mm256_maskload_ps(p + g * LANES, tail());
}
INLINE void store_group(float *p, vec v, int g) {
    if (whole(g)) store(p + g * LANES, v);
    else _mm256_maskstore_ps(p + g * LANES, tail(), v);
}
INLINE void store_narrow(float *p, vec v) {
    if (NARROW == LANES) store(p, v);
    else _mm_storeu_ps(p, _mm256_castps256_ps128(v));
}

INLINE vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
INLINE vec divide(vec a, vec b) { return _mm256_div_ps(a, b); }
INLINE vec multiply_add(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vec relu(vec v) { return _mm256_max_ps(zero(), v); } /* not-a-number stays */

INLINE which greater_or_nan(vec a, vec b) {
    return _mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ), _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
INLINE vec choose(which w, vec yes, vec no) { return _mm256_blendv_ps(no, yes, w); }
INLINE vec where_positive(vec of, vec v) { return _mm256_andnot_ps(_mm256_cmp_ps(of, zero(), _CMP_LE_OQ), v); }

INLINE numbers all_number(int value) { return _mm256_set1_epi32(value); }
INLINE which equal(numbers a, numbers b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
INLINE numbers choose_number(which w, numbers yes, numbers no) {
    return _mm256_blendv_epi8(no, yes, _mm256_castps_si256(w));
}
INLINE numbers load_bytes(const unsigned char *p, int g) {
    uint64_t bytes = 0;
    memcpy(&bytes, p + g * LANES, whole(g) ? LANES : LEFT);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)bytes));
}
INLINE void store_bytes(unsigned char *p, numbers v, int g) {
    __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    uint64_t bytes = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(halves, halves));
    memcpy(p + g * LANES, &bytes, whole(g) ? LANES : LEFT);
}

#endif
