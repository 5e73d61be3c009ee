// Matrix products: dst [M, N] = epilogue(a [M, K] · b [K, N]), for each of a batch. Called by CudaBackend.MatMul for every linear layer, its
// gradients (dx = dy · w, dw = dyᵀ · x) and every other product.
//
// Moves (M K + K N + M N) elements, each operand once a row (column) of tiles; 2 M N K operations. Bound by the matrix units where
// M, N and K are more than some hundreds (H200, on paper: 600 TFLOP/s bf16 by mma.sync, 67 f32), else by memory.
//
// product_mma (bf16): a block computes a tile of dst, each warp a part of it by mma.sync. Operands lie in shared memory as they do in
// memory; STAGES steps along K are under way by cp.async; the fragments of the next 16 columns are read while those of the last are multiplied.
// product_fma (both tiers): f32 multiply-adds, 8 x 8 (8 x 4) sums a thread, operands in shared memory as [k][m] and [k][n] whatever their
// layout; the next step is on its way in registers meanwhile. In the bf16 tier it takes what product_mma does not: rows that do not begin
// at multiples of 16 bytes, and both operands transposed, which no model asks for.
// sm_80 to sm_90a, no spill: 248 to 252 registers with 64 x 64 sums a warp, 150 to 164 with 64 x 32, 110 to 118 with 32 x 32; product_fma 128
// (153 bf16) and 85 to 101. A step of 128 x 256 x 32 is 64 HMMA, 16 LDSM and 6 LDGSTS of some 170 instructions a warp. Speed: not yet measured.
// Where there are fewer tiles than multiprocessors, K is cut in equal parts: blocks leave sums in `partials`, and reduce_partials adds them in order.
#include "epilogue.cuh"
#include "mma.cuh"

struct GemmArgs {
  Epilogue epilogue;
  const REAL* a;
  const REAL* b;
  float* partials;  // [parts][batch][M][partial_row], or null where K is not cut
  i64 a_row, a_column, a_batch, b_row, b_column, b_batch, partial_row, batch;
  i32 m, n, k;
  i32 depth, parts;  // K of a part, a multiple of the tile's; parts = ceil(k / depth)
  i32 vector;        // product_fma: four neighbours of an operand are one aligned access
};

// Which tile of which product a block computes, and over which part of K.
struct Place { i64 batch; i32 m, n, begin, end; };

// Blocks that run at the same time share rows and columns of tiles, which then come from the L2 cache: they go down eight tiles before they
// go to the right.
template <int M, int N> DEVICE Place place(const GemmArgs& g) {
  constexpr u32 group = 8;
  const u32 down = ceil_div(g.m, M), across = ceil_div(g.n, N), tile = blockIdx.x % (down * across);
  const u32 first = tile / (group * across) * group, height = smaller(down - first, group), at = tile % (group * across);
  const i32 begin = blockIdx.y * g.depth;
  return {blockIdx.x / (down * across), (i32)((first + at % height) * M), (i32)(at / height * N), begin, smaller(begin + g.depth, g.k)};
}

// Sums as they are to the partials.
template <int COUNT> DEVICE void leave(const GemmArgs& g, i64 batch, const Numbers (&x)[COUNT], const i32 (&row)[COUNT], const i32 (&column)[COUNT]) {
#pragma unroll
  for (int i = 0; i < COUNT; i++)
    if (row[i] < g.m && column[i] < g.n)
      *(Numbers*)(g.partials + ((blockIdx.y * g.batch + batch) * g.m + row[i]) * g.partial_row + column[i]) = x[i];
}

#if BF16_TIER

// A block's tile and what a warp computes of it; K a step; STAGES steps in shared memory.
template <int M_, int N_, int K_, int STAGES_, int WARP_M_, int WARP_N_> struct Tile {
  static constexpr int M = M_, N = N_, K = K_, STAGES = STAGES_, WARP_M = WARP_M_, WARP_N = WARP_N_;
  static constexpr int threads = M / WARP_M * (N / WARP_N) * 32;
  static constexpr u32 left_bytes = M * K * 2, stage_bytes = (M + N) * K * 2;
};

template <class T, bool LEFT_ALONG_K, bool RIGHT_ALONG_K> DEVICE void product_mma(const GemmArgs& g) {
  constexpr int steps = T::K / 16, down = T::WARP_M / 16, across = T::WARP_N / 16;
  constexpr int left_chunks = (LEFT_ALONG_K ? T::K : T::M) / 8, right_chunks = (RIGHT_ALONG_K ? T::K : T::N) / 8;
  const Place at = place<T::M, T::N>(g);
  const u32 shared = shared_address(shared_memory());
  const u32 warp_m = warp_id() / (T::N / T::WARP_N) * T::WARP_M, warp_n = warp_id() % (T::N / T::WARP_N) * T::WARP_N;

  const i64 left_stride = LEFT_ALONG_K ? g.a_row : g.a_column, right_stride = RIGHT_ALONG_K ? g.b_column : g.b_row;
  const bf16* left_next = g.a + at.batch * g.a_batch + at.m * g.a_row + at.begin * g.a_column;
  const bf16* right_next = g.b + at.batch * g.b_batch + at.n * g.b_column + at.begin * g.b_row;
  i32 depth = at.end - at.begin;  // not yet copied
  auto fill = [&](int stage) {
    const u32 to = shared + stage * T::stage_bytes;
    if constexpr (LEFT_ALONG_K) copy_tile<T::M, left_chunks, T::threads>(to, left_next, left_stride, g.m - at.m, depth);
    else copy_tile<T::K, left_chunks, T::threads>(to, left_next, left_stride, depth, g.m - at.m);
    if constexpr (RIGHT_ALONG_K) copy_tile<T::N, right_chunks, T::threads>(to + T::left_bytes, right_next, right_stride, g.n - at.n, depth);
    else copy_tile<T::K, right_chunks, T::threads>(to + T::left_bytes, right_next, right_stride, depth, g.n - at.n);
    left_next += LEFT_ALONG_K ? T::K : T::K * left_stride;
    right_next += RIGHT_ALONG_K ? T::K : T::K * right_stride;
    depth -= T::K;
  };

  u32 left[2][down][4], right[2][across][4];
  float sum[down][2 * across][4] = {};
  auto take = [&](int buffer, int stage, int step) {
    const u32 from = shared + stage * T::stage_bytes;
#pragma unroll
    for (int i = 0; i < down; i++) load_left<LEFT_ALONG_K, left_chunks>(left[buffer][i], from, warp_m + i * 16, step * 16);
#pragma unroll
    for (int j = 0; j < across; j++) load_right<RIGHT_ALONG_K, right_chunks>(right[buffer][j], from + T::left_bytes, warp_n + j * 16, step * 16);
  };

  const int tiles = ceil_div(at.end - at.begin, T::K);
#pragma unroll 1
  for (int i = 0; i < T::STAGES - 1; i++) {
    if (depth > 0) fill(i);
    copy_async_commit();
  }
  copy_async_wait<T::STAGES - 2>();
  sync_block();
  take(0, 0, 0);
  int read = 0, write = T::STAGES - 1;
  for (int tile = 0; tile < tiles; tile++) {
#pragma unroll
    for (int step = 0; step < steps; step++) {
      if (step == steps - 1) {
        copy_async_wait<T::STAGES - 2>();
        sync_block();  // the next stage is there, and nobody reads this one any more
        read = read == T::STAGES - 1 ? 0 : read + 1;
      }
      if (step < steps - 1 || tile + 1 < tiles) take((step + 1) % 2, read, (step + 1) % steps);
      if (step == 0) {
        if (depth > 0) fill(write);
        copy_async_commit();
        write = write == T::STAGES - 1 ? 0 : write + 1;
      }
#pragma unroll
      for (int i = 0; i < down; i++)
#pragma unroll
        for (int j = 0; j < across; j++) {
          mma(sum[i][2 * j], left[step % 2][i], right[step % 2][j][0], right[step % 2][j][1]);
          mma(sum[i][2 * j + 1], left[step % 2][i], right[step % 2][j][2], right[step % 2][j][3]);
        }
    }
  }

  // A warp passes its sums through memory of its own, 16 rows at a time, so that every lane gets WIDE neighbours of a row. Rows are 8 floats
  // longer, which puts those that are written together into different banks.
  constexpr int strip_row = T::WARP_N + 8, lanes = T::WARP_N / WIDE, rows = 32 / lanes, rounds = 16 / rows;
  static_assert(T::threads / 32 * 16 * strip_row * 4 <= T::STAGES * T::stage_bytes, "strips lie where the stages did");
  float* strip = (float*)shared_memory() + warp_id() * 16 * strip_row;
  float* mine = strip + lane_id() / lanes * strip_row + lane_id() % lanes * WIDE;
  const i32 first = at.m + warp_m + lane_id() / lanes, column = at.n + warp_n + lane_id() % lanes * WIDE;
#pragma unroll 1
  for (int i = 0; i < down; i++) {
#pragma unroll
    for (int j = 0; j < down; j++)
      if (i == j)  // sums are in registers, which have no index at run time
#pragma unroll
        for (int n = 0; n < 2 * across; n++) {
          float* to = strip + sum_row() * strip_row + n * 8 + sum_column();
          *(Pack<float, 2>*)to = {sum[j][n][0], sum[j][n][1]};
          *(Pack<float, 2>*)(to + 8 * strip_row) = {sum[j][n][2], sum[j][n][3]};
        }
    sync_warp();
    if (!g.partials && activates(g.epilogue))
#pragma unroll 1
      for (int r = 0; r < rounds; r++)
        activate(g.epilogue, *(Numbers*)(mine + r * rows * strip_row), at.batch, first + i * 16 + r * rows, column, g.m, g.n);
    Numbers x[rounds];
    i32 row[rounds], columns[rounds];
#pragma unroll
    for (int r = 0; r < rounds; r++) {
      x[r] = *(const Numbers*)(mine + r * rows * strip_row);
      row[r] = first + i * 16 + r * rows;
      columns[r] = column;
    }
    if (g.partials) leave(g, at.batch, x, row, columns);
    else finish(g.epilogue, x, at.batch, row, columns, g.m, g.n);
    sync_warp();
  }
}

using Tile128x256 = Tile<128, 256, 32, 4, 64, 64>;
using Tile128x128 = Tile<128, 128, 32, 4, 64, 64>;
using Tile128x64 = Tile<128, 64, 32, 4, 64, 32>;
using Tile64x64 = Tile<64, 64, 64, 3, 32, 32>;

KERNEL(gemm_nn_128x256, Tile128x256::threads, GemmArgs, product_mma<Tile128x256, true, false>)
KERNEL(gemm_nn_128x128, Tile128x128::threads, GemmArgs, product_mma<Tile128x128, true, false>)
KERNEL(gemm_nn_128x64, Tile128x64::threads, GemmArgs, product_mma<Tile128x64, true, false>)
KERNEL(gemm_nn_64x64, Tile64x64::threads, GemmArgs, product_mma<Tile64x64, true, false>)
KERNEL(gemm_nt_128x256, Tile128x256::threads, GemmArgs, product_mma<Tile128x256, true, true>)
KERNEL(gemm_nt_128x128, Tile128x128::threads, GemmArgs, product_mma<Tile128x128, true, true>)
KERNEL(gemm_nt_128x64, Tile128x64::threads, GemmArgs, product_mma<Tile128x64, true, true>)
KERNEL(gemm_nt_64x64, Tile64x64::threads, GemmArgs, product_mma<Tile64x64, true, true>)
KERNEL(gemm_tn_128x256, Tile128x256::threads, GemmArgs, product_mma<Tile128x256, false, false>)
KERNEL(gemm_tn_128x128, Tile128x128::threads, GemmArgs, product_mma<Tile128x128, false, false>)
KERNEL(gemm_tn_128x64, Tile128x64::threads, GemmArgs, product_mma<Tile128x64, false, false>)
KERNEL(gemm_tn_64x64, Tile64x64::threads, GemmArgs, product_mma<Tile64x64, false, false>)

#endif

// An operand of product_fma, seen as [length][k], on its way to a tile [K][LENGTH] of floats.
template <int LENGTH, int K, int THREADS> struct Operand {
  static constexpr int row = LENGTH + 4, groups = LENGTH * K / 4 / THREADS;
  static constexpr int floats = K * row;
  float v[groups][4];

  // Element (i, k) of four neighbours: along k if it has stride 1, else along the length.
  DEVICE static void where(int group, bool along_k, i32& i, i32& k) {
    const u32 at = group * THREADS + threadIdx.x;
    i = along_k ? at / (K / 4) : at % (LENGTH / 4) * 4;
    k = along_k ? at % (K / 4) * 4 : at / (LENGTH / 4);
  }
  DEVICE void load(const REAL* from, i64 stride, bool along_k, bool vector, i32 length, i32 end) {
#pragma unroll
    for (int group = 0; group < groups; group++) {
      i32 i, k;
      where(group, along_k, i, k);
      const i32 count = along_k ? (i < length ? end - k : 0) : (k < end ? length - i : 0);
      const REAL* p = from + (along_k ? i * stride + k : k * stride + i);
      if (vector && count >= 4) {
        const Pack<REAL, 4> raw = *(const Pack<REAL, 4>*)p;
#pragma unroll
        for (int e = 0; e < 4; e++) v[group][e] = to_float(raw[e]);
      } else {
#pragma unroll
        for (int e = 0; e < 4; e++) v[group][e] = e < count ? to_float(p[e]) : 0;
      }
    }
  }
  DEVICE void store(float* tile, bool along_k) const {
#pragma unroll
    for (int group = 0; group < groups; group++) {
      i32 i, k;
      where(group, along_k, i, k);
      if (along_k)
#pragma unroll
        for (int e = 0; e < 4; e++) tile[(k + e) * row + i] = v[group][e];
      else *(Pack<float, 4>*)(tile + k * row + i) = {v[group][0], v[group][1], v[group][2], v[group][3]};
    }
  }
};

template <int M, int N> constexpr int fma_threads = 16 * N / 8;
constexpr int fma_blocks = BF16_TIER ? 1 : 2;  // two leave 128 registers a thread, which the bf16 tier's wider epilogue exceeds

// 16 rows of threads; each has four neighbouring rows of every 64 and eight columns, in the bf16 tier neighbours, else four of each half.
template <int M, int N> DEVICE void product_fma(const GemmArgs& g) {
  constexpr int K = 8, threads = fma_threads<M, N>, row_groups = M / 64, column_groups = 8 / WIDE;
  using Left = Operand<M, K, threads>;
  using Right = Operand<N, K, threads>;
  constexpr int stage = Left::floats + Right::floats;
  const Place at = place<M, N>(g);
  const REAL* a = g.a + at.batch * g.a_batch + at.m * g.a_row;
  const REAL* b = g.b + at.batch * g.b_batch + at.n * g.b_column;
  const bool a_along_k = g.a_column == 1, b_along_k = g.b_row == 1;
  float* shared = (float*)shared_memory();
  const int thread_m = (warp_id() / (N / 64) * 4 + lane_id() / 8) * 4, thread_n = (warp_id() % (N / 64) * 8 + lane_id() % 8) * WIDE;

  Left left;
  Right right;
  auto load = [&](i32 k) {
    left.load(a + k * g.a_column, a_along_k ? g.a_row : g.a_column, a_along_k, g.vector, g.m - at.m, at.end - k);
    right.load(b + k * g.b_row, b_along_k ? g.b_column : g.b_row, b_along_k, g.vector, g.n - at.n, at.end - k);
  };
  auto store = [&](float* tile) {
    left.store(tile, a_along_k);
    right.store(tile + Left::floats, b_along_k);
  };

  float sum[row_groups * 4][8] = {};
  load(at.begin);
  store(shared);
  sync_block();
  int read = 0;
  for (i32 k = at.begin; k < at.end; k += K) {
    const bool more = k + K < at.end;
    if (more) load(k + K);
    const float* tile = shared + read * stage;
#pragma unroll
    for (int step = 0; step < K; step++) {
      Pack<float, 4> x[row_groups], y[2];
#pragma unroll
      for (int i = 0; i < row_groups; i++) x[i] = *(const Pack<float, 4>*)(tile + step * Left::row + i * 64 + thread_m);
#pragma unroll
      for (int j = 0; j < 2; j++) {
        const int column = column_groups == 2 ? j * (N / 2) + thread_n : thread_n + j * 4;
        y[j] = *(const Pack<float, 4>*)(tile + Left::floats + step * Right::row + column);
      }
#pragma unroll
      for (int i = 0; i < row_groups * 4; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) sum[i][j] = fmaf(x[i / 4][i % 4], y[j / 4][j % 4], sum[i][j]);
    }
    read ^= 1;
    if (more) store(shared + read * stage);
    sync_block();
  }

#pragma unroll 1
  for (int i = 0; i < row_groups * 4; i++) {
    Numbers x[column_groups];
    i32 row[column_groups], column[column_groups];
#pragma unroll
    for (int j = 0; j < column_groups; j++) {
      row[j] = at.m + i / 4 * 64 + thread_m + i % 4;
      column[j] = at.n + j * (N / 2) + thread_n;
#pragma unroll
      for (int s = 0; s < row_groups * 4; s++)
        if (i == s)
#pragma unroll
          for (int e = 0; e < WIDE; e++) x[j].v[e] = sum[s][j * WIDE + e];
    }
    if (g.partials) {
      leave(g, at.batch, x, row, column);
    } else {
#pragma unroll
      for (int j = 0; j < column_groups; j++) activate(g.epilogue, x[j], at.batch, row[j], column[j], g.m, g.n);
      finish(g.epilogue, x, at.batch, row, column, g.m, g.n);
    }
  }
}

KERNEL_RESIDENT(gemm_fma_128x128, (fma_threads<128, 128>), fma_blocks, GemmArgs, product_fma<128, 128>)
KERNEL(gemm_fma_64x64, (fma_threads<64, 64>), GemmArgs, product_fma<64, 64>)

// Adds the parts of WIDE neighbouring sums a thread, in order, and takes them through the epilogue. Without parts (K = 0) the sums are 0.
DEVICE void reduce_partials(const GemmArgs& g) {
  const i64 across = ceil_div(g.n, WIDE), at = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= g.batch * g.m * across) return;
  const i64 line = at / across;
  const i32 row[1] = {(i32)(line % g.m)}, column[1] = {(i32)(at % across) * WIDE};
  const float* from = g.partials + line * g.partial_row + column[0];
  Numbers x[1] = {};
#pragma unroll 4
  for (int part = 0; part < g.parts; part++, from += g.batch * g.m * g.partial_row)
#pragma unroll
    for (int j = 0; j < WIDE; j += 4) {
      const Pack<float, 4> some = *(const Pack<float, 4>*)(from + j);
#pragma unroll
      for (int e = 0; e < 4; e++) x[0].v[j + e] += some[e];
    }
  activate(g.epilogue, x[0], line / g.m, row[0], column[0], g.m, g.n);
  finish(g.epilogue, x, line / g.m, row, column, g.m, g.n);
}

KERNEL(gemm_reduce, 256, GemmArgs, reduce_partials)
