// Vectors of numbers, and products with matrices of weights, which may be int8. Here is where the time goes: each weight
// is read once a step, in the order in which it lies in memory, by all threads at once.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "pool.h"

#if defined(__AVX512F__)
constexpr int LANES = 16, AT_ONCE = 4;  // numbers in a vector; inputs of a product whose sums fit the registers
#else
constexpr int LANES = 8, AT_ONCE = 2;
#endif
typedef float Lanes __attribute__((vector_size(4 * LANES)));  // g++ and clang find the instructions for these

inline Lanes load(const float* from) {
    Lanes lanes;
    std::memcpy(&lanes, from, sizeof lanes);
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
    std::memcpy(&bytes, from, sizeof bytes);
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
    typedef float Eight __attribute__((vector_size(32)));
    typedef float Four __attribute__((vector_size(16)));
    Eight eights[LANES / 8];
    std::memcpy(eights, &lanes, sizeof eights);
    if (LANES == 16) eights[0] += eights[LANES / 8 - 1];
    Four fours[2];
    std::memcpy(fours, eights, sizeof fours);
    const Four four = fours[0] + fours[1];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

// The last `rest` numbers before `end` stand last in the vector, behind zeros.
inline Lanes load_rest(const float* end, int rest) {
    float parts[LANES] = {};
    std::memcpy(parts + LANES - rest, end - rest, rest * sizeof(float));
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

// ---- Products ----

// native_engine.py has the same structure.
struct Matrix {
    const void* weights;  // (rows, columns)
    const float* scales;  // (rows), where weights are int8; null where they are float32
    int32_t rows, columns;
};

// R rows of weights by N inputs, each weight read once. Whatever R and N are, a sum is added up in the same order: a
// text says the same alone and beside others, in one chunk and in many.
template <int R, int N, class Weight, class Store>
inline void tile(const Weight* weights, const float* x, int columns, Store store) {
    Lanes sums[R][N] = {}, inputs[N];
    auto add = [&](int c) {
        for (int r = 0; r < R; ++r) {
            const Lanes row = load(weights + r * columns + c);
            for (int n = 0; n < N; ++n) sums[r][n] = multiply_add(row, inputs[n], sums[r][n]);
        }
    };
    for (int c = 0; c + LANES <= columns; c += LANES) {
        for (int n = 0; n < N; ++n) inputs[n] = load(x + n * columns + c);
        add(c);
    }
    const int rest = columns % LANES, whole = columns >= LANES;
    if (rest && whole) {  // the last vector of weights once more, but of the inputs only what was not there yet
        for (int n = 0; n < N; ++n) inputs[n] = load_rest(x + (n + 1) * columns, rest);
        add(columns - LANES);
    }
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) {
            float total = sum(sums[r][n]);
            for (int c = 0; c < rest && !whole; ++c)
                total = multiply_add(float(weights[r * columns + c]), x[n * columns + c], total);
            store(r, n, total);
        }
}

template <int R, class Weight, class Store>
inline void rows_by_all(const Matrix& matrix, int row, const float* x, int N, Store store) {
    const Weight* weights = static_cast<const Weight*>(matrix.weights) + int64_t(row) * matrix.columns;
    auto scaled = [&](int first) {
        return [=](int r, int n, float value) {
            store(row + r, first + n, value, matrix.scales ? matrix.scales[row + r] : 1);
        };
    };
    int n = 0;
    const int64_t columns = matrix.columns;
    for (; n + AT_ONCE <= N; n += AT_ONCE) tile<R, AT_ONCE>(weights, x + n * columns, columns, scaled(n));
    for (; n < N; ++n) tile<R, 1>(weights, x + n * columns, columns, scaled(n));
}

template <class Weight, class Store>
void product_of(const Matrix& matrix, const float* x, int N, Pool& pool, Store store) {
    constexpr int R = 6;  // by AT_ONCE inputs
    const int blocks = (matrix.rows + R - 1) / R, pieces = std::min(blocks, 4 * pool.threads);
    pool.share(pieces, [&](int piece) {
        int row = int64_t(blocks) * piece / pieces * R;
        const int end = std::min<int>(int64_t(blocks) * (piece + 1) / pieces * R, matrix.rows);
        for (; row + R <= end; row += R) rows_by_all<R, Weight>(matrix, row, x, N, store);
        for (; row < end; ++row) rows_by_all<1, Weight>(matrix, row, x, N, store);
    });
}

// x (N, columns) -> store(row, n, value, scale) for each of the N inputs and each row of the matrix: value * scale is
// the product.
template <class Store>
void product(const Matrix& matrix, const float* x, int N, Pool& pool, Store store) {
    if (matrix.scales)
        product_of<int8_t>(matrix, x, N, pool, store);
    else
        product_of<float>(matrix, x, N, pool, store);
}
