// The step for a web page, and what JavaScript asks besides: memory, and weights as the step wants them. build.sh makes
// janelm/web/engine/step.wasm of this, and step-relaxed.wasm for browsers that can round a * b + c once;
// janelm/web/engine/native.js loads one of them.

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

// from (rows, columns), or (columns, rows) where they are `turned` -> to (rows, columns). In squares that fit the
// cache's lines.
template <class From, class To>
void lay_out(const From* from, int rows, int columns, bool turned, To* to) {
    constexpr int SQUARE = 16;
    const int64_t by_row = turned ? 1 : columns, by_column = turned ? rows : 1;
    for (int top = 0; top < rows; top += SQUARE)
        for (int left = 0; left < columns; left += SQUARE)
            for (int row = top; row < smaller(top + SQUARE, rows); ++row)
                for (int column = left; column < smaller(left + SQUARE, columns); ++column)
                    to[int64_t(row) * columns + column] = from[row * by_row + column * by_column];
}

}  // namespace

extern "C" {

// Null where there is no room.
void* allocate(size_t bytes) { return take(bytes); }

void release(void* memory) { give_back(memory); }

void lay_floats(const float* from, int32_t rows, int32_t columns, bool turned, float* to) {
    lay_out(from, rows, columns, turned, to);
}

void lay_halves(const Half* from, int32_t rows, int32_t columns, bool turned, float* to) {
    lay_out(from, rows, columns, turned, to);
}

void lay_bytes(const int8_t* from, int32_t rows, int32_t columns, bool turned, int8_t* to) {
    lay_out(from, rows, columns, turned, to);
}

}  // extern "C"
