// LayerNorm and AdaLayerNorm over rows of D elements, with n = (x - mean) rstd:
//   forward   dst = n (base + weight) + bias     base 0, weight and bias [D]; base 1 and neither; AdaLN: base 1, weight = scale and bias = shift, [rows, D]
//   gradient  g = dy (base + weight), dx = rstd (g - mean(g) - n mean(g n)), dweight = dy n and dbias = dy: their sums over rows, AdaLN: rows of their own
// Called by CudaBackend.LayerNorm and CudaBackend.AdaLayerNorm. A row is read once and waits in registers, as stored, while its statistics are taken in two
// passes over them. Memory bounds it: with elements of s bytes, 2 s an element forward (AdaLN 4 s) and 3 s for the gradient (6 s); the aim is 80 % of a copy.
//
// A row belongs to a warp where it lies in 16-byte packs and has at most 256 or 1024 elements (a lane holds 8 or 32), to a block of 256 threads else. Of more
// than the 2048 elements that such a block holds, it reads all again from the cache.
// Registers on sm_90, float/bf16: forward 256 32/30, 1024 62/40, wide 48/44, any 74/64; gradient 64/64, 198/168, 70/75, 96/94;
// AdaLN 41/31, 120/69, 50/50, 124/124; gradient 56/46, 164/121, 64/66, 88/86.
#include "rows.cuh"

struct LayerNormArgs {
  const REAL* x;
  const REAL* weight;  // may be null, together with bias
  const REAL* bias;
  REAL* dst;
  float* mean;
  float* rstd;
  i64 rows;
  i64 x_stride;
  i64 weight_stride;  // AdaLN: rows
  i64 bias_stride;
  i64 dst_stride;
  i32 columns;
  float base;
  float eps;
};

struct LayerNormGradArgs {
  const REAL* x;
  const REAL* weight;  // may be null
  const float* mean;
  const float* rstd;
  const REAL* dy;
  REAL* dx;
  REAL* dweight;    // AdaLN: rows
  REAL* dbias;
  float* partials;  // LayerNorm: [blocks, 2, columns], the sums of each block's rows for dweight and dbias; may be null
  i64 rows;
  i64 x_stride;
  i64 weight_stride;
  i64 dy_stride;
  i64 dx_stride;
  i64 dweight_stride;
  i64 dbias_stride;
  i32 columns;
  float base;
  i32 accumulate;  // dx is added to
};

template <int N> DEVICE Pack<REAL, N> load_or_zero(const REAL* p, int column) { return p ? load<N>(p + column) : Pack<REAL, N>{}; }

template <bool ADA, int THREADS, int HOLD, int N> DEVICE void normalize(const LayerNormArgs& a) {
  constexpr int ROWS = rows_a_block<THREADS>, COUNT = HOLD / N;
  const bool again = THREADS > 32 && a.columns > THREADS * HOLD;
  const i64 row = (i64)blockIdx.x * ROWS + threadIdx.x / THREADS;
  if (row >= a.rows) return;
  Pack<REAL, N> x[COUNT], scale[COUNT], shift[COUNT];
  // All that comes from memory is asked for at once; a weight that rows share is in the cache.
  auto fetch = [&](int i, int column) {
    x[i] = load<N>(a.x + row * a.x_stride + column);
    if constexpr (ADA) {
      scale[i] = load<N>(a.weight + row * a.weight_stride + column);
      shift[i] = load<N>(a.bias + row * a.bias_stride + column);
    }
  };
  float sum = 0, squares = 0;
  pass<THREADS, HOLD, N>(a.columns, true, fetch, [&](int i, int column) {
#pragma unroll
    for (int j = 0; j < N; j++) sum += to_float(x[i][j]);
  });
  const float mean = row_sum<THREADS>(sum) / a.columns;
  pass<THREADS, HOLD, N>(a.columns, again, fetch, [&](int i, int column) {
#pragma unroll
    for (int j = 0; j < N; j++) {
      float d = to_float(x[i][j]) - mean;
      squares = fmaf(d, d, squares);
    }
  });
  const float rstd = 1 / sqrtf(row_sum<THREADS>(squares) / a.columns + a.eps);
  pass<THREADS, HOLD, N>(a.columns, again, fetch, [&](int i, int column) {
    if constexpr (!ADA) {
      scale[i] = load_or_zero<N>(a.weight, column);
      shift[i] = load_or_zero<N>(a.bias, column);
    }
#pragma unroll
    for (int j = 0; j < N; j++)
      x[i][j] = from_float<REAL>(fmaf((to_float(x[i][j]) - mean) * rstd, a.base + to_float(scale[i][j]), to_float(shift[i][j])));
    store(a.dst + row * a.dst_stride + column, x[i]);
  });
  if (threadIdx.x % THREADS == 0) {
    a.mean[row] = mean;
    a.rstd[row] = rstd;
  }
}

template <bool ADA, int THREADS, int HOLD, int N> DEVICE void gradient(const LayerNormGradArgs& a) {
  constexpr int ROWS = rows_a_block<THREADS>, COUNT = HOLD / N;
  const bool again = THREADS > 32 && a.columns > THREADS * HOLD, sums = !ADA && a.partials;
  const i64 first = (i64)blockIdx.x * ROWS + threadIdx.x / THREADS;
  float* partials = a.partials + (i64)blockIdx.x * 2 * a.columns;
  float dweight[HOLD] = {}, dbias[HOLD] = {};  // of the thread's columns, over its rows
  for (i64 row = first; row < a.rows; row += (i64)gridDim.x * ROWS) {
    const REAL *x = a.x + row * a.x_stride, *dy = a.dy + row * a.dy_stride;
    REAL* dx = a.dx + row * a.dx_stride;
    const float mean = a.mean[row], rstd = a.rstd[row];
    Pack<REAL, N> v[COUNT], d[COUNT], old[COUNT] = {}, scale[COUNT];
    auto fetch = [&](int i, int column) {
      v[i] = load<N>(x + column);
      d[i] = load<N>(dy + column);
      if (a.accumulate) old[i] = load<N>(dx + column);
      if constexpr (ADA) scale[i] = load<N>(a.weight + row * a.weight_stride + column);
    };
    float sum = 0, product = 0;
    pass<THREADS, HOLD, N>(a.columns, true, fetch, [&](int i, int column) {
      if constexpr (!ADA) scale[i] = load_or_zero<N>(a.weight, column);
#pragma unroll
      for (int j = 0; j < N; j++) {
        float g = to_float(d[i][j]) * (a.base + to_float(scale[i][j]));
        sum += g;
        product = fmaf(g, (to_float(v[i][j]) - mean) * rstd, product);
      }
    });
    const float mean_g = row_sum<THREADS>(sum) / a.columns, mean_gn = row_sum<THREADS>(product) / a.columns;
    pass<THREADS, HOLD, N>(a.columns, again, fetch, [&](int i, int column) {
      if constexpr (!ADA) scale[i] = load_or_zero<N>(a.weight, column);
      Pack<REAL, N> to, dscale;
#pragma unroll
      for (int j = 0; j < N; j++) {
        const float upstream = to_float(d[i][j]), n = (to_float(v[i][j]) - mean) * rstd;
        to[j] = from_float<REAL>(to_float(old[i][j]) + rstd * (upstream * (a.base + to_float(scale[i][j])) - mean_g - n * mean_gn));
        dscale[j] = from_float<REAL>(upstream * n);
        if (sums && again) {
          float* p = partials + column + j;
          p[0] = (row == first ? 0 : p[0]) + upstream * n;
          p[a.columns] = (row == first ? 0 : p[a.columns]) + upstream;
        } else if (!ADA) {
          dweight[i * N + j] += upstream * n;
          dbias[i * N + j] += upstream;
        }
      }
      store(dx + column, to);
      if constexpr (ADA) {
        store(a.dweight + row * a.dweight_stride + column, dscale);
        store(a.dbias + row * a.dbias_stride + column, d[i]);
      }
    });
  }
  if (!sums || again) return;
  // The block's warps add their sums in order: in shared memory, [2, columns].
  float* total = THREADS == 32 ? (float*)shared_memory() : partials;
  for (int w = 0; w < ROWS; w++) {
    if (threadIdx.x / THREADS == w) {
      pass<THREADS, HOLD, N>(a.columns, false, [](int, int) {}, [&](int i, int column) {
#pragma unroll
        for (int j = 0; j < N; j++) {
          float* p = total + column + j;
          p[0] = (w == 0 ? 0 : p[0]) + dweight[i * N + j];
          p[a.columns] = (w == 0 ? 0 : p[a.columns]) + dbias[i * N + j];
        }
      });
    }
    if constexpr (THREADS == 32) sync_block();
  }
  if constexpr (THREADS == 32)
    for (int i = threadIdx.x; i < 2 * a.columns; i += 32 * ROWS) partials[i] = total[i];
}

KERNEL(layer_norm_256, 128, LayerNormArgs, normalize<false, 32, 8, wide<REAL>>)
KERNEL(layer_norm_1024, 128, LayerNormArgs, normalize<false, 32, 32, wide<REAL>>)
KERNEL_RESIDENT(layer_norm_wide, 256, 5, LayerNormArgs, normalize<false, 256, 8, wide<REAL>>)
KERNEL(layer_norm_any, 256, LayerNormArgs, normalize<false, 256, 8, 1>)

KERNEL(layer_norm_grad_256, 128, LayerNormGradArgs, gradient<false, 32, 8, wide<REAL>>)
KERNEL(layer_norm_grad_1024, 128, LayerNormGradArgs, gradient<false, 32, 32, wide<REAL>>)
// Three blocks a multiprocessor: two have too few loads under way.
KERNEL_RESIDENT(layer_norm_grad_wide, 256, 3, LayerNormGradArgs, gradient<false, 256, 8, wide<REAL>>)
KERNEL(layer_norm_grad_any, 256, LayerNormGradArgs, gradient<false, 256, 8, 1>)

KERNEL(ada_layer_norm_256, 128, LayerNormArgs, normalize<true, 32, 8, wide<REAL>>)
KERNEL(ada_layer_norm_1024, 128, LayerNormArgs, normalize<true, 32, 32, wide<REAL>>)
KERNEL(ada_layer_norm_wide, 256, LayerNormArgs, normalize<true, 256, 8, wide<REAL>>)
KERNEL(ada_layer_norm_any, 256, LayerNormArgs, normalize<true, 256, 8, 1>)

KERNEL(ada_layer_norm_grad_256, 128, LayerNormGradArgs, gradient<true, 32, 8, wide<REAL>>)
KERNEL(ada_layer_norm_grad_1024, 128, LayerNormGradArgs, gradient<true, 32, 32, wide<REAL>>)
KERNEL(ada_layer_norm_grad_wide, 256, LayerNormGradArgs, gradient<true, 256, 8, wide<REAL>>)
KERNEL(ada_layer_norm_grad_any, 256, LayerNormGradArgs, gradient<true, 256, 8, 1>)
