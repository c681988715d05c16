// Vectors of numbers, as long as the processor has them.

#pragma once

#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

// Numbers in a vector; rows and inputs of a product whose sums fit the registers.
#if defined(__AVX512F__)
constexpr int LANES = 16, ROWS = 6, AT_ONCE = 4;
#elif defined(__wasm__)
// Of its vectors of four, so many at once that a row is read from end to end: two rows in turns took twice the time.
constexpr int LANES = 16, ROWS = 1, AT_ONCE = 2;
#else
constexpr int LANES = 8, ROWS = 6, AT_ONCE = 2;
#endif
typedef float Lanes __attribute__((vector_size(4 * LANES)));  // g++ and clang find the instructions for these
typedef int32_t Whole __attribute__((vector_size(4 * LANES)));

template <class Number>
Number smaller(Number a, Number b) {
    return b < a ? b : a;
}

template <class Number>
Number larger(Number a, Number b) {
    return a < b ? b : a;
}

inline Lanes load(const float* from) {
    Lanes lanes;
    __builtin_memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

inline Lanes load(const int8_t* from) {
#if defined(__AVX512F__)  // but not for this, where what g++ makes of the last way takes five times as long
    return (Lanes)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from)));
#elif defined(__AVX2__)
    return (Lanes)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from)));
#else
    typedef int8_t Bytes __attribute__((vector_size(LANES)));
    Bytes bytes;
    __builtin_memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, Lanes);
#endif
}

// a * b + c. Whether it is rounded once or twice is said here, everywhere alike, and not left to the compiler, which
// would do it one way in one loop and another in the next (-ffp-contract=off): a text says the same alone and beside
// others.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#if defined(__AVX512F__)
    return (Lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (Lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__FP_FAST_FMAF)
    for (int i = 0; i < LANES; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

inline float multiply_add(float a, float b, float c) {
#if defined(__FP_FAST_FMAF) || defined(__FMA__)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

inline float sum(Lanes lanes) {
    typedef float Four __attribute__((vector_size(16)));
    Four fours[LANES / 4];
    __builtin_memcpy(fours, &lanes, sizeof fours);
    for (int half = LANES / 8; half; half /= 2)
        for (int i = 0; i < half; ++i) fours[i] += fours[i + half];
    return (fours[0][0] + fours[0][2]) + (fours[0][1] + fours[0][3]);
}

// The last `rest` numbers before `end` stand last in the vector, behind zeros.
inline Lanes load_rest(const float* end, int rest) {
    float parts[LANES] = {};
    __builtin_memcpy(parts + LANES - rest, end - rest, rest * sizeof(float));
    return load(parts);
}

inline float dot(const float* a, const float* b, int size) {
    Lanes lanes = {};
    int i = 0;
    for (; i + LANES <= size; i += LANES) lanes = multiply_add(load(a + i), load(b + i), lanes);
    float rest = 0;
    for (; i < size; ++i) rest = multiply_add(a[i], b[i], rest);
    return sum(lanes) + rest;
}

inline void store(float* to, Lanes lanes) { __builtin_memcpy(to, &lanes, sizeof lanes); }

// x[i] = of(x[i]) for vectors of them; the last may have some more, which are not kept.
template <class Of>
inline void each(float* x, int size, Of of) {
    int i = 0;
    for (; i + LANES <= size; i += LANES) store(x + i, of(load(x + i)));
    if (i == size) return;
    float parts[LANES] = {};
    __builtin_memcpy(parts, x + i, (size - i) * sizeof(float));
    store(parts, of(load(parts)));
    __builtin_memcpy(x + i, parts, (size - i) * sizeof(float));
}
