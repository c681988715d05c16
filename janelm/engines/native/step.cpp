// The step of a trained model, for the processor this is compiled on: read the next tokens, say what comes after them.
//
// Read `transformer` and `lstm` at the end first: they do what their twins janelm/architectures/transformer.py and
// lstm.py do, to the last operation. tests/engines/test_native.py holds them together.
//
// Shapes, rows first: B texts of T new tokens each, N = B * T tokens in all, text by text; D width, H heads, E = D / H,
// W slots of the ring of keys and values, V vocabulary. Everything is float32 but for weights, which may be int8, one
// scale to each row.

#include <float.h>
#include <stdint.h>

#include "functions.h"
#include "memory.h"
#include "pool.h"
#include "products.h"

namespace {

// native_engine.py has the same structure.
struct Model {
    const Matrix* matrices;  // table, head, and then those of each layer
    const float* const* biases;  // LSTM: of the head, and then of each layer; null for the transformer
    int32_t layers, heads;
    const double* frequencies;  // of the rotary angles (E / 2); null for the LSTM
    const float* bigram_shares;  // of each layer; null where there are no bigrams, the table of which is the last matrix
    Pool* pool;
};

// ---- The smaller parts ----

// Rows of the table -> x (N, D).
void embed(const Matrix& table, const int64_t* tokens, int N, float* x) {
    const int D = table.columns;
    const auto* floats = static_cast<const float*>(table.weights);
    const auto* bytes = static_cast<const int8_t*>(table.weights);
    for (int n = 0; n < N; ++n)
        for (int d = 0; d < D; ++d) {
            const int64_t place = tokens[n] * D + d;
            x[int64_t(n) * D + d] = table.scales ? bytes[place] * table.scales[tokens[n]] : floats[place];
        }
}

// The rows of a table of bigrams of T tokens, the first of which stands after `before`: see the twin's _bigrams_of, and
// bigram_factor in its config.
void find_bigrams(int64_t before, const int64_t* tokens, int T, int rows, int64_t* found) {
    for (int t = 0; t < T; before = tokens[t++]) found[t] = (before * 31337 + tokens[t]) % rows;
}

// Scale each of `count` vectors to a root mean square of one.
void rms_norm(const float* x, float* out, int64_t count, int size) {
    for (int64_t i = 0; i < count; ++i, x += size, out += size) {
        const float scale = 1 / __builtin_sqrtf(dot(x, x, size) / size + FLT_EPSILON);
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

// The same for T positions from `position` on -> table (T, E). Float64 keeps angles exact however far the text is.
void rotary_table(int64_t position, int T, int E, const double* frequencies, float* table) {
    for (int t = 0; t < T; ++t)
        for (int i = 0; i < E / 2; ++i)
            turn((position + t) * frequencies[i], table[t * E + i], table[t * E + E / 2 + i]);
}

// query (E) by keys (count, E), times scale -> weights (count).
void score(const float* query, const float* keys, int count, int E, float scale, float* weights) {
    const auto store = [&](int s, int, float value) { weights[s] = value * scale; };
    int s = 0;
    for (; s + ROWS <= count; s += ROWS, keys += ROWS * E, weights += ROWS) tile<ROWS, 1>(keys, query, E, store);
    for (; s < count; ++s, keys += E, ++weights) tile<1, 1>(keys, query, E, store);
}

// PARTS vectors of out (E) += weights (count) by those of values (count, E).
template <int PARTS>
void mix(const float* weights, const float* values, int count, int E, float* out) {
    Lanes sums[PARTS];
    for (int p = 0; p < PARTS; ++p) sums[p] = load(out + p * LANES);
    for (int s = 0; s < count; ++s)
        for (int p = 0; p < PARTS; ++p)
            sums[p] = multiply_add(Lanes{} + weights[s], load(values + int64_t(s) * E + p * LANES), sums[p]);
    for (int p = 0; p < PARTS; ++p) store(out + p * LANES, sums[p]);
}

void add_mixed(const float* weights, const float* values, int count, int E, float* out) {
    int e = 0;
    for (; e + 4 * LANES <= E; e += 4 * LANES) mix<4>(weights, values + e, count, E, out + e);
    for (; e + LANES <= E; e += LANES) mix<1>(weights, values + e, count, E, out + e);
    for (; e < E; ++e)
        for (int s = 0; s < count; ++s) out[e] = multiply_add(weights[s], values[int64_t(s) * E + e], out[e]);
}

// What a token sees of a ring: the slots from `first` on, `before` of them, and then the first `after` of the ring.
struct Seen {
    int first, before, after;

    Seen(int64_t position, int window, int slots) {
        const int count = smaller<int64_t>(position + 1, window);
        first = (position + 1 - count) % slots;
        before = smaller(count, slots - first);
        after = count - before;
    }
};

// One head of one token: query (E), a ring of keys and values (slots, E) -> weights of what is seen, oldest first, and
// out (E).
void attend(const float* query, const float* keys, const float* values, Seen seen, int E, float* weights, float* out) {
    const float scale = 1 / __builtin_sqrtf(float(E));
    const int count = seen.before + seen.after;
    const int64_t first = int64_t(seen.first) * E;
    score(query, keys + first, seen.before, E, scale, weights);
    score(query, keys, seen.after, E, scale, weights + seen.before);
    float largest = weights[0];
    for (int s = 1; s < count; ++s) largest = larger(largest, weights[s]);
    each(weights, count, [&](Lanes score) { return exponential(score - largest); });
    float total = 0;
    for (int s = 0; s < count; ++s) total += weights[s];
    const float share = 1 / total;
    for (int s = 0; s < count; ++s) weights[s] *= share;
    for (int e = 0; e < E; ++e) out[e] = 0;
    add_mixed(weights, values + first, seen.before, E, out);
    add_mixed(weights + seen.before, values, seen.after, E, out);
}

// ---- The two architectures ----

// What is carried of one text of a transformer, and where it stands. native_engine.py has the same structure.
struct Text {
    float *keys, *values;  // (layers, H, slots, E), a layer `stride` numbers after the other
    int64_t stride, position, before;  // of its first new token, and the token before that, or 0
    int32_t window, slots;  // tokens that a token sees, itself among them; and those that there is room for, as many or more
};

// qkv (N, 3D) and the angles of all texts (N, E); the texts' keys and values take in the new ones -> out (N, D), and
// weights (B, H, window) with which each text's last token sees others, oldest first.
void attention(const Model& model, float* qkv, const float* angles, const Text* texts, int B, int T, int layer,
               float* weights, int window, float* out, int D) {
    const int H = model.heads, E = D / H;
    model.pool->share(B * H, [&](int head) {
        const int b = head / H, h = head % H;
        const Text& text = texts[b];
        const int64_t ring = layer * text.stride + int64_t(h) * text.slots * E;
        float *own_keys = text.keys + ring, *own_values = text.values + ring;
        for (int t = 0; t < T; ++t) {
            float* query = qkv + (int64_t(b) * T + t) * 3 * D + h * E;
            float *key = query + D, *value = query + 2 * D;
            float* const turned[] = {query, key};
            for (float* part : turned) {
                rms_norm(part, part, 1, E);
                rotate(part, angles + (int64_t(b) * T + t) * E, E);
            }
            const int64_t position = text.position + t, slot = position % text.slots;
            __builtin_memcpy(own_keys + slot * E, key, E * sizeof(float));
            __builtin_memcpy(own_values + slot * E, value, E * sizeof(float));
            attend(query, own_keys, own_values, Seen(position, text.window, text.slots), E,
                   weights + int64_t(head) * window, out + (int64_t(b) * T + t) * D + h * E);
        }
    });
}

}  // namespace

extern "C" {

#if !defined(__wasm__)
Pool* start_threads(int32_t threads) { return new Pool(threads); }

void stop_threads(Pool* pool) { delete pool; }
#endif

// tokens (B, T), of which the first of each row is the next of its text; the keys and values of the texts, which the
// step changes -> logits (B, V) of each text's last token; and unless `looks` is null there the weights (layers, B, H,
// window) with which it sees others, oldest first.
void transformer_each(const Model* given, const int64_t* tokens, int32_t B, int32_t T, const Text* texts, float* logits,
                      float* looks) {
    const Model& model = *given;
    const Matrix *table = model.matrices, *head = table + 1, *of_layer = table + 2;
    const int N = B * T, D = table->columns, V = table->rows, E = D / model.heads;
    int window = 0;
    for (int b = 0; b < B; ++b) window = larger(window, texts[b].window);
    const int64_t size = int64_t(N) * D, of_looks = int64_t(B) * model.heads * window;
    Floats x(size), normed(size), found(size), qkv(3 * size), wide(4 * size), weights(of_looks), angles(int64_t(N) * E);
    for (int b = 0; b < B; ++b)
        rotary_table(texts[b].position, T, E, model.frequencies, angles + int64_t(b) * T * E);
    embed(*table, tokens, N, x);
    auto add = [&](int row, int n, float value, float scale) {
        float& sum = x[int64_t(n) * D + row];
        sum = multiply_add(value, scale, sum);
    };
    rms_norm(x, x, N, D);
    Floats bigrams(model.bigram_shares ? size : 0);
    if (model.bigram_shares) {
        const Matrix& rows = of_layer[4 * model.layers];
        Room<int64_t> found(N);
        for (int b = 0; b < B; ++b) find_bigrams(texts[b].before, tokens + b * T, T, rows.rows, found + b * T);
        embed(rows, found, N, bigrams);
    }
    for (int layer = 0; layer < model.layers; ++layer, of_layer += 4) {
        if (model.bigram_shares)
            for (int64_t i = 0; i < size; ++i) x[i] = multiply_add(bigrams[i], model.bigram_shares[layer], x[i]);
        rms_norm(x, normed, N, D);
        product(of_layer[0], normed, N, *model.pool,
                [&](int row, int n, float value, float scale) { qkv[int64_t(n) * 3 * D + row] = value * scale; });
        attention(model, qkv, angles, texts, B, T, layer, looks ? looks + layer * of_looks : weights, window, found, D);
        product(of_layer[1], found, N, *model.pool, add);
        rms_norm(x, normed, N, D);
        product(of_layer[2], normed, N, *model.pool, [&](int row, int n, float value, float scale) {
            const float positive = larger(value * scale, 0.0f);
            wide[int64_t(n) * 4 * D + row] = positive * positive;
        });
        product(of_layer[3], wide, N, *model.pool, add);
    }
    for (int b = 0; b < B; ++b) rms_norm(x + (int64_t(b) * T + T - 1) * D, normed + int64_t(b) * D, 1, D);
    product(*head, normed, B, *model.pool,
            [&](int row, int b, float value, float scale) { logits[int64_t(b) * V + row] = value * scale; });
}

// The same for texts that stand at the same position: keys and values (layers, B, H, slots, E), and the token before
// the first of each (B).
void transformer(const Model* model, const int64_t* tokens, int32_t B, int32_t T, int64_t position,
                 const int64_t* before, float* keys, float* values, int32_t window, int32_t slots, float* logits,
                 float* looks) {
    const int64_t size = int64_t(slots) * model->matrices->columns;
    Room<Text> texts(B);
    for (int b = 0; b < B; ++b)
        texts[b] = {keys + b * size, values + b * size, B * size, position, before[b], window, slots};
    transformer_each(model, tokens, B, T, texts, logits, looks);
}

// tokens (B, T); hidden and cell (layers, B, D), which the step changes -> logits (B, V) of each text's last token.
// What else a step is given is of no use to an LSTM.
void lstm(const Model* given, const int64_t* tokens, int32_t B, int32_t T, int64_t, const int64_t*, float* hidden,
          float* cell, int32_t, int32_t, float* logits, float*) {
    const Model& model = *given;
    const Matrix *table = model.matrices, *head = table + 1, *of_layer = table + 2;
    const int N = B * T, D = table->columns, V = table->rows;
    Floats x(int64_t(N) * D), gates(4 * int64_t(N) * D);
    embed(*table, tokens, N, x);
    for (int layer = 0; layer < model.layers; ++layer, of_layer += 2, hidden += B * D, cell += B * D) {
        const float* bias = model.biases[1 + layer];
        product(of_layer[0], x, N, *model.pool, [&](int row, int n, float value, float scale) {
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
                float *write = gates + n * 4 * D, *keep = write + D, *fresh = keep + D, *show = fresh + D;
                float *h = hidden + b * D, *c = cell + b * D, *out = x + n * D;
                const int first = D * part / parts, end = D * (part + 1) / parts, size = end - first;
                float* const gates_of_text[] = {write, keep, show};
                for (float* gate : gates_of_text) each(gate + first, size, logistic);
                each(fresh + first, size, tanh);
                for (int d = first; d < end; ++d) h[d] = c[d] = c[d] * keep[d] + fresh[d] * write[d];
                each(h + first, size, tanh);
                for (int d = first; d < end; ++d) out[d] = h[d] *= show[d];
            });
        }
    }
    hidden -= B * D;  // of the last layer
    product(*head, hidden, B, *model.pool, [&](int row, int b, float value, float scale) {
        logits[int64_t(b) * V + row] = multiply_add(value, scale, model.biases[0][row]);
    });
}

}  // extern "C"
