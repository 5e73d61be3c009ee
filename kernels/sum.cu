// Sums over any dimensions of a tensor, and the sum of squares. Called by CudaBackend.Sum, CudaBackend.SumOfSquares and whoever has sums of blocks left to add.
//   sum_all, squares_all   x [count]                -> partials, one double a block
//   sum_columns            x [batch, rows, columns] -> dst [batch, columns], or partials [splits, columns] of a part of the rows each
//   sum_any                x of any layout          -> dst, a warp or a block an element
//   sum_partials           partials [rows, 2, columns] of either of two results, in float -> dst [columns] each
//   sum_finish             partials [count] in double -> one number; squares_finish keeps it in double
// Every element is read once and every order of addition is fixed: memory bounds it, s bytes an element of s bytes; the aim is 85 % of the bandwidth.
// sum_any is for layouts that training does not meet, and its reads need not lie together.
// Registers on sm_90: all 32, columns 36, partials 30, rows 46, any 43, finish 30.
#include "reduce.cuh"

constexpr int BLOCK = 256, WARPS = BLOCK / 32;

struct SumAllArgs {
  const REAL* x;
  double* partials;
  i64 count;
  i32 vector;  // whether x is aligned to a pack
};

struct SumColumnsArgs {
  const REAL* x;
  REAL* dst;
  float* partials;  // not null: the sums of split blockIdx.y go there instead
  i64 rows;
  i64 split_rows;
  i64 stride;
  i64 batch_stride;
  i64 columns;
  i32 vector;  // whether columns, stride and x are made of packs
  float scale;
};

struct SumPartialsArgs {
  const float* x;
  REAL* dst;
  REAL* second;  // of columns to 2 columns; blockIdx.y chooses
  i64 rows;
  i64 stride;
  i64 columns;
  float scale;
};

// Dimensions, innermost first.
struct SumAxes {
  i64 length[6];
  i64 stride[6];
};

struct SumAnyArgs {
  const REAL* x;
  REAL* dst;
  i64 outputs;
  i64 count;  // elements of x that each output sums
  SumAxes kept_axes;  // the dimensions of dst, with their strides in x
  SumAxes summed_axes;
  i32 kept;
  i32 summed;
  float scale;
};

struct SumFinishArgs {
  const double* partials;
  void* dst;
  i64 count;
  double scale;
};

template <int N> DEVICE double thread_sum(const SumAllArgs& a, bool squares) {
  const i64 thread = (i64)blockIdx.x * BLOCK + threadIdx.x, packs = a.count / N;
  double sum = 0;
#pragma unroll 4
  for (i64 i = thread; i < packs; i += (i64)gridDim.x * BLOCK) {
    Pack<REAL, N> v = ((const Pack<REAL, N>*)a.x)[i];
#pragma unroll
    for (int j = 0; j < N; j++) {
      double value = to_float(v[j]);
      sum += squares ? value * value : value;
    }
  }
  if (thread < a.count - packs * N) {
    double value = to_float(a.x[packs * N + thread]);
    sum += squares ? value * value : value;
  }
  return sum;
}

template <bool SQUARES> DEVICE void sum_all_kernel(const SumAllArgs& a) {
  double sum = a.vector ? thread_sum<wide<REAL>>(a, SQUARES) : thread_sum<1>(a, SQUARES);
  sum = block_sum<BLOCK>(sum, (double*)shared_memory());
  if (threadIdx.x == 0) a.partials[blockIdx.x] = sum;
}

// Adds rows `first` to `last` of the block's 32 N columns: each warp every 8th row, then the warps in order. True for a thread that holds a total.
template <int N, class T> DEVICE bool add_rows(const T* x, i64 stride, i64 first, i64 last, i64 columns, i64& column, float& total) {
  float sum[N] = {};
  const i64 tile = (i64)blockIdx.x * 32 * N, own = tile + lane_id() * N;
  if (own < columns) {
#pragma unroll 4
    for (i64 row = first + warp_id(); row < last; row += WARPS) {
      Pack<T, N> v = *(const Pack<T, N>*)(x + row * stride + own);
#pragma unroll
      for (int j = 0; j < N; j++) sum[j] += to_float(v[j]);
    }
  }
  float* sums = (float*)shared_memory();  // [8, 32 N]
#pragma unroll
  for (int j = 0; j < N; j++) sums[(warp_id() * 32 + lane_id()) * N + j] = sum[j];
  sync_block();
  column = tile + threadIdx.x;
  if (threadIdx.x >= 32 * N || column >= columns) return false;
  total = 0;
#pragma unroll
  for (int w = 0; w < WARPS; w++) total += sums[w * 32 * N + threadIdx.x];
  return true;
}

DEVICE void sum_columns_kernel(const SumColumnsArgs& a) {
  const REAL* x = a.x + blockIdx.z * a.batch_stride;
  const i64 first = blockIdx.y * a.split_rows, last = smaller(a.rows, first + a.split_rows);
  i64 column;
  float sum;
  const bool holds = a.vector ? add_rows<wide<REAL>>(x, a.stride, first, last, a.columns, column, sum)
                              : add_rows<1>(x, a.stride, first, last, a.columns, column, sum);
  if (!holds) return;
  if (a.partials)
    a.partials[blockIdx.y * a.columns + column] = sum;
  else
    a.dst[blockIdx.z * a.columns + column] = from_float<REAL>(sum * a.scale);
}

DEVICE void sum_partials_kernel(const SumPartialsArgs& a) {
  i64 column;
  float sum;
  if (add_rows<1>(a.x + blockIdx.y * a.columns, a.stride, 0, a.rows, a.columns, column, sum))
    (blockIdx.y == 0 ? a.dst : a.second)[column] = from_float<REAL>(sum * a.scale);
}

// Where the element with this number lies.
DEVICE i64 offset_of(i64 element, const SumAxes& axes, int rank) {
  i64 offset = 0;
  for (int d = 0; d < rank; d++) {
    i64 rest = d == rank - 1 ? 0 : element / axes.length[d];
    offset += (element - rest * axes.length[d]) * axes.stride[d];
    element = rest;
  }
  return offset;
}

template <int THREADS> DEVICE void sum_any_kernel(const SumAnyArgs& a) {
  const i64 output = (i64)blockIdx.x * (BLOCK / THREADS) + threadIdx.x / THREADS;
  if (output >= a.outputs) return;
  const REAL* x = a.x + offset_of(output, a.kept_axes, a.kept);
  float sum = 0;
#pragma unroll 4
  for (i64 i = threadIdx.x % THREADS; i < a.count; i += THREADS) sum += to_float(x[offset_of(i, a.summed_axes, a.summed)]);
  if constexpr (THREADS == 32)
    sum = warp_sum(sum);
  else
    sum = block_sum<THREADS>(sum, (float*)shared_memory());
  if (threadIdx.x % THREADS == 0) a.dst[output] = from_float<REAL>(sum * a.scale);
}

template <class T> DEVICE void sum_finish_kernel(const SumFinishArgs& a) {
  double sum = 0;
  for (i64 i = threadIdx.x; i < a.count; i += BLOCK) sum += a.partials[i];
  sum = block_sum<BLOCK>(sum, (double*)shared_memory());
  if (threadIdx.x > 0) return;
  if constexpr (sizeof(T) == 8)
    *(T*)a.dst = sum * a.scale;
  else
    *(T*)a.dst = from_float<T>((float)(sum * a.scale));
}

KERNEL(sum_all, BLOCK, SumAllArgs, sum_all_kernel<false>)
KERNEL(squares_all, BLOCK, SumAllArgs, sum_all_kernel<true>)
KERNEL(sum_columns, BLOCK, SumColumnsArgs, sum_columns_kernel)
KERNEL(sum_partials, BLOCK, SumPartialsArgs, sum_partials_kernel)
KERNEL(sum_rows, BLOCK, SumAnyArgs, sum_any_kernel<32>)
KERNEL(sum_any, BLOCK, SumAnyArgs, sum_any_kernel<BLOCK>)
KERNEL(sum_finish, BLOCK, SumFinishArgs, sum_finish_kernel<REAL>)
KERNEL(squares_finish, BLOCK, SumFinishArgs, sum_finish_kernel<double>)
