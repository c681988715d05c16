// Products with matrices of weights, which may be int8. Here is where the time goes: each weight is read once a step, in
// the order in which it lies in memory, by all threads at once.

#pragma once

#include "pool.h"
#include "vectors.h"

// native_engine.py has the same structure.
struct Matrix {
    const void* weights;  // (rows, columns)
    const float* scales;  // (rows), where weights are int8; null where they are float32
    int32_t rows, columns;
};

// Rows of weights by N inputs -> totals (R, N), each weight read once. Whatever R and N are, a sum is added up in the
// same order: a text says the same alone and beside others, in one chunk and in many.
template <int R, int N, class Weight>
inline void totals_together(const Weight* weights, const float* x, int columns, float* totals) {
    Step sums[R][N] = {}, inputs[N];
    auto add = [&](int c) {
        for (int r = 0; r < R; ++r) {
            const Step row = load_step(weights + r * columns + c);
            for (int n = 0; n < N; ++n) sums[r][n] = multiply_add(row, inputs[n], sums[r][n]);
        }
    };
    for (int c = 0; c + STEP <= columns; c += STEP) {
        for (int n = 0; n < N; ++n) inputs[n] = load_step(x + n * columns + c);
        add(c);
    }
    const int rest = columns % STEP, whole = columns >= STEP;
    if (rest && whole) {  // the last step of weights once more, but of the inputs only what was not there yet
        for (int n = 0; n < N; ++n) inputs[n] = load_rest(x + (n + 1) * columns, rest);
        add(columns - STEP);
    }
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) {
            float total = sum(sums[r][n]);
            for (int c = 0; c < rest && !whole; ++c)
                total = multiply_add(number(weights[r * columns + c]), x[n * columns + c], total);
            totals[r * N + n] = total;
        }
}

template <int R, int N, class Weight>
APART void totals_of(const Weight* weights, const float* x, int columns, float* totals) {
    constexpr int AT_A_TIME = R % TOGETHER ? 1 : TOGETHER;
    for (int r = 0; r < R; r += AT_A_TIME)
        totals_together<AT_A_TIME, N>(weights + r * columns, x, columns, totals + r * N);
}

// The same -> store(r, n, total).
template <int R, int N, class Weight, class Store>
inline void tile(const Weight* weights, const float* x, int columns, Store store) {
    float totals[R * N];
    totals_of<R, N>(weights, x, columns, totals);
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) store(r, n, totals[r * N + n]);
}

template <int R, class Weight, class Store>
inline void rows_by_all(const Matrix& matrix, int row, const float* x, int N, Store store) {
    const Weight* weights = static_cast<const Weight*>(matrix.weights) + int64_t(row) * matrix.columns;
    auto scaled = [&](int first) {
        return [=](int r, int n, float value) {
            store(row + r, first + n, value, matrix.scales ? matrix.scales[row + r] * (1 / LOADED) : 1);
        };
    };
    int n = 0;
    const int64_t columns = matrix.columns;
    for (; n + AT_ONCE <= N; n += AT_ONCE) tile<R, AT_ONCE>(weights, x + n * columns, columns, scaled(n));
    for (; n < N; ++n) tile<R, 1>(weights, x + n * columns, columns, scaled(n));
}

template <class Weight, class Store>
void product_of(const Matrix& matrix, const float* x, int N, Pool& pool, Store store) {
    constexpr int R = ROWS;
    const int blocks = (matrix.rows + R - 1) / R, pieces = smaller(blocks, 4 * pool.threads);
    pool.share(pieces, [&](int piece) {
        int row = int64_t(blocks) * piece / pieces * R;
        const int end = smaller<int>(int64_t(blocks) * (piece + 1) / pieces * R, matrix.rows);
        for (; row + R <= end; row += R) rows_by_all<R, Weight>(matrix, row, x, N, store);
        for (; row < end; ++row) rows_by_all<1, Weight>(matrix, row, x, N, store);
    });
}

// x (N, columns) -> store(row, n, value, scale) for each of the N inputs and each row of the matrix: value * scale is
// the product.
template <class Store>
void product(const Matrix& matrix, const float* x, int N, Pool& pool, Store store) {
    if (matrix.scales) return product_of<int8_t>(matrix, x, N, pool, store);
    product_of<float>(matrix, x, N, pool, store);
}
