// Exponentials, and what is made of them, for whole vectors; sines and cosines. A page has no C library to ask, and all
// processors should say the same.

#pragma once

#include "vectors.h"

// e to the x is power * (1 + rest), where power is a whole power of two.
struct Exponential {
    Lanes power, rest;

    explicit Exponential(Lanes x) {
        const float most = 88, least = -87;  // beyond them float32 ends; what is no number stays none
        x = x > most ? Lanes{} + most : x;
        x = x < least ? Lanes{} + least : x;
        // Added to this, a number is rounded to a whole one, which is then the lowest bits.
        const float shift = 12582912;
        const Lanes shifted = x * 1.44269504f + shift, whole = shifted - shift;
        // The logarithm of two in two parts, the first of so few bits that its product is exact.
        const Lanes r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
        const float factors[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f};
        Lanes sum = Lanes{} + 1.0f / 5040;
        for (const float factor : factors) sum = sum * r + factor;
        rest = sum * r;
        power = (Lanes)(((Whole)shifted << 23) + (127 << 23));
    }
};

inline Lanes exponential(Lanes x) {
    const Exponential e(x);
    return e.power + e.power * e.rest;
}

inline Lanes logistic(Lanes x) { return 1 / (1 + exponential(-x)); }

inline Lanes tanh(Lanes x) {
    const Exponential e(2 * x);
    const Lanes less_one = (e.power - 1) + e.power * e.rest;  // near zero too exact to the last bits
    return less_one / (less_one + 2);
}

// The cosine and the sine of an angle of up to some billions, far beyond float32.
inline void turn(double angle, float& cosine, float& sine) {
    // A quarter of a circle in three parts, the first two of so few bits that their products are exact.
    const double QUARTER[] = {1.5707963109016418, 1.5893254712295857e-08, 6.123233995736766e-17};
    const double shift = 6755399441055744;  // as above
    const double shifted = angle * 0.6366197723675814 + shift, quarters = shifted - shift;
    const double x = ((angle - quarters * QUARTER[0]) - quarters * QUARTER[1]) - quarters * QUARTER[2], y = x * x;
    const double s = x * (1 - y / 6 * (1 - y / 20 * (1 - y / 42 * (1 - y / 72 * (1 - y / 110 * (1 - y / 156))))));
    const double c = 1 - y / 2 * (1 - y / 12 * (1 - y / 30 * (1 - y / 56 * (1 - y / 90 * (1 - y / 132 * (1 - y / 182))))));
    const int64_t quarter = static_cast<int64_t>(quarters) & 3;
    cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
    sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
}
