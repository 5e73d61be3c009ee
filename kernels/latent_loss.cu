// Losses of a prediction in latent space, means over all elements of f(d) with d = prediction - target, and their gradients.
//   loss_forward      prediction, target [rows, columns] -> partials, one double a block (sum_finish adds them)
//   loss_grad         and dloss [1]                      -> dst [rows, columns] = dloss f'(d) / count, contiguous
//   latent_loss_*     prediction [rows, columns], the rows `ids` [rows] of targets, normalised or not -> partials, and f'(d) / count where it is asked for
//   latent_loss_grad  that derivative and dloss          -> dst = dloss times it
// Called by CudaBackend.Loss and CudaBackend.LatentLoss. Memory bounds them: with elements of s bytes, 2 s an element and 3 s, 3 s and 2 s (and 8 a row for
// its id); the aim is 85 % of the bandwidth, of latent_loss_* 80 %. Rows without gaps are one long row to loss_*. To latent_loss_* a row is a warp's if it lies
// in 16-byte packs and has at most 1024 elements, else a block's: prediction and target are read at once and wait in registers while the target's statistics
// are taken in two passes. Of more than 2048 elements the target is read again from the cache.
// Registers on sm_90, float/bf16: loss 80/82, gradient 76/72; latent 1024 102/112, wide 47/48, any 56/56, gradient 48/44.
#include "rows.cuh"

constexpr int BLOCK = 256;

struct LossArgs {
  const REAL* prediction;
  const REAL* target;
  double* partials;
  i64 rows;
  i64 columns;
  i64 prediction_stride;
  i64 target_stride;
  i32 kind;    // LossKind
  i32 vector;  // whether all rows are aligned to packs and made of them
};

struct LossGradArgs {
  const REAL* prediction;
  const REAL* target;
  const float* dloss;
  REAL* dst;
  i64 rows;
  i64 columns;
  i64 prediction_stride;
  i64 target_stride;
  i32 kind;
  i32 vector;
  float portion;  // 1 / count
};

struct LatentLossArgs {
  const REAL* prediction;
  const REAL* targets;
  const i64* ids;
  REAL* derivative;  // contiguous; may be null
  double* partials;
  i64 rows;
  i64 prediction_stride;
  i64 target_stride;
  i32 columns;
  i32 kind;
  i32 normalizes;
  float eps;
  float portion;  // 1 / count
};

struct LatentLossGradArgs {
  const REAL* derivative;
  const float* dloss;
  REAL* dst;
  i64 count;
  i32 vector;
};

enum { MEAN_SQUARED, L1, SMOOTH_L1 };

// L1 is smooth L1 whose parabola has no width: so no kind needs a branch.
DEVICE float bend(i32 kind) { return kind == SMOOTH_L1 ? 1 : 0; }

DEVICE float loss(i32 kind, float d) {
  const float size = fabsf(d), smooth = size < bend(kind) ? 0.5f * d * d : size - 0.5f * bend(kind);
  return kind == MEAN_SQUARED ? d * d : smooth;
}

DEVICE float derivative(i32 kind, float d) {
  const float sign = d > 0 ? 1.0f : d < 0 ? -1.0f : 0.0f, smooth = fabsf(d) < bend(kind) ? d : sign;
  return kind == MEAN_SQUARED ? 2 * d : smooth;
}

// The work of a warp at a time: a lane's share of 512 neighbouring elements of a row.
template <int N> constexpr int packs_a_piece = 16 / N;
constexpr int PIECE = 512;

// Calls f(row, first column) for each piece of this warp's.
template <class F> DEVICE void each_piece(i64 rows, i64 columns, F f) {
  const i64 row_pieces = ceil_div(columns, PIECE), pieces = rows * row_pieces;
  for (i64 piece = (i64)blockIdx.x * (BLOCK / 32) + warp_id(); piece < pieces; piece += (i64)gridDim.x * (BLOCK / 32)) {
    const i64 row = row_pieces == pieces ? 0 : piece / row_pieces;
    f(row, (piece - row * row_pieces) * PIECE);
  }
}

// The lane's packs of a piece, at least the first `count` of them.
template <int N> DEVICE void load_piece(Pack<REAL, N> (&v)[packs_a_piece<N>], const REAL* x, i64 left) {
#pragma unroll
  for (int i = 0; i < packs_a_piece<N>; i++)
    if ((i * 32 + lane_id()) * N < left) v[i] = *(const Pack<REAL, N>*)(x + (i * 32 + lane_id()) * N);
}

template <int N> DEVICE double lane_loss(const LossArgs& a) {
  double total = 0;
  each_piece(a.rows, a.columns, [&](i64 row, i64 column) {
    Pack<REAL, N> p[packs_a_piece<N>], t[packs_a_piece<N>];
    load_piece<N>(p, a.prediction + row * a.prediction_stride + column, a.columns - column);
    load_piece<N>(t, a.target + row * a.target_stride + column, a.columns - column);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < packs_a_piece<N>; i++) {
      if (column + (i * 32 + lane_id()) * N >= a.columns) break;
#pragma unroll
      for (int j = 0; j < N; j++) sum += loss(a.kind, to_float(p[i][j]) - to_float(t[i][j]));
    }
    total += sum;
  });
  return total;
}

DEVICE void loss_kernel(const LossArgs& a) {
  double sum = a.vector ? lane_loss<wide<REAL>>(a) : lane_loss<1>(a);
  sum = block_sum<BLOCK>(sum, (double*)shared_memory());
  if (threadIdx.x == 0) a.partials[blockIdx.x] = sum;
}

template <int N> DEVICE void lane_grad(const LossGradArgs& a) {
  const float upstream = *a.dloss * a.portion;
  each_piece(a.rows, a.columns, [&](i64 row, i64 column) {
    Pack<REAL, N> p[packs_a_piece<N>], t[packs_a_piece<N>];
    load_piece<N>(p, a.prediction + row * a.prediction_stride + column, a.columns - column);
    load_piece<N>(t, a.target + row * a.target_stride + column, a.columns - column);
    REAL* dst = a.dst + row * a.columns + column + lane_id() * N;
#pragma unroll
    for (int i = 0; i < packs_a_piece<N>; i++) {
      if (column + (i * 32 + lane_id()) * N >= a.columns) break;
      Pack<REAL, N> d;
#pragma unroll
      for (int j = 0; j < N; j++) d[j] = from_float<REAL>(upstream * derivative(a.kind, to_float(p[i][j]) - to_float(t[i][j])));
      store(dst + i * 32 * N, d);
    }
  });
}

DEVICE void loss_grad_kernel(const LossGradArgs& a) {
  if (a.vector)
    lane_grad<wide<REAL>>(a);
  else
    lane_grad<1>(a);
}

template <int THREADS, int HOLD, int N> DEVICE void latent_loss_kernel(const LatentLossArgs& a) {
  constexpr int ROWS = rows_a_block<THREADS>, COUNT = HOLD / N;
  const bool again = THREADS > 32 && a.columns > THREADS * HOLD;
  double total = 0;
  for (i64 row = (i64)blockIdx.x * ROWS + threadIdx.x / THREADS; row < a.rows; row += (i64)gridDim.x * ROWS) {
    const REAL *prediction = a.prediction + row * a.prediction_stride, *target = a.targets + a.ids[row] * a.target_stride;
    Pack<REAL, N> p[COUNT], t[COUNT];
    bool both = !again;  // of a row that is read again, the statistics need the target alone
    auto fetch = [&](int i, int column) {
      t[i] = load<N>(target + column);
      if (both) p[i] = load<N>(prediction + column);
    };
    float mean = 0, rstd = 1;
    if (a.normalizes) {
      float sum = 0, squares = 0;
      pass<THREADS, HOLD, N>(a.columns, true, fetch, [&](int i, int) {
#pragma unroll
        for (int j = 0; j < N; j++) sum += to_float(t[i][j]);
      });
      mean = row_sum<THREADS>(sum) / a.columns;
      pass<THREADS, HOLD, N>(a.columns, again, fetch, [&](int i, int) {
#pragma unroll
        for (int j = 0; j < N; j++) {
          const float d = to_float(t[i][j]) - mean;
          squares = fmaf(d, d, squares);
        }
      });
      rstd = 1 / sqrtf(row_sum<THREADS>(squares) / a.columns + a.eps);
    }
    both = true;
    float sum = 0;
    pass<THREADS, HOLD, N>(a.columns, again || !a.normalizes, fetch, [&](int i, int column) {
#pragma unroll
      for (int j = 0; j < N; j++) {
        const float d = to_float(p[i][j]) - (to_float(t[i][j]) - mean) * rstd;
        sum += loss(a.kind, d);
        p[i][j] = from_float<REAL>(a.portion * derivative(a.kind, d));
      }
      if (a.derivative) store(a.derivative + row * a.columns + column, p[i]);
    });
    total += sum;
  }
  total = block_sum<ROWS * THREADS>(total, (double*)shared_memory());
  if (threadIdx.x == 0) a.partials[blockIdx.x] = total;
}

template <int N> DEVICE void lane_scale(const LatentLossGradArgs& a) {
  const float upstream = *a.dloss;
  each_piece(1, a.count, [&](i64, i64 first) {
    Pack<REAL, N> v[packs_a_piece<N>];
    load_piece<N>(v, a.derivative + first, a.count - first);
#pragma unroll
    for (int i = 0; i < packs_a_piece<N>; i++) {
      const int column = (i * 32 + lane_id()) * N;
      if (first + column >= a.count) break;
#pragma unroll
      for (int j = 0; j < N; j++) v[i][j] = from_float<REAL>(upstream * to_float(v[i][j]));
      store(a.dst + first + column, v[i]);
    }
  });
}

DEVICE void latent_loss_grad_kernel(const LatentLossGradArgs& a) {
  if (a.vector)
    lane_scale<wide<REAL>>(a);
  else
    lane_scale<1>(a);
}

KERNEL(loss_forward, BLOCK, LossArgs, loss_kernel)
KERNEL(loss_grad, BLOCK, LossGradArgs, loss_grad_kernel)
KERNEL(latent_loss_1024, 128, LatentLossArgs, latent_loss_kernel<32, 32, wide<REAL>>)
KERNEL(latent_loss_wide, 256, LatentLossArgs, latent_loss_kernel<256, 8, wide<REAL>>)
KERNEL(latent_loss_any, 256, LatentLossArgs, latent_loss_kernel<256, 8, 1>)
KERNEL(latent_loss_grad, BLOCK, LatentLossGradArgs, latent_loss_grad_kernel)
