// The step for a web page, and what JavaScript asks besides: memory, and weights as the step wants them. build.sh makes
// janelm/web/engine/step.wasm of this; janelm/web/engine/native.js loads it.

#include "step.cpp"

namespace {

struct Half {  // float16
    uint16_t bits;

    operator float() const {
        const uint32_t size = (bits & 0x7fff) << 13, sign = (bits & 0x8000) << 16, endless = 0x7c00 << 13;
        float value = __builtin_bit_cast(float, size) * 0x1p112f;  // between the two formats' smallest exponents
        if (size >= endless) value = __builtin_bit_cast(float, size | 0x7f800000);
        return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, value) | sign);
    }
};

// from (rows, columns), or (columns, rows) where they are `turned` -> to (rows, columns), each row times its scale, where
// it has one. In squares that fit the cache's lines.
template <class Number>
void widen(const Number* from, const float* scales, int rows, int columns, bool turned, float* to) {
    constexpr int SQUARE = 16;
    const int64_t by_row = turned ? 1 : columns, by_column = turned ? rows : 1;
    for (int top = 0; top < rows; top += SQUARE)
        for (int left = 0; left < columns; left += SQUARE)
            for (int row = top; row < smaller(top + SQUARE, rows); ++row)
                for (int column = left; column < smaller(left + SQUARE, columns); ++column) {
                    const float value = from[row * by_row + column * by_column];
                    to[int64_t(row) * columns + column] = scales ? value * scales[row] : value;
                }
}

}  // namespace

extern "C" {

// Null where there is no room.
void* allocate(size_t bytes) { return take(bytes); }

void release(void* memory) { give_back(memory); }

void widen_floats(const float* from, const float* scales, int32_t rows, int32_t columns, bool turned, float* to) {
    widen(from, scales, rows, columns, turned, to);
}

void widen_halves(const Half* from, const float* scales, int32_t rows, int32_t columns, bool turned, float* to) {
    widen(from, scales, rows, columns, turned, to);
}

void widen_bytes(const int8_t* from, const float* scales, int32_t rows, int32_t columns, bool turned, float* to) {
    widen(from, scales, rows, columns, turned, to);
}

}  // extern "C"
