// BatchNorm1d over the columns of x [rows, columns], with n = (x - mean) rstd:
//   batch_norm_partials       x                  -> partials [splits, 2, columns], mean and sum of squared deviations of a part of the rows each
//   batch_norm                x, partials        -> dst = n weight + bias, mean, rstd, and the moved running statistics
//   batch_norm_inference      x                  -> dst by the running statistics
//   batch_norm_grad_partials  x, dy              -> partials [splits, 2, columns], the sums of dy and dy n
//   batch_norm_grad           x, dy, partials    -> dx = weight rstd (dy - mean(dy) - n mean(dy n)), dweight, dbias
// Called by CudaBackend.BatchNorm. Statistics are float: eight rows at a time by two passes over registers, then joined with their counts (Chan, Golub and
// LeVeque 1979), so that no mean cancels. Every block of a second kernel joins the splits of its columns again, in the same order. Memory bounds it:
// 3 s bytes an element of s bytes forward, which reads x twice, 5 s for the gradient; the aim is 80 % of the bandwidth.
// Registers on sm_90, float/bf16: partials 42/42, forward 64/61, inference 54/54, gradient's partials 64/58, gradient 107/100.
#include "reduce.cuh"

constexpr int BLOCK = 256, WARPS = BLOCK / 32, CHUNK = 8;

struct BatchNormArgs {
  const REAL* x;
  const REAL* weight;
  const REAL* bias;
  float* running_mean;
  float* running_variance;
  REAL* dst;
  float* mean;
  float* rstd;
  float* partials;
  i64 rows;
  i64 stride;
  i64 dst_stride;
  i64 split_rows;  // rows of a block, in each kernel
  i32 columns;
  i32 splits;
  float momentum;
  float eps;
};

struct BatchNormGradArgs {
  const REAL* x;
  const REAL* weight;
  const float* mean;
  const float* rstd;
  const REAL* dy;
  REAL* dx;
  REAL* dweight;
  REAL* dbias;
  float* partials;
  i64 rows;
  i64 stride;
  i64 dy_stride;
  i64 dx_stride;
  i64 split_rows;
  i32 columns;
  i32 splits;
};

// Mean and sum of squared deviations of so many numbers.
struct Moments {
  float count, mean, squares;
  DEVICE void join(const Moments& b) {
    if (b.count == 0) return;
    const float all = count + b.count, portion = b.count / all, delta = b.mean - mean;
    mean = fmaf(delta, portion, mean);
    squares += fmaf(delta * delta, count * portion, b.squares);
    count = all;
  }
};

// A block has 32 columns, one a lane, and of the rows from `first` to `last` each warp every 8th.
DEVICE int own_column() { return (int)blockIdx.x * 32 + lane_id(); }
// In the block: [3 or 2, 8, 32] floats.
DEVICE float& slot(int kind, int warp, int lane) { return ((float*)shared_memory())[(kind * WARPS + warp) * 32 + lane]; }

// The warp's next eight rows of a column, zeros beyond the last: loads that do not wait for one another.
DEVICE void load_chunk(float (&v)[CHUNK], const REAL* x, i64 stride, i64 row, i64 last) {
#pragma unroll
  for (int i = 0; i < CHUNK; i++) v[i] = row + i * WARPS < last ? to_float(x[(row + i * WARPS) * stride]) : 0;
}

DEVICE void batch_norm_partials_kernel(const BatchNormArgs& a) {
  const int column = own_column();
  const i64 first = blockIdx.y * a.split_rows, last = smaller(a.rows, first + a.split_rows);
  Moments own = {};
  if (column < a.columns) {
    for (i64 row = first + warp_id(); row < last; row += WARPS * CHUNK) {
      float v[CHUNK];
      load_chunk(v, a.x + column, a.stride, row, last);
      Moments chunk = {(float)smaller<i64>(CHUNK, ceil_div(last - row, WARPS)), 0, 0};
#pragma unroll
      for (int i = 0; i < CHUNK; i++) chunk.mean += v[i];
      chunk.mean /= chunk.count;
#pragma unroll
      for (int i = 0; i < CHUNK; i++) {
        const float d = i < chunk.count ? v[i] - chunk.mean : 0;
        chunk.squares = fmaf(d, d, chunk.squares);
      }
      own.join(chunk);
    }
  }
  slot(0, warp_id(), lane_id()) = own.count;
  slot(1, warp_id(), lane_id()) = own.mean;
  slot(2, warp_id(), lane_id()) = own.squares;
  sync_block();
  if (warp_id() > 0 || column >= a.columns) return;
  for (int w = 1; w < WARPS; w++) own.join({slot(0, w, lane_id()), slot(1, w, lane_id()), slot(2, w, lane_id())});
  a.partials[(i64)blockIdx.y * 2 * a.columns + column] = own.mean;
  a.partials[((i64)blockIdx.y * 2 + 1) * a.columns + column] = own.squares;
}

// dst = (x - mean) scale + shift over the block's rows.
DEVICE void normalize(const BatchNormArgs& a, int column, float mean, float scale, float shift) {
  const i64 first = blockIdx.y * a.split_rows, last = smaller(a.rows, first + a.split_rows);
  for (i64 row = first + warp_id(); row < last; row += WARPS * CHUNK) {
    float v[CHUNK];
    load_chunk(v, a.x + column, a.stride, row, last);
#pragma unroll
    for (int i = 0; i < CHUNK; i++)
      if (row + i * WARPS < last) a.dst[(row + i * WARPS) * a.dst_stride + column] = from_float<REAL>(fmaf(v[i] - mean, scale, shift));
  }
}

DEVICE void batch_norm_kernel(const BatchNormArgs& a) {
  const int column = own_column();
  if (column >= a.columns) return;
  Moments all = {};
  for (int s = 0; s < a.splits; s++) {
    const float* split = a.partials + (i64)s * 2 * a.columns + column;
    all.join({(float)smaller(a.split_rows, a.rows - s * a.split_rows), split[0], split[a.columns]});
  }
  const float rstd = 1 / sqrtf(all.squares / a.rows + a.eps);
  if (blockIdx.y == 0 && warp_id() == 0) {
    a.mean[column] = all.mean;
    a.rstd[column] = rstd;
    float &mean = a.running_mean[column], &variance = a.running_variance[column];
    mean = fmaf(a.momentum, all.mean - mean, mean);
    variance = fmaf(a.momentum, all.squares / (a.rows - 1) - variance, variance);
  }
  normalize(a, column, all.mean, rstd * to_float(a.weight[column]), to_float(a.bias[column]));
}

DEVICE void batch_norm_inference_kernel(const BatchNormArgs& a) {
  const int column = own_column();
  if (column >= a.columns) return;
  normalize(a, column, a.running_mean[column], to_float(a.weight[column]) / sqrtf(a.running_variance[column] + a.eps), to_float(a.bias[column]));
}

DEVICE void batch_norm_grad_partials_kernel(const BatchNormGradArgs& a) {
  const int column = own_column();
  const i64 first = blockIdx.y * a.split_rows, last = smaller(a.rows, first + a.split_rows);
  float sum = 0, product = 0;
  if (column < a.columns) {
    const float mean = a.mean[column], rstd = a.rstd[column];
    for (i64 row = first + warp_id(); row < last; row += WARPS * CHUNK) {
      float x[CHUNK], dy[CHUNK];
      load_chunk(x, a.x + column, a.stride, row, last);
      load_chunk(dy, a.dy + column, a.dy_stride, row, last);
#pragma unroll
      for (int i = 0; i < CHUNK; i++) {
        sum += dy[i];
        product = fmaf(dy[i], (x[i] - mean) * rstd, product);
      }
    }
  }
  slot(0, warp_id(), lane_id()) = sum;
  slot(1, warp_id(), lane_id()) = product;
  sync_block();
  if (warp_id() > 1 || column >= a.columns) return;
  float total = 0;
#pragma unroll
  for (int w = 0; w < WARPS; w++) total += slot(warp_id(), w, lane_id());
  a.partials[((i64)blockIdx.y * 2 + warp_id()) * a.columns + column] = total;
}

DEVICE void batch_norm_grad_kernel(const BatchNormGradArgs& a) {
  const int column = own_column();
  if (column >= a.columns) return;
  float sum = 0, product = 0;
  for (int s = 0; s < a.splits; s++) {
    const float* split = a.partials + (i64)s * 2 * a.columns + column;
    sum += split[0];
    product += split[a.columns];
  }
  if (blockIdx.y == 0 && warp_id() == 0) {
    a.dbias[column] = from_float<REAL>(sum);
    a.dweight[column] = from_float<REAL>(product);
  }
  const float mean = a.mean[column], rstd = a.rstd[column], scale = to_float(a.weight[column]) * rstd;
  const float mean_dy = sum / a.rows, mean_dyn = product / a.rows;
  const i64 first = blockIdx.y * a.split_rows, last = smaller(a.rows, first + a.split_rows);
  for (i64 row = first + warp_id(); row < last; row += WARPS * CHUNK) {
    float x[CHUNK], dy[CHUNK];
    load_chunk(x, a.x + column, a.stride, row, last);
    load_chunk(dy, a.dy + column, a.dy_stride, row, last);
#pragma unroll
    for (int i = 0; i < CHUNK; i++) {
      const float d = scale * (dy[i] - mean_dy - (x[i] - mean) * rstd * mean_dyn);
      if (row + i * WARPS < last) a.dx[(row + i * WARPS) * a.dx_stride + column] = from_float<REAL>(d);
    }
  }
}

KERNEL(batch_norm_partials, BLOCK, BatchNormArgs, batch_norm_partials_kernel)
KERNEL(batch_norm, BLOCK, BatchNormArgs, batch_norm_kernel)
KERNEL(batch_norm_inference, BLOCK, BatchNormArgs, batch_norm_inference_kernel)
KERNEL(batch_norm_grad_partials, BLOCK, BatchNormGradArgs, batch_norm_grad_partials_kernel)
KERNEL(batch_norm_grad, BLOCK, BatchNormGradArgs, batch_norm_grad_kernel)
