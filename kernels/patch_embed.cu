// Patches of pictures and clips as tokens, and the gradients: a product whose one operand is gathered from pixels [B, C, T, H, W] of any strides, bytes
// or REAL, a tile at a time, so that no matrix of patches [B N, C Tt P P] is ever written. Called by CudaBackend.PatchEmbed.
//
// patch_embed: dst [tokens, D] = bias + patches · weight [D, K]ᵀ with K = C Tt P P. patch_embed_weight: dweight [D, K] = dyᵀ · patches, tokens cut in equal
// parts whose sums patch_embed_reduce adds in order. patch_embed_scatter: rows of patches back to pixels, for the pixels' gradient.
// Reads the seen pixels once a tile of D (from L2 but once) and the weight once a tile of tokens; 2 tokens D K operations, bound by the matrix units
// and by gathering, about 5 instructions a pixel where 8 neighbours are one access. It is 0.4 % of a ViT-L's work, so one tile serves all shapes: mma.sync
// in bf16, FMA in f32, the next step of K in registers meanwhile.
#include "mma.cuh"
#include "nest.cuh"

constexpr int THREADS = 256, CHUNK = wide<REAL>, CHANNELS = 64;

struct Pixels {
  void* data;
  const i64* visible;  // the patch that each token is, or null: itself
  i64 clip, channel, frame, line, column;  // strides
  Divisor across, down, deep;              // patches of a clip
  Divisor size, tubelet;                   // P, Tt
  i32 tokens, elements;                    // K
  i32 vector;  // CHUNK elements of a patch from a multiple of CHUNK on are neighbours and aligned
  float scale[CHANNELS], shift[CHANNELS];
};

DEVICE u32 remainder(u32 n, Divisor d) { return n - d.divide(n) * d.value; }

// Where a token's patch begins, in elements.
DEVICE i64 corner(const Pixels& p, u32 token) {
  u32 column = p.visible ? (u32)p.visible[token] : token, line = p.across.divide(column), tube = p.down.divide(line), clip = p.deep.divide(tube);
  return clip * p.clip + remainder(tube, p.deep) * p.tubelet.value * p.frame + remainder(line, p.down) * p.size.value * p.line +
      remainder(column, p.across) * p.size.value * p.column;
}

// Where a line of a patch, [C, Tt, P], begins within it.
DEVICE i64 line_of(const Pixels& p, u32 line) {
  u32 plane = p.size.divide(line), channel = p.tubelet.divide(plane);
  return channel * p.channel + remainder(plane, p.tubelet) * p.frame + remainder(line, p.size) * p.line;
}

DEVICE u32 channel_of(const Pixels& p, u32 element) { return p.tubelet.divide(p.size.divide(p.size.divide(element))); }

DEVICE float to_float(u8 x) { return x; }

// Patches as a matrix [tokens, K] that is read in chunks: first as they are stored, so that nothing waits for them, then as numbers.
template <class PIXEL> struct Patches {
  typedef Pack<PIXEL, CHUNK> Raw;
  const Pixels& p;
  DEVICE i64 row(u32 token) const { return token < p.tokens ? corner(p, token) : -1; }
  DEVICE Raw fetch(i64 from, u32 element) const {
    Raw raw = {};
    if (from < 0 || element >= p.elements) return raw;
    const PIXEL* data = (const PIXEL*)p.data + from;
    u32 line = p.size.divide(element), x = element - line * p.size.value;
    const PIXEL* at = data + line_of(p, line) + x * p.column;
    if (p.vector) return *(const Raw*)at;
#pragma unroll
    for (int e = 0; e < CHUNK; e++) {
      if (element + e < p.elements) raw[e] = *at;
      at += p.column;
      if (++x == p.size.value) {
        x = 0;
        at = data + line_of(p, ++line);
      }
    }
    return raw;
  }
  DEVICE Pack<REAL, CHUNK> numbers(const Raw& raw, u32 element) const {
    Pack<REAL, CHUNK> x;
    u32 channel = 0;
#pragma unroll
    for (int e = 0; e < CHUNK; e++) {
      if (e == 0 || !p.vector) channel = smaller<u32>(channel_of(p, element + e), CHANNELS - 1);
      x[e] = from_float<REAL>(fmaf(to_float(raw[e]), p.scale[channel], p.shift[channel]));
    }
    return x;
  }
};

// A matrix of numbers, read in the same way.
struct Matrix {
  typedef Pack<REAL, CHUNK> Raw;
  const REAL* data;
  u32 rows, columns;
  i32 vector;  // rows begin at multiples of 16 bytes
  DEVICE i64 row(u32 i) const { return i < rows ? (i64)i * columns : -1; }
  DEVICE Raw fetch(i64 from, u32 column) const {
    Raw raw = {};
    if (from < 0) return raw;
    const REAL* at = data + from + column;
    if (vector && column + CHUNK <= columns) return *(const Raw*)at;
#pragma unroll
    for (int e = 0; e < CHUNK; e++)
      if (column + e < columns) raw[e] = at[e];
    return raw;
  }
  DEVICE Raw numbers(const Raw& raw, u32) const { return raw; }
};

// An operand on its way from a source to a tile in shared memory: LENGTH rows (of the left one; columns of the right) from `first` on and DEPTH steps
// along K. The source's rows run along K if ALONG_K, else K counts them.
template <class SOURCE, int LENGTH, int DEPTH, bool ALONG_K> struct Stage {
  static constexpr int columns = ALONG_K ? DEPTH : LENGTH, rows = ALONG_K ? LENGTH : DEPTH;
  static constexpr int chunks = columns / CHUNK, together = THREADS / chunks, count = rows / together;
  static_assert(THREADS % chunks == 0 && rows % together == 0, "every thread has as many chunks");
  const SOURCE source;
  const u32 first;
  i64 from[count];
  u32 column;
  typename SOURCE::Raw raw[count];

  DEVICE Stage(SOURCE source, u32 first) : source(source), first(first) {
    if (ALONG_K) find(first);
  }
  DEVICE u32 row_of(int i) const { return threadIdx.x / chunks + i * together; }
  DEVICE void find(u32 row) {
#pragma unroll
    for (int i = 0; i < count; i++) from[i] = source.row(row + row_of(i));
  }
  DEVICE void fetch(u32 k) {
    if (!ALONG_K) find(k);
    column = (ALONG_K ? k : first) + threadIdx.x % chunks * CHUNK;
#pragma unroll
    for (int i = 0; i < count; i++) raw[i] = source.fetch(from[i], column);
  }
  DEVICE void place(u8* tile) const {
#pragma unroll
    for (int i = 0; i < count; i++) {
      Pack<REAL, CHUNK> x = source.numbers(raw[i], column);
#if BF16_TIER
      *(Pack<REAL, CHUNK>*)(tile + chunk_offset<chunks>(row_of(i), threadIdx.x % chunks)) = x;
#else
      // As [K][LENGTH], whatever the source.
      float* to = (float*)tile;
      if (!ALONG_K) *(Pack<REAL, CHUNK>*)(to + row_of(i) * (LENGTH + 4) + threadIdx.x % chunks * CHUNK) = x;
      else
#pragma unroll
        for (int e = 0; e < CHUNK; e++) to[(threadIdx.x % chunks * CHUNK + e) * (LENGTH + 4) + row_of(i)] = x[e];
#endif
    }
  }
};

// A block's tile of left · right over K from begin to end; store(row, column, v0, v1) takes two neighbouring sums.
#if BF16_TIER

constexpr int M = 128, N = 64, K = 32;
constexpr int left_bytes = M * K * 2, stage_bytes = (M + N) * K * 2;

// Eight warps, 4 x 2, of 32 x 32 sums.
template <bool ALONG_K> struct Sums {
  float sum[2][4][4] = {};
  DEVICE void add(const u8* tile) {
    const u32 left = shared_address(tile), right = left + left_bytes, m = warp_id() / 2 * 32, n = warp_id() % 2 * 32;
#pragma unroll
    for (int k = 0; k < K; k += 16) {
      u32 a[2][4], b[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++) load_left<ALONG_K, (ALONG_K ? K : M) / 8>(a[i], left, m + i * 16, k);
#pragma unroll
      for (int j = 0; j < 2; j++) load_right<ALONG_K, (ALONG_K ? K : N) / 8>(b[j], right, n + j * 16, k);
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) mma(sum[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
    }
  }
  template <class STORE> DEVICE void take(STORE store) const {
    const u32 m = warp_id() / 2 * 32 + sum_row(), n = warp_id() % 2 * 32 + sum_column();
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) {
        store(m + i * 16, n + j * 8, sum[i][j][0], sum[i][j][1]);
        store(m + i * 16 + 8, n + j * 8, sum[i][j][2], sum[i][j][3]);
      }
  }
};

#else

constexpr int M = 64, N = 64, K = 16;
constexpr int left_bytes = K * (M + 4) * 4, stage_bytes = K * (M + N + 8) * 4;

// 16 x 16 threads of 4 x 4 sums.
template <bool> struct Sums {
  float sum[4][4] = {};
  DEVICE void add(const u8* tile) {
    const float *left = (const float*)tile + threadIdx.x / 16 * 4, *right = (const float*)(tile + left_bytes) + threadIdx.x % 16 * 4;
#pragma unroll
    for (int k = 0; k < K; k++) {
      Pack<float, 4> x = *(const Pack<float, 4>*)(left + k * (M + 4)), y = *(const Pack<float, 4>*)(right + k * (N + 4));
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
    }
  }
  template <class STORE> DEVICE void take(STORE store) const {
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < 4; j += 2) store(threadIdx.x / 16 * 4 + i, threadIdx.x % 16 * 4 + j, sum[i][j], sum[i][j + 1]);
  }
};

#endif

template <bool ALONG_K, class LEFT, class RIGHT, class STORE>
DEVICE void product(LEFT a, RIGHT b, u32 m, u32 n, u32 begin, u32 end, STORE store) {
  u8* shared = shared_memory();
  Stage<LEFT, M, K, ALONG_K> left(a, m);
  Stage<RIGHT, N, K, ALONG_K> right(b, n);
  Sums<ALONG_K> sums;
  auto fetch = [&](u32 k) {
    left.fetch(k);
    right.fetch(k);
  };
  auto place = [&](int stage) {
    left.place(shared + stage * stage_bytes);
    right.place(shared + stage * stage_bytes + left_bytes);
  };
  fetch(begin);
  place(0);
  sync_block();
  int stage = 0;
  for (u32 k = begin; k < end; k += K, stage ^= 1) {
    bool more = k + K < end;
    if (more) fetch(k + K);
    sums.add(shared + stage * stage_bytes);
    if (more) place(stage ^ 1);
    sync_block();
  }
  sums.take([&](u32 row, u32 column, float v0, float v1) { store(m + row, n + column, v0, v1); });
}

struct PatchEmbedArgs {
  Pixels pixels;
  const REAL *weight, *bias;  // [D, K], [D]
  REAL* dst;                  // [tokens, D]
  i32 width;                  // D
  i32 vector;                 // the weight's rows begin at multiples of 16 bytes
  i32 pairs;                  // two neighbours of dst are one aligned access
};

template <class PIXEL> DEVICE void forward(const PatchEmbedArgs& a) {
  u32 width = a.width, across = ceil_div(width, N);
  Matrix weight = {a.weight, width, (u32)a.pixels.elements, a.vector};
  product<true>(Patches<PIXEL>{a.pixels}, weight, blockIdx.x / across * M, blockIdx.x % across * N, 0, a.pixels.elements,
      [&](u32 token, u32 d, float v0, float v1) {
        if (token >= a.pixels.tokens || d >= width) return;
        REAL* to = a.dst + (i64)token * width + d;
        REAL x = from_float<REAL>(v0 + to_float(a.bias[d]));
        if (d + 1 == width) {
          *to = x;
          return;
        }
        REAL y = from_float<REAL>(v1 + to_float(a.bias[d + 1]));
        if (a.pairs) *(Pack<REAL, 2>*)to = {x, y};
        else to[0] = x, to[1] = y;
      });
}

struct PatchEmbedGradArgs {
  Pixels pixels;
  const REAL* dy;   // [tokens, D]
  float* partials;  // [parts, D, K]
  REAL* dweight;    // [D, K]
  i32 width, vector;
  i32 depth, parts;  // tokens of a part, a multiple of the tile's; parts = ceil(tokens / depth)
  i32 accumulate;
};

template <class PIXEL> DEVICE void weight_gradient(const PatchEmbedGradArgs& a) {
  u32 width = a.width, elements = a.pixels.elements, across = ceil_div(elements, N), begin = blockIdx.y * a.depth;
  Matrix dy = {a.dy, (u32)a.pixels.tokens, width, a.vector};
  float* to = a.partials + (i64)blockIdx.y * width * elements;
  product<false>(dy, Patches<PIXEL>{a.pixels}, blockIdx.x / across * M, blockIdx.x % across * N, begin, smaller<u32>(begin + a.depth, a.pixels.tokens),
      [&](u32 d, u32 element, float v0, float v1) {
        if (d >= width) return;
        if (element < elements) to[(i64)d * elements + element] = v0;
        if (element + 1 < elements) to[(i64)d * elements + element + 1] = v1;
      });
}

DEVICE void reduce(const PatchEmbedGradArgs& a) {
  i64 count = (i64)a.width * a.pixels.elements, i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  float sum = a.accumulate ? to_float(a.dweight[i]) : 0;
#pragma unroll 4
  for (int part = 0; part < a.parts; part++) sum += a.partials[part * count + i];
  a.dweight[i] = from_float<REAL>(sum);
}

struct PatchScatterArgs {
  Pixels pixels;
  const REAL* patches;  // [tokens, K]
};

// A block has 256 neighbours of a row.
DEVICE void scatter(const PatchScatterArgs& a) {
  const Pixels& p = a.pixels;
  u32 parts = ceil_div(p.elements, THREADS), token = blockIdx.x / parts, element = blockIdx.x % parts * THREADS + threadIdx.x;
  if (element >= p.elements) return;
  u32 line = p.size.divide(element);
  ((REAL*)p.data)[corner(p, token) + line_of(p, line) + remainder(element, p.size) * p.column] = a.patches[(i64)token * p.elements + element];
}

KERNEL_RESIDENT(patch_embed_bytes, THREADS, 2, PatchEmbedArgs, forward<u8>)
KERNEL_RESIDENT(patch_embed_reals, THREADS, 2, PatchEmbedArgs, forward<REAL>)
KERNEL_RESIDENT(patch_embed_weight_bytes, THREADS, 2, PatchEmbedGradArgs, weight_gradient<u8>)
KERNEL_RESIDENT(patch_embed_weight_reals, THREADS, 2, PatchEmbedGradArgs, weight_gradient<REAL>)
KERNEL(patch_embed_reduce, THREADS, PatchEmbedGradArgs, reduce)
KERNEL(patch_embed_scatter, THREADS, PatchScatterArgs, scatter)
