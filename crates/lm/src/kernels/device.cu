// What candle has no operation for. Launched by device.rs, which says what each is for; all arrays are dense, row after row.
#include <cuda_bf16.h>
#include <math_constants.h>

constexpr unsigned WARP = 32;
constexpr unsigned WARPS = 32;
constexpr unsigned ALL = 0xffffffff;

// x = parts[0] + parts[1] + parts[2], exactly: each takes eight more of the 24 bits of a number in f32.
extern "C" __global__ void split(const float *x, __nv_bfloat16 *parts, size_t count) {
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += gridDim.x * (size_t)blockDim.x) {
        float rest = x[i];
        for (unsigned part = 0; part < 3; part++) {
            __nv_bfloat16 value = __float2bfloat16_rn(rest);
            parts[part * count + i] = value;
            rest -= __bfloat162float(value);
        }
    }
}

// y = parts[0] + parts[1] + parts[2], the smallest first.
extern "C" __global__ void join(const float *parts, float *y, size_t count) {
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += gridDim.x * (size_t)blockDim.x) {
        y[i] = parts[2 * count + i] + parts[count + i] + parts[i];
    }
}

// The sum over a block, in the same order for every thread of it.
__device__ double summed(double value) {
    __shared__ double of_warp[WARPS];
    for (unsigned offset = WARP / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(ALL, value, offset);
    if (threadIdx.x % WARP == 0) of_warp[threadIdx.x / WARP] = value;
    __syncthreads();
    double sum = 0;
    for (unsigned w = 0; w < WARPS; w++) sum += of_warp[w];
    __syncthreads();
    return sum;
}

// A row of logits as softmax((logit - highest) / temperature), not yet divided. Each warp of a block has a stretch of the vocabulary, in which its lanes take
// turns.
struct Row {
    const float *logits;
    float highest, inverse;
    unsigned start, end;

    __device__ float scaled(float logit) const {
        // The bound keeps 0 * -infinity out of the entropy, and NaN becomes the bound.
        return fmaxf((logit - highest) * inverse, -104.0f);
    }
    __device__ float value(float logit) const { return expf(scaled(logit)); }

    // Whole numbers in the order of the logits; NaN is the lowest.
    static __device__ unsigned key(float logit) {
        unsigned bits = __float_as_uint(logit);
        return isnan(logit) ? 0 : bits & 0x80000000 ? ~bits : bits | 0x80000000;
    }
    static __device__ float of_key(unsigned key) { return __uint_as_float(key & 0x80000000 ? key & 0x7fffffff : ~key); }

    // The highest key from which upwards the values add up to `target`, or to more where `exceeds`; `above` is what those of higher keys add up to.
    __device__ unsigned reaching(double target, bool exceeds, double &above) const {
        unsigned long long low = 0, high = key(highest) + 1ull;
        above = 0;
        while (high - low > 1) {
            const unsigned long long step = max((high - low) / 4, 1ull);
            unsigned long long at[3];
            double mass[3] = {0, 0, 0};
            for (unsigned q = 0; q < 3; q++) at[q] = min(low + (q + 1) * step, high);
            for (unsigned i = start + threadIdx.x % WARP; i < end; i += WARP) {
                const unsigned its = key(logits[i]);
                if (its < at[0]) continue;
                const double v = value(logits[i]);
                for (unsigned q = 0; q < 3; q++) mass[q] += its >= at[q] ? v : 0.0;
            }
            for (unsigned q = 0; q < 3; q++) mass[q] = summed(mass[q]);
            for (unsigned q = 0; q < 3 && at[q] < high; q++) {
                if (exceeds ? mass[q] > target : mass[q] >= target) {
                    low = at[q];
                } else {
                    high = at[q], above = mass[q];
                }
            }
        }
        return low;
    }
};

// A token of each row of `logits`: [token, log-probability, entropy]. A block of WARPS warps a row.
extern "C" __global__ void __launch_bounds__(WARP * WARPS)
draw(const float *logits, const double *uniforms, float *drawn, unsigned vocabulary, float temperature, double top_p, unsigned greedy) {
    __shared__ float highest_of[WARPS];
    __shared__ unsigned best_of[WARPS];
    __shared__ double of_stretch[WARPS];
    const unsigned warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    const unsigned stretch = (vocabulary + WARPS - 1) / WARPS, start = min(warp * stretch, vocabulary);
    Row row = {logits + (size_t)blockIdx.x * vocabulary, -CUDART_INF_F, 1.0f / temperature, start, min(start + stretch, vocabulary)};

    // The highest logit and its first token. NaN is higher than nothing.
    unsigned best = vocabulary;
    for (unsigned i = row.start + lane; i < row.end; i += WARP) {
        if (row.logits[i] > row.highest) row.highest = row.logits[i], best = i;
    }
    for (unsigned offset = WARP / 2; offset > 0; offset /= 2) {
        const float other = __shfl_xor_sync(ALL, row.highest, offset);
        const unsigned its = __shfl_xor_sync(ALL, best, offset);
        if (other > row.highest || (other == row.highest && its < best)) row.highest = other, best = its;
    }
    if (lane == 0) highest_of[warp] = row.highest, best_of[warp] = best;
    __syncthreads();
    for (unsigned w = 0; w < WARPS; w++) {
        if (highest_of[w] > row.highest || (highest_of[w] == row.highest && best_of[w] < best)) row.highest = highest_of[w], best = best_of[w];
    }
    if (best == vocabulary) best = 0;

    double sum = 0, weighted = 0;
    for (unsigned i = row.start + lane; i < row.end; i += WARP) {
        const float at = row.scaled(row.logits[i]), value = expf(at);
        sum += value;
        weighted += value * at;
    }
    const double whole = summed(sum);
    weighted = summed(weighted);

    // The kept tokens come in an order, and the token is the one at which their running sum passes its part of the whole: by number where all are kept, else by
    // weight, the lowest number first among equals. First the stretch of it, of which one warp goes on; `rest` is what is left for that.
    double rest = uniforms[blockIdx.x] * whole;
    unsigned tie = 0;
    if (top_p < 1 && !greedy) {
        double above;
        float weight = row.value(Row::of_key(row.reaching(top_p * whole, false, above)));
        const double kept = above + max(ceil((top_p * whole - above) / weight), 1.0) * weight;
        rest = uniforms[blockIdx.x] * kept;
        tie = row.reaching(rest, true, above);
        weight = row.value(Row::of_key(tie));
        // So many of those that weigh the same come before it.
        rest = max(floor((rest - above) / weight), 0.0);
        sum = 0;
        for (unsigned i = row.start + lane; i < row.end; i += WARP) sum += Row::key(row.logits[i]) == tie;
    }
    for (unsigned offset = WARP / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(ALL, sum, offset);
    if (lane == 0) of_stretch[warp] = sum;
    __syncthreads();
    unsigned chosen = 0;
    while (chosen < WARPS && rest >= of_stretch[chosen]) rest -= of_stretch[chosen++];
    // Where a rounding lets the sum end before, the best.
    if (greedy || chosen == WARPS) chosen = 0, rest = -1;
    if (warp != chosen) return;
    unsigned token = best;
    double before = 0;
    for (unsigned base = row.start; rest >= 0 && base < row.end; base += WARP) {
        const unsigned i = base + lane;
        double weight = 0;
        if (i < row.end) weight = tie ? Row::key(row.logits[i]) == tie : row.value(row.logits[i]);
        double running = weight;
        for (unsigned offset = 1; offset < WARP; offset *= 2) {
            const double other = __shfl_up_sync(ALL, running, offset);
            if (lane >= offset) running += other;
        }
        // Where the stretch's sum and its running sum differ in the last bit, its last possible token.
        const unsigned possible = __ballot_sync(ALL, weight > 0), passed = __ballot_sync(ALL, weight > 0 && before + running > rest);
        if (possible) token = base + WARP - 1 - __clz(possible);
        if (passed) {
            token = base + __ffs(passed) - 1;
            break;
        }
        before += __shfl_sync(ALL, running, WARP - 1);
    }
    if (lane == 0) {
        float *out = drawn + 3 * blockIdx.x;
        const double log_sum = log(whole);
        out[0] = token;
        out[1] = (row.logits[token] - row.highest) / temperature - log_sum;
        out[2] = log_sum - weighted / whole;
    }
}

// Numbers of a head that a lane holds at most: heads are up to WARP * WIDE wide.
constexpr unsigned WIDE = 8;
// Warps of a block that attends, and positions that each looks at together.
constexpr unsigned ATTENDING = 8;
constexpr unsigned TOGETHER = 4;

// As in device.rs.
struct Cached {
    const float *cosines, *sines, *norm;
    unsigned texts, query_heads, heads, width, half, room, seen;
    float epsilon;
};

// A head as it comes from the projection: normed by a weight, where there is one, and of the first 2 * half numbers the pairs (i, i + half) rotated.
struct Turn {
    const float *cosines, *sines, *norm;
    unsigned half;
    float inverse;

    __device__ Turn(const Cached &cached, const float *head, unsigned text, const float *norm)
        : cosines(cached.cosines + (size_t)text * cached.half), sines(cached.sines + (size_t)text * cached.half), norm(norm), half(cached.half), inverse(1) {
        if (!norm) return;
        float squares = 0;
        for (unsigned i = threadIdx.x; i < cached.width; i += WARP) squares += head[i] * head[i];
        for (unsigned offset = WARP / 2; offset > 0; offset /= 2) squares += __shfl_xor_sync(ALL, squares, offset);
        inverse = 1 / sqrtf(squares / cached.width + cached.epsilon);
    }
    __device__ float plain(const float *head, unsigned i) const { return norm ? head[i] * inverse * norm[i] : head[i]; }
    __device__ float of(const float *head, unsigned i) const {
        if (i >= 2 * half) return plain(head, i);
        const unsigned pair = i < half ? i : i - half;
        const float first = plain(head, pair), second = plain(head, pair + half);
        return i < half ? first * cosines[pair] - second * sines[pair] : first * sines[pair] + second * cosines[pair];
    }
};

// Puts the key and value heads of one token of each text where the cache [keys and values, texts, heads, room, width] has room for it. A warp a head.
extern "C" __global__ void remember(const float *qkv, float *kept, const Cached cached) {
    const unsigned texts = cached.texts, heads = cached.heads, width = cached.width;
    const unsigned unit = blockIdx.x * blockDim.y + threadIdx.y;
    if (unit >= 2 * texts * heads) return;
    const unsigned is_value = unit / (texts * heads), text = unit / heads % texts, head = unit % heads;
    const float *from = qkv + ((size_t)text * (cached.query_heads + 2 * heads) + cached.query_heads + is_value * heads + head) * width;
    float *to = kept + ((size_t)unit * cached.room + cached.seen) * width;
    const Turn turn(cached, from, text, is_value ? nullptr : cached.norm);
    for (unsigned i = threadIdx.x; i < width; i += WARP) to[i] = is_value ? from[i] : turn.of(from, i);
}

// Attention of one token of each text to the positions of the cache, its own the last, from the text's first on. A block of ATTENDING warps a query head.
extern "C" __global__ void __launch_bounds__(WARP * ATTENDING)
attend(const float *qkv, const float *kept, const unsigned *starts, float *out, const Cached cached) {
    __shared__ float highest_of[ATTENDING], sum_of[ATTENDING], mixed_of[ATTENDING][WARP * WIDE];
    const unsigned query_heads = cached.query_heads, heads = cached.heads, width = cached.width, seen = cached.seen + 1;
    const unsigned text = blockIdx.x / query_heads, head = blockIdx.x % query_heads, lane = threadIdx.x, warp = threadIdx.y;
    const float *from = qkv + ((size_t)text * (query_heads + 2 * heads) + head) * width;
    const float *keys = kept + (size_t)(text * heads + head / (query_heads / heads)) * cached.room * width;
    const float *values = keys + (size_t)cached.texts * heads * cached.room * width;
    const Turn turn(cached, from, text, cached.norm);
    const float scale = 1 / sqrtf(width);
    float query[WIDE], mixed[WIDE] = {};
#pragma unroll
    for (unsigned j = 0; j < WIDE; j++) query[j] = lane + j * WARP < width ? turn.of(from, lane + j * WARP) * scale : 0;
    float highest = -CUDART_INF_F, sum = 0;
    for (unsigned first = starts[text] + warp * TOGETHER; first < seen; first += ATTENDING * TOGETHER) {
        float score[TOGETHER];
#pragma unroll
        for (unsigned t = 0; t < TOGETHER; t++) {
            score[t] = 0;
#pragma unroll
            for (unsigned j = 0; j < WIDE; j++) {
                if (lane + j * WARP < width && first + t < seen) score[t] += query[j] * keys[(size_t)(first + t) * width + lane + j * WARP];
            }
        }
        float now = highest;
#pragma unroll
        for (unsigned t = 0; t < TOGETHER; t++) {
            for (unsigned offset = WARP / 2; offset > 0; offset /= 2) score[t] += __shfl_xor_sync(ALL, score[t], offset);
            if (first + t >= seen) score[t] = -CUDART_INF_F;
            now = fmaxf(now, score[t]);
        }
        // What is there shrinks where a higher score has come.
        const float shrunk = expf(highest - now);
        sum *= shrunk, highest = now;
#pragma unroll
        for (unsigned j = 0; j < WIDE; j++) mixed[j] *= shrunk;
#pragma unroll
        for (unsigned t = 0; t < TOGETHER; t++) {
            const float weight = expf(score[t] - highest);
            sum += weight;
#pragma unroll
            for (unsigned j = 0; j < WIDE; j++) {
                if (lane + j * WARP < width && first + t < seen) mixed[j] += weight * values[(size_t)(first + t) * width + lane + j * WARP];
            }
        }
    }
    if (lane == 0) highest_of[warp] = highest, sum_of[warp] = sum;
#pragma unroll
    for (unsigned j = 0; j < WIDE; j++) mixed_of[warp][lane + j * WARP] = mixed[j];
    __syncthreads();
    highest = -CUDART_INF_F;
    for (unsigned w = 0; w < ATTENDING; w++) highest = fmaxf(highest, highest_of[w]);
    for (unsigned i = warp * WARP + lane; i < width; i += ATTENDING * WARP) {
        float whole = 0, joined = 0;
        for (unsigned w = 0; w < ATTENDING; w++) {
            const float share = expf(highest_of[w] - highest);
            whole += share * sum_of[w], joined += share * mixed_of[w][i];
        }
        out[(size_t)blockIdx.x * width + i] = joined / whole;
    }
}

// silu(gate) * up of the two halves of each row.
extern "C" __global__ void swiglu(const float *x, float *y, size_t count, unsigned width) {
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count; i += gridDim.x * (size_t)blockDim.x) {
        const size_t row = i / width, at = row * 2 * width + i % width;
        const float gate = x[at];
        y[i] = gate / (1 + expf(-gate)) * x[at + width];
    }
}
