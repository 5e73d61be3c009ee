// SIGReg's Epps-Pulley statistic of u [groups, samples, directions] (LeJEPA, arXiv 2511.08544) and its gradient; the unit directions it projects on.
//   sigreg_sums       u           -> sums [groups, splits, 2, KNOTS, directions] of cos(u t_j) and sin(u t_j) over a part of the samples each
//   sigreg_statistic  sums        -> partials, one double a block: N sum_j w_j phi_j [(c_j - phi_j)^2 + s_j^2] with the means c_j and s_j over the N samples
//   sigreg_grad       u, sums     -> du = dloss / (groups directions) sum_j 2 w_j phi_j t_j [s_j cos(u t_j) - (c_j - phi_j) sin(u t_j)]
//   normalize_rows    x           -> each row divided by its norm, in place
// Called by CudaBackend.SigReg, always in float, and by CudaBackend.NormalizeRows. The knots t_j are equally spaced, so an element costs one sine and cosine,
// from which the others follow by turning: 6 instructions a knot. Arithmetic bounds it, about 130 instructions for an element's 4 bytes and 17 knots; nothing
// of the size of u times knots is ever stored. A launch covers KNOTS of them: more take several, each starting from a sine and cosine of its own.
// Registers on sm_90: sums 55, statistic 32, gradient 66, normalize_rows 31.
#include "reduce.cuh"

constexpr int BLOCK = 256, WARPS = BLOCK / 32, KNOTS = 17;

struct SigRegArgs {
  const float* u;
  float* sums;
  double* partials;
  const float* dloss;
  float* du;
  i64 samples;
  i64 split_samples;
  i32 groups;
  i32 directions;
  i32 splits;
  i32 accumulate;       // du is added to: these are not the first knots
  float turns;          // the spacing of the knots / 2 pi, as the sum of two floats
  float turns_rest;
  float first_turns;    // the first knot's t / 2 pi
  float first_turns_rest;
  float portion;        // 1 / samples
  float normal[KNOTS];  // phi_j
  float weight[KNOTS];  // w_j phi_j; 0 beyond the last knot
  float slope[KNOTS];   // 2 w_j phi_j t_j / (groups directions)
};

struct NormalizeRowsArgs {
  REAL* x;
  i64 rows;
  i64 stride;
  i64 columns;
};

struct Complex {
  float re, im;
  DEVICE Complex turned(const Complex& by) const { return {fmaf(re, by.re, -im * by.im), fmaf(re, by.im, im * by.re)}; }
};

// e^(2 pi i u turns). The product is exact to two floats before whole turns are taken off, so that a long way round costs no accuracy.
DEVICE Complex wave(float u, float turns, float turns_rest) {
  const float t = u * turns, rest = fmaf(u, turns, -t) + u * turns_rest;
  Complex z;
  sincospif(2 * ((t - rintf(t)) + rest), &z.im, &z.re);
  return z;
}

DEVICE Complex first_wave(const SigRegArgs& a, float u) { return a.accumulate ? wave(u, a.first_turns, a.first_turns_rest) : Complex{1, 0}; }

// A block has 32 directions, one a lane, of group blockIdx.z.
DEVICE int own_direction() { return (int)blockIdx.x * 32 + lane_id(); }
// In the block: [2 KNOTS, 8, 32] floats.
DEVICE float& slot(int sum, int warp, int lane) { return ((float*)shared_memory())[(sum * WARPS + warp) * 32 + lane]; }
DEVICE i64 sums_of(const SigRegArgs& a, i64 group, int split, int sum) { return ((group * a.splits + split) * 2 * KNOTS + sum) * a.directions; }

// Split blockIdx.y; each warp takes every 8th of its samples.
DEVICE void sigreg_sums_kernel(const SigRegArgs& a) {
  const int k = own_direction();
  const i64 group = blockIdx.z, first = blockIdx.y * a.split_samples, last = smaller(a.samples, first + a.split_samples);
  float cosines[KNOTS] = {}, sines[KNOTS] = {};
  if (k < a.directions) {
    for (i64 n = first + warp_id(); n < last; n += WARPS) {
      const float u = a.u[(group * a.samples + n) * a.directions + k];
      const Complex step = wave(u, a.turns, a.turns_rest);
      Complex z = first_wave(a, u);
#pragma unroll
      for (int j = 0; j < KNOTS; j++) {
        cosines[j] += z.re;
        sines[j] += z.im;
        z = z.turned(step);
      }
    }
  }
#pragma unroll
  for (int j = 0; j < KNOTS; j++) {
    slot(j, warp_id(), lane_id()) = cosines[j];
    slot(KNOTS + j, warp_id(), lane_id()) = sines[j];
  }
  sync_block();
  if (k >= a.directions) return;
  for (int sum = warp_id(); sum < 2 * KNOTS; sum += WARPS) {
    float total = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++) total += slot(sum, w, lane_id());
    a.sums[sums_of(a, group, blockIdx.y, sum) + k] = total;
  }
}

// The mean of a cosine (j) or sine (KNOTS + j) of a direction.
DEVICE float mean(const SigRegArgs& a, i64 group, int sum, int k) {
  float total = 0;
  for (int split = 0; split < a.splits; split++) total += a.sums[sums_of(a, group, split, sum) + k];
  return total * a.portion;
}

DEVICE void sigreg_statistic_kernel(const SigRegArgs& a) {
  const i64 item = (i64)blockIdx.x * BLOCK + threadIdx.x;
  double statistic = 0;
  if (item < (i64)a.groups * a.directions) {
    const i64 group = item / a.directions;
    const int k = (int)(item - group * a.directions);
    float sum = 0;
#pragma unroll
    for (int j = 0; j < KNOTS; j++) {
      const float c = mean(a, group, j, k) - a.normal[j], s = mean(a, group, KNOTS + j, k);
      sum = fmaf(a.weight[j], fmaf(c, c, s * s), sum);
    }
    statistic = sum;
  }
  statistic = block_sum<BLOCK>(statistic, (double*)shared_memory());
  if (threadIdx.x == 0) a.partials[blockIdx.x] = statistic;
}

DEVICE void sigreg_grad_kernel(const SigRegArgs& a) {
  const int k = own_direction();
  if (k >= a.directions) return;
  const i64 group = blockIdx.z, first = blockIdx.y * a.split_samples, last = smaller(a.samples, first + a.split_samples);
  const float dloss = *a.dloss;
  float of_cosine[KNOTS], of_sine[KNOTS];
#pragma unroll
  for (int j = 0; j < KNOTS; j++) {
    of_cosine[j] = dloss * a.slope[j] * mean(a, group, KNOTS + j, k);
    of_sine[j] = dloss * a.slope[j] * (a.normal[j] - mean(a, group, j, k));
  }
  for (i64 n = first + warp_id(); n < last; n += WARPS) {
    const i64 i = (group * a.samples + n) * a.directions + k;
    const float u = a.u[i];
    const Complex step = wave(u, a.turns, a.turns_rest);
    Complex z = first_wave(a, u);
    float sum = a.accumulate ? a.du[i] : 0;
#pragma unroll
    for (int j = 0; j < KNOTS; j++) {
      sum = fmaf(of_cosine[j], z.re, fmaf(of_sine[j], z.im, sum));
      z = z.turned(step);
    }
    a.du[i] = sum;
  }
}

// A row a warp.
DEVICE void normalize_rows_kernel(const NormalizeRowsArgs& a) {
  const i64 row = (i64)blockIdx.x * WARPS + warp_id();
  if (row >= a.rows) return;
  REAL* x = a.x + row * a.stride;
  float squares = 0;
  for (i64 i = lane_id(); i < a.columns; i += 32) squares = fmaf(to_float(x[i]), to_float(x[i]), squares);
  const float norm = sqrtf(warp_sum(squares));
  for (i64 i = lane_id(); i < a.columns; i += 32) x[i] = from_float<REAL>(to_float(x[i]) / norm);
}

KERNEL(sigreg_sums, BLOCK, SigRegArgs, sigreg_sums_kernel)
KERNEL(sigreg_statistic, BLOCK, SigRegArgs, sigreg_statistic_kernel)
KERNEL(sigreg_grad, BLOCK, SigRegArgs, sigreg_grad_kernel)
KERNEL(normalize_rows, BLOCK, NormalizeRowsArgs, normalize_rows_kernel)
