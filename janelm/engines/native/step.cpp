// The step of a trained model, for the processor this is compiled on: read the next tokens, say what comes after them.
//
// Read `transformer` and `lstm` at the end first: they do what their twins janelm/architectures/transformer.py and
// lstm.py do, to the last operation. tests/engines/test_native.py holds them together.
//
// Shapes, rows first: B texts of T new tokens each, N = B * T tokens in all, text by text; D width, H heads, E = D / H,
// W slots of the ring of keys and values, V vocabulary. Everything is float32 but for weights, which may be int8, one
// scale to each row.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "pool.h"
#include "products.h"

namespace {

// native_engine.py has the same structure.
struct Model {
    const Matrix* matrices;  // table, head, and then those of each layer
    const float* const* biases;  // LSTM: of the head, and then of each layer; null for the transformer
    int32_t layers, heads;
    double rotary_base;
    Pool* pool;
};

// What is carried of one text of a transformer, and where it stands. native_engine.py has the same structure.
struct Text {
    float *keys, *values;  // (layers, H, W, E), a layer `stride` numbers after the other
    int64_t stride, position;
    int32_t slots;  // W
};

// ---- The smaller parts ----

typedef std::vector<float> Floats;

// Rows of the table: (N, D).
Floats embed(const Matrix& table, const int64_t* tokens, int N) {
    const int D = table.columns;
    const auto* floats = static_cast<const float*>(table.weights);
    const auto* bytes = static_cast<const int8_t*>(table.weights);
    Floats x(int64_t(N) * D);
    for (int n = 0; n < N; ++n)
        for (int d = 0; d < D; ++d) {
            const int64_t place = tokens[n] * D + d;
            x[int64_t(n) * D + d] = table.scales ? bytes[place] * table.scales[tokens[n]] : floats[place];
        }
    return x;
}

// Scale each of `count` vectors to a root mean square of one.
void rms_norm(const float* x, float* out, int64_t count, int size) {
    const float epsilon = std::numeric_limits<float>::epsilon();
    for (int64_t i = 0; i < count; ++i, x += size, out += size) {
        const float scale = 1 / std::sqrt(dot(x, x, size) / size + epsilon);
        for (int d = 0; d < size; ++d) out[d] = x[d] * scale;
    }
}

// Turn the pairs (x[i], x[i + E/2]) by angles the cosines and sines of which lie one after the other.
void rotate(float* x, const float* table, int E) {
    const int half = E / 2;
    for (int i = 0; i < half; ++i) {
        const float first = x[i], second = x[i + half];
        x[i] = first * table[i] - second * table[half + i];
        x[i + half] = second * table[i] + first * table[half + i];
    }
}

// The same for T positions from `position` on: (T, E). Float64 keeps angles exact however far the text is.
Floats rotary_table(int64_t position, int T, int E, double base) {
    Floats table(int64_t(T) * E);
    for (int t = 0; t < T; ++t)
        for (int i = 0; i < E / 2; ++i) {
            const double angle = (position + t) * std::pow(base, -2.0 * i / E);
            table[t * E + i] = std::cos(angle);
            table[t * E + E / 2 + i] = std::sin(angle);
        }
    return table;
}

// One head of one token: query (E), the first `seen` slots of keys and values (W, E) -> out (E).
void attend(const float* query, const float* keys, const float* values, int seen, int E, float* weights, float* out) {
    const float scale = 1 / std::sqrt(float(E));
    float largest = -std::numeric_limits<float>::infinity(), total = 0;
    for (int s = 0; s < seen; ++s) {
        weights[s] = dot(query, keys + int64_t(s) * E, E) * scale;
        largest = std::max(largest, weights[s]);
    }
    for (int s = 0; s < seen; ++s) {
        weights[s] = std::exp(weights[s] - largest);
        total += weights[s];
    }
    std::fill(out, out + E, 0.0f);
    for (int s = 0; s < seen; ++s)
        for (int e = 0; e < E; ++e) out[e] = multiply_add(weights[s], values[int64_t(s) * E + e], out[e]);
    for (int e = 0; e < E; ++e) out[e] /= total;
}

// ---- The two architectures ----

// A token's keys and values replace those that have just gone out of its sight, so the ring needs no mask: all that is
// in it is seen. qkv (N, 3D) and the angles of all texts (N, E) -> out (N, D).
void attention(const Model& model, float* qkv, const Floats& angles, const Text* texts, int B, int T, int layer,
               float* out, int D) {
    const int H = model.heads, E = D / H;
    model.pool->share(B * H, [&](int head) {
        const int b = head / H, h = head % H, W = texts[b].slots;
        const int64_t ring = layer * texts[b].stride + int64_t(h) * W * E, position = texts[b].position;
        float *own_keys = texts[b].keys + ring, *own_values = texts[b].values + ring;
        const float* table = &angles[int64_t(b) * T * E];
        Floats weights(W);
        for (int t = 0; t < T; ++t) {
            float* query = qkv + (int64_t(b) * T + t) * 3 * D + h * E;
            float *key = query + D, *value = query + 2 * D;
            for (float* part : {query, key}) {
                rms_norm(part, part, 1, E);
                rotate(part, table + int64_t(t) * E, E);
            }
            const int64_t slot = (position + t) % W;
            std::copy(key, key + E, own_keys + slot * E);
            std::copy(value, value + E, own_values + slot * E);
            const int seen = std::min<int64_t>(position + t + 1, W);
            attend(query, own_keys, own_values, seen, E, weights.data(), out + (int64_t(b) * T + t) * D + h * E);
        }
    });
}

}  // namespace

extern "C" {

Pool* start_threads(int32_t threads) { return new Pool(threads); }

void stop_threads(Pool* pool) { delete pool; }

// tokens (B, T), of which the first of each row is the next of its text; the keys and values of the texts, which the
// step changes -> logits (B, V) of each text's last token.
void transformer_each(const Model* given, const int64_t* tokens, int32_t B, int32_t T, const Text* texts,
                      float* logits) {
    const Model& model = *given;
    const Matrix *table = model.matrices, *head = table + 1, *of_layer = table + 2;
    const int N = B * T, D = table->columns, V = table->rows;
    Floats angles;
    for (int b = 0; b < B; ++b) {
        const Floats own = rotary_table(texts[b].position, T, D / model.heads, model.rotary_base);
        angles.insert(angles.end(), own.begin(), own.end());
    }
    Floats x = embed(*table, tokens, N), normed(x.size()), found(x.size()), qkv(3 * x.size()), wide(4 * x.size());
    auto add = [&](int row, int n, float value, float scale) {
        float& sum = x[int64_t(n) * D + row];
        sum = multiply_add(value, scale, sum);
    };
    rms_norm(x.data(), x.data(), N, D);
    for (int layer = 0; layer < model.layers; ++layer, of_layer += 4) {
        rms_norm(x.data(), normed.data(), N, D);
        product(of_layer[0], normed.data(), N, *model.pool,
                [&](int row, int n, float value, float scale) { qkv[int64_t(n) * 3 * D + row] = value * scale; });
        attention(model, qkv.data(), angles, texts, B, T, layer, found.data(), D);
        product(of_layer[1], found.data(), N, *model.pool, add);
        rms_norm(x.data(), normed.data(), N, D);
        product(of_layer[2], normed.data(), N, *model.pool, [&](int row, int n, float value, float scale) {
            const float positive = std::max(value * scale, 0.0f);
            wide[int64_t(n) * 4 * D + row] = positive * positive;
        });
        product(of_layer[3], wide.data(), N, *model.pool, add);
    }
    for (int b = 0; b < B; ++b) rms_norm(&x[(int64_t(b) * T + T - 1) * D], &normed[int64_t(b) * D], 1, D);
    product(*head, normed.data(), B, *model.pool,
            [&](int row, int b, float value, float scale) { logits[int64_t(b) * V + row] = value * scale; });
}

// The same for texts that stand at the same position: keys and values (layers, B, H, W, E).
void transformer(const Model* model, const int64_t* tokens, int32_t B, int32_t T, int64_t position, float* keys,
                 float* values, int32_t W, float* logits) {
    const int64_t size = int64_t(W) * model->matrices->columns;
    std::vector<Text> texts;
    for (int b = 0; b < B; ++b) texts.push_back({keys + b * size, values + b * size, B * size, position, W});
    transformer_each(model, tokens, B, T, texts.data(), logits);
}

// tokens (B, T); hidden and cell (layers, B, D), which the step changes -> logits (B, V) of each text's last token.
// A position and slots are given to all, but an LSTM has no use for them.
void lstm(const Model* given, const int64_t* tokens, int32_t B, int32_t T, int64_t, float* hidden, float* cell, int32_t,
          float* logits) {
    const Model& model = *given;
    const Matrix *table = model.matrices, *head = table + 1, *of_layer = table + 2;
    const int N = B * T, D = table->columns, V = table->rows;
    Floats x = embed(*table, tokens, N), gates(4 * x.size());
    for (int layer = 0; layer < model.layers; ++layer, of_layer += 2, hidden += B * D, cell += B * D) {
        const float* bias = model.biases[1 + layer];
        product(of_layer[0], x.data(), N, *model.pool, [&](int row, int n, float value, float scale) {
            gates[int64_t(n) * 4 * D + row] = multiply_add(value, scale, bias[row]);
        });
        for (int t = 0; t < T; ++t) {
            product(of_layer[1], hidden, B, *model.pool, [&](int row, int b, float value, float scale) {
                float& sum = gates[(int64_t(b) * T + t) * 4 * D + row];
                sum = multiply_add(value, scale, sum);
            });
            const int parts = model.pool->threads;
            model.pool->share(B * parts, [&](int piece) {
                const int64_t b = piece / parts, part = piece % parts, n = b * T + t;
                // torch orders the gates i, f, g, o
                const float *write = &gates[n * 4 * D], *keep = write + D, *fresh = keep + D, *show = fresh + D;
                float *h = hidden + b * D, *c = cell + b * D, *out = &x[n * D];
                for (int d = D * part / parts; d < D * (part + 1) / parts; ++d) {
                    c[d] = c[d] / (1 + std::exp(-keep[d])) + std::tanh(fresh[d]) / (1 + std::exp(-write[d]));
                    out[d] = h[d] = std::tanh(c[d]) / (1 + std::exp(-show[d]));
                }
            });
        }
    }
    hidden -= B * D;  // of the last layer
    product(*head, hidden, B, *model.pool, [&](int row, int b, float value, float scale) {
        logits[int64_t(b) * V + row] = multiply_add(value, scale, model.biases[0][row]);
    });
}

}  // extern "C"
