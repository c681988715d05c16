// The step of a trained model, for the processor this is compiled on: read the next tokens, say what comes after them.
//
// Read `transformer` and `lstm` at the end first: they do what the modules in janelm/architectures do, to the last
// operation. What makes them fast stands before them: each weight is read once a step, in the order in which it lies
// in memory, by all threads at once.
//
// Shapes, rows first: B texts of T new tokens each, N = B * T tokens in all, text by text; D width, H heads, E = D / H,
// W slots of the ring of keys and values, V vocabulary. Everything is float32 but for weights, which may be int8, one
// scale to each row.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

// ---- Numbers, a vector at a time ----

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

float dot(const float* a, const float* b, int size) {
    Lanes lanes = {};
    int i = 0;
    for (; i + LANES <= size; i += LANES) lanes += load(a + i) * load(b + i);
    float rest = 0;
    for (; i < size; ++i) rest += a[i] * b[i];
    return sum(lanes) + rest;
}

}  // namespace

// ---- Threads ----

namespace {

// Who calls `share` and the pool's workers take pieces of the work, one after the other, until none is left. A worker
// that is not there in time (the processor may be busy with something else) is not waited for, but only one that has
// taken a piece: with a fixed share to each thread, a step on a busy machine took a hundred times as long.
class Pool {
  public:
    const int threads;

    explicit Pool(int threads) : threads(threads) {
        for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
    }

    ~Pool() {
        ended_ = true;
        wake();
        for (std::thread& worker : workers_) worker.join();
    }

    // Calls work(piece) for each piece from 0 to pieces - 1.
    template <class Work>
    void share(int pieces, const Work& work) {
        work_ = &work;
        call_ = [](const void* of, int piece) { (*static_cast<const Work*>(of))(piece); };
        pieces_ = pieces;
        next_ = 0;
        open_ = true;
        if (asleep_ > 0) wake();
        take();
        open_ = false;  // who enters now finds it closed; who entered before is waited for
        while (inside_ > 0) std::this_thread::yield();
    }

  private:
    static constexpr int LOOKS = 2000;  // for work, a tenth of a millisecond or a few, before a worker sleeps

    void take() {
        for (int piece = next_++; piece < pieces_; piece = next_++) call_(work_, piece);
    }

    void serve() {
        for (int idle = 0; !ended_; ++idle) {
            if (open_ && next_ < pieces_) {
                ++inside_;
                if (open_) take();
                --inside_;
                idle = 0;
            } else if (idle >= LOOKS) {
                const int seen = calls_;
                ++asleep_;
                if (!open_ && !ended_) calls_.wait(seen);
                --asleep_;
                idle = 0;
            } else {
                std::this_thread::yield();
            }
        }
    }

    void wake() {
        ++calls_;
        calls_.notify_all();
    }

    const void* work_ = nullptr;
    void (*call_)(const void*, int) = nullptr;
    std::atomic<int> pieces_{0}, next_{0}, inside_{0}, asleep_{0}, calls_{0};
    std::atomic<bool> open_{false}, ended_{false};
    std::vector<std::thread> workers_;
};

}  // namespace

// ---- What Python hands over: native_engine.py has the same structures ----

extern "C" {

struct Matrix {
    const void* weights;  // (rows, columns)
    const float* scales;  // (rows), where weights are int8; null where they are float32
    int32_t rows, columns;
};

struct Model {
    const Matrix* matrices;  // table, head, and then those of each layer
    const float* const* biases;  // LSTM: of the head, and then of each layer; null for the transformer
    int32_t layers, heads;
    double rotary_base;
    Pool* pool;
};

}  // extern "C"

namespace {

// ---- Matrix products ----

// R rows of weights by N inputs, each weight read once. Whatever R and N are, a sum is added up in the same order: a
// text says the same alone and beside others, in one chunk and in many.
template <int R, int N, class Weight, class Store>
inline void tile(const Weight* weights, const float* x, int columns, Store store) {
    Lanes sums[R][N] = {};
    int c = 0;
    for (; c + LANES <= columns; c += LANES) {
        Lanes inputs[N];
        for (int n = 0; n < N; ++n) inputs[n] = load(x + n * columns + c);
        for (int r = 0; r < R; ++r) {
            const Lanes row = load(weights + r * columns + c);
            for (int n = 0; n < N; ++n) sums[r][n] += row * inputs[n];
        }
    }
    for (int r = 0; r < R; ++r)
        for (int n = 0; n < N; ++n) {
            float rest = 0;
            for (int i = c; i < columns; ++i) rest += weights[r * columns + i] * x[n * columns + i];
            store(r, n, sum(sums[r][n]) + rest);
        }
}

template <int R, class Weight, class Store>
inline void rows_by_all(const Matrix& matrix, int row, const float* x, int N, Store store) {
    const Weight* weights = static_cast<const Weight*>(matrix.weights) + int64_t(row) * matrix.columns;
    auto scaled = [&](int first) {
        return [=](int r, int n, float value) {
            store(row + r, first + n, matrix.scales ? value * matrix.scales[row + r] : value);
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

// x (N, columns) -> store(row, n, value) for each of the N inputs and each row of the matrix.
template <class Store>
void product(const Matrix& matrix, const float* x, int N, Pool& pool, Store store) {
    if (matrix.scales)
        product_of<int8_t>(matrix, x, N, pool, store);
    else
        product_of<float>(matrix, x, N, pool, store);
}

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
        for (int e = 0; e < E; ++e) out[e] += weights[s] * values[int64_t(s) * E + e];
    for (int e = 0; e < E; ++e) out[e] /= total;
}

// ---- The two architectures ----

// A token's keys and values replace those that have just gone out of its sight, so the ring needs no mask: all that is
// in it is seen. qkv (N, 3D) -> out (N, D).
void attention(const Model& model, float* qkv, const Floats& table, int B, int T, int64_t position, float* keys,
               float* values, int W, float* out, int D) {
    const int H = model.heads, E = D / H;
    model.pool->share(B * H, [&](int head) {
        const int b = head / H, h = head % H;
        float *own_keys = keys + int64_t(head) * W * E, *own_values = values + int64_t(head) * W * E;
        Floats weights(W);
        for (int t = 0; t < T; ++t) {
            float* query = qkv + (int64_t(b) * T + t) * 3 * D + h * E;
            float *key = query + D, *value = query + 2 * D;
            for (float* part : {query, key}) {
                rms_norm(part, part, 1, E);
                rotate(part, &table[int64_t(t) * E], E);
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

// tokens (B, T), of which the first stands at `position` of its text; keys and values (layers, B, H, W, E), which the
// step changes -> logits (B, V) of each text's last token.
void transformer(const Model* given, const int64_t* tokens, int32_t B, int32_t T, int64_t position, float* keys,
                 float* values, int32_t W, float* logits) {
    const Model& model = *given;
    const Matrix *table = model.matrices, *head = table + 1, *of_layer = table + 2;
    const int N = B * T, D = table->columns, V = table->rows;
    const Floats angles = rotary_table(position, T, D / model.heads, model.rotary_base);
    Floats x = embed(*table, tokens, N), normed(x.size()), found(x.size()), qkv(3 * x.size()), wide(4 * x.size());
    auto add = [&](int row, int n, float value) { x[int64_t(n) * D + row] += value; };
    rms_norm(x.data(), x.data(), N, D);
    for (int layer = 0; layer < model.layers; ++layer, of_layer += 4) {
        const int64_t ring = int64_t(layer) * B * W * D;
        rms_norm(x.data(), normed.data(), N, D);
        product(of_layer[0], normed.data(), N, *model.pool,
                [&](int row, int n, float value) { qkv[int64_t(n) * 3 * D + row] = value; });
        attention(model, qkv.data(), angles, B, T, position, keys + ring, values + ring, W, found.data(), D);
        product(of_layer[1], found.data(), N, *model.pool, add);
        rms_norm(x.data(), normed.data(), N, D);
        product(of_layer[2], normed.data(), N, *model.pool, [&](int row, int n, float value) {
            const float positive = std::max(value, 0.0f);
            wide[int64_t(n) * 4 * D + row] = positive * positive;
        });
        product(of_layer[3], wide.data(), N, *model.pool, add);
    }
    for (int b = 0; b < B; ++b) rms_norm(&x[(int64_t(b) * T + T - 1) * D], &normed[int64_t(b) * D], 1, D);
    product(*head, normed.data(), B, *model.pool,
            [&](int row, int b, float value) { logits[int64_t(b) * V + row] = value; });
}

// tokens (B, T); hidden and cell (layers, B, D), which the step changes -> logits (B, V) of each text's last token.
void lstm(const Model* given, const int64_t* tokens, int32_t B, int32_t T, float* hidden, float* cell, float* logits) {
    const Model& model = *given;
    const Matrix *table = model.matrices, *head = table + 1, *of_layer = table + 2;
    const int N = B * T, D = table->columns, V = table->rows;
    Floats x = embed(*table, tokens, N), gates(4 * x.size());
    for (int layer = 0; layer < model.layers; ++layer, of_layer += 2, hidden += B * D, cell += B * D) {
        const float* bias = model.biases[1 + layer];
        product(of_layer[0], x.data(), N, *model.pool,
                [&](int row, int n, float value) { gates[int64_t(n) * 4 * D + row] = value + bias[row]; });
        for (int t = 0; t < T; ++t) {
            product(of_layer[1], hidden, B, *model.pool,
                    [&](int row, int b, float value) { gates[(int64_t(b) * T + t) * 4 * D + row] += value; });
            for (int b = 0; b < B; ++b) {
                const int64_t n = int64_t(b) * T + t;
                // torch orders the gates i, f, g, o
                const float *write = &gates[n * 4 * D], *keep = write + D, *fresh = keep + D, *show = fresh + D;
                float *h = hidden + int64_t(b) * D, *c = cell + int64_t(b) * D, *out = &x[n * D];
                for (int d = 0; d < D; ++d) {
                    c[d] = c[d] / (1 + std::exp(-keep[d])) + std::tanh(fresh[d]) / (1 + std::exp(-write[d]));
                    out[d] = h[d] = std::tanh(c[d]) / (1 + std::exp(-show[d]));
                }
            }
        }
    }
    hidden -= B * D;  // of the last layer
    product(*head, hidden, B, *model.pool,
            [&](int row, int b, float value) { logits[int64_t(b) * V + row] = value + model.biases[0][row]; });
}

}  // extern "C"
