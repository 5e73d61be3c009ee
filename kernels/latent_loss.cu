// The loss of a prediction in latent space, a mean over all elements of f(d) with d = prediction - target, and its gradient.
//   latent_loss       prediction, target [rows, columns] -> partials, one double a block (sum_finish adds them)
//   latent_loss_grad  and dloss [1]                      -> dst [rows, columns] = dloss f'(d) / count, contiguous
// Called by CudaBackend.Loss. Memory bounds it: 2 s and 3 s bytes an element of s bytes; the aim is 85 % of the bandwidth. Rows without gaps are one long row.
// Registers on sm_90, float/bf16: loss 80/82, gradient 76/72.
#include "reduce.cuh"

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

DEVICE void latent_loss_kernel(const LossArgs& a) {
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

DEVICE void latent_loss_grad_kernel(const LossGradArgs& a) {
  if (a.vector)
    lane_grad<wide<REAL>>(a);
  else
    lane_grad<1>(a);
}

KERNEL(latent_loss, BLOCK, LossArgs, latent_loss_kernel)
KERNEL(latent_loss_grad, BLOCK, LossGradArgs, latent_loss_grad_kernel)
