// Vectors of numbers, as long as the processor has them.

#pragma once

#include <stdint.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

// Numbers in a vector. Rows and inputs of a product whose sums fit the registers; and rows to a call.
#if defined(__AVX512F__)
constexpr int LANES = 16, TOGETHER = 6, AT_ONCE = 4, ROWS = 6;
#elif defined(__wasm__)
// Of its vectors of four, so many at once that a row is read from end to end: two rows in turns, or two inputs, took
// twice the time.
constexpr int LANES = 16, TOGETHER = 1, AT_ONCE = 1, ROWS = 4;
#else
constexpr int LANES = 8, TOGETHER = 4, AT_ONCE = 2, ROWS = 4;
#endif
#if defined(__wasm__)
#define APART __attribute__((noinline))  // in a long function a browser finds no registers for an inner loop
#else
#define APART inline
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

// So many times the numbers: a browser puts a byte highest into a number and spares shifting it down.
#if defined(__wasm_relaxed_simd__)
constexpr float LOADED = 0x1p24f;
#elif defined(__wasm__)
constexpr float LOADED = 0x1p16f;
#else
constexpr float LOADED = 1;
#endif

inline Lanes load(const int8_t* from) {
#if defined(__AVX512F__)  // but not for this, where what g++ makes of the last way takes five times as long
    return (Lanes)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)from)));
#elif defined(__AVX2__)
    return (Lanes)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from)));
#elif defined(__wasm_relaxed_simd__)
    typedef signed char Bytes __attribute__((vector_size(16)));
    constexpr signed char O = -1;  // nothing from nowhere
    static const Bytes PLACES[] = {{O, O, O, 0, O, O, O, 1, O, O, O, 2, O, O, O, 3},
                                   {O, O, O, 4, O, O, O, 5, O, O, O, 6, O, O, O, 7},
                                   {O, O, O, 8, O, O, O, 9, O, O, O, 10, O, O, O, 11},
                                   {O, O, O, 12, O, O, O, 13, O, O, O, 14, O, O, O, 15}};
    const Bytes* places = PLACES;
    asm("" : "+r"(places));  // else they are constants, which a browser makes anew for each use: twice the time
    Bytes bytes, words[4];
    __builtin_memcpy(&bytes, from, sizeof bytes);
    for (int i = 0; i < 4; ++i) words[i] = __builtin_wasm_relaxed_swizzle_i8x16(bytes, places[i]);
    Whole whole;
    __builtin_memcpy(&whole, words, sizeof whole);
    return __builtin_convertvector(whole, Lanes);
#elif defined(__wasm__)
    typedef signed char Bytes __attribute__((vector_size(8)));
    typedef int16_t Halves __attribute__((vector_size(16)));
    const Halves zeros = {};
    Halves words[4];
    for (int i = 0; i < 4; i += 2, from += 8) {
        Bytes bytes;
        __builtin_memcpy(&bytes, from, sizeof bytes);
        const Halves halves = __builtin_convertvector(bytes, Halves);
        words[i] = __builtin_shufflevector(zeros, halves, 0, 8, 1, 9, 2, 10, 3, 11);
        words[i + 1] = __builtin_shufflevector(zeros, halves, 4, 12, 5, 13, 6, 14, 7, 15);
    }
    Whole whole;
    __builtin_memcpy(&whole, words, sizeof whole);
    return __builtin_convertvector(whole, Lanes);
#else
    typedef int8_t Bytes __attribute__((vector_size(LANES)));
    Bytes bytes;
    __builtin_memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, Lanes);
#endif
}

// One number as `load` gives it.
inline float number(float weight) { return weight; }
inline float number(int8_t weight) { return weight * LOADED; }

// a * b + c. Whether it is rounded once or twice is said here, everywhere alike, and not left to the compiler, which
// would do it one way in one loop and another in the next (-ffp-contract=off): a text says the same alone and beside
// others. It is once wherever the processor can; a browser with relaxed SIMD knows whether its own can.
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
#if defined(__AVX512F__)
    return (Lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (Lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__wasm_relaxed_simd__)
    typedef float Four __attribute__((vector_size(16)));
    Four as[4], bs[4], cs[4];
    __builtin_memcpy(as, &a, sizeof a);
    __builtin_memcpy(bs, &b, sizeof b);
    __builtin_memcpy(cs, &c, sizeof c);
    for (int i = 0; i < 4; ++i) cs[i] = __builtin_wasm_relaxed_madd_f32x4(as[i], bs[i], cs[i]);
    __builtin_memcpy(&c, cs, sizeof c);
    return c;
#elif defined(__FP_FAST_FMAF)
    for (int i = 0; i < LANES; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#else
    return a * b + c;
#endif
}

// The same of single numbers, where a last few are left.
inline float multiply_add(float a, float b, float c) {
#if defined(__FP_FAST_FMAF) || defined(__FMA__)
    return __builtin_fmaf(a, b, c);
#elif defined(__wasm_relaxed_simd__)
    typedef float Four __attribute__((vector_size(16)));
    return __builtin_wasm_relaxed_madd_f32x4(Four{a}, Four{b}, Four{c})[0];
#else
    return a * b + c;
#endif
}

// As many numbers as a sum takes in at a time, in one vector or more: on all processors the same, so that all add up in
// one order.
constexpr int STEP = 16;
struct Step {
    Lanes vectors[STEP / LANES];
};

template <class Number>
inline Step load_step(const Number* from) {
    Step step;
    for (int i = 0; i < STEP / LANES; ++i) step.vectors[i] = load(from + i * LANES);
    return step;
}

inline Step multiply_add(Step a, Step b, Step c) {
    for (int i = 0; i < STEP / LANES; ++i) c.vectors[i] = multiply_add(a.vectors[i], b.vectors[i], c.vectors[i]);
    return c;
}

inline float sum(Step step) {
    typedef float Four __attribute__((vector_size(16)));
    Four fours[STEP / 4];
    __builtin_memcpy(fours, &step, sizeof fours);
    for (int half = STEP / 8; half; half /= 2)
        for (int i = 0; i < half; ++i) fours[i] += fours[i + half];
    return (fours[0][0] + fours[0][2]) + (fours[0][1] + fours[0][3]);
}

// The last `rest` numbers before `end` stand last in the step, behind zeros.
inline Step load_rest(const float* end, int rest) {
    float parts[STEP] = {};
    __builtin_memcpy(parts + STEP - rest, end - rest, rest * sizeof(float));
    return load_step(parts);
}

inline float dot(const float* a, const float* b, int size) {
    Step sums = {};
    int i = 0;
    for (; i + STEP <= size; i += STEP) sums = multiply_add(load_step(a + i), load_step(b + i), sums);
    float rest = 0;
    for (; i < size; ++i) rest = multiply_add(a[i], b[i], rest);
    return sum(sums) + rest;
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
