// What a matrix product does to its sums before they are stored; Backends/Backend.cs has the contract:
// v += bias; derivative = activation'(v); v = activation(v); v *= multiplier; v += residual.
#pragma once
#include "activation.cuh"

// A null pointer is an absent step. The residual may be the destination itself.
struct Epilogue {
  REAL* dst;
  const REAL* bias;  // [N]
  REAL* derivative;
  const REAL* multiplier;
  const REAL* residual;
  i64 dst_row, derivative_row, multiplier_row, residual_row;
  i64 dst_batch, derivative_batch, multiplier_batch, residual_batch;
  i32 activation;  // Activation
  i32 vector;      // every pointer and stride is a multiple of 16 bytes
};

// Up to 16 bytes of neighbouring numbers as float: all, in one access, or the first `count`.
constexpr int WIDE = wide<REAL>;
struct alignas(16) Numbers { float v[WIDE]; };

DEVICE Numbers load_numbers(const REAL* p, bool all, i32 count) {
  Pack<REAL, WIDE> raw;
  if (all) raw = *(const Pack<REAL, WIDE>*)p;
  else
#pragma unroll
    for (int i = 0; i < WIDE; i++) raw[i] = i < count ? p[i] : REAL{};
  Numbers x;
#pragma unroll
  for (int i = 0; i < WIDE; i++) x.v[i] = to_float(raw[i]);
  return x;
}

DEVICE void store_numbers(REAL* p, const Numbers& x, bool all, i32 count) {
  Pack<REAL, WIDE> raw;
#pragma unroll
  for (int i = 0; i < WIDE; i++) raw[i] = from_float<REAL>(x.v[i]);
  if (all) *(Pack<REAL, WIDE>*)p = raw;
  else
#pragma unroll
    for (int i = 0; i < WIDE; i++)
      if (i < count) p[i] = raw[i];
}

// v becomes the activation of v, slope its derivative.
DEVICE void activate(i32 activation, float& v, float& slope) {
  if (activation == 1) {
    const float phi = normal(v);
    slope = gelu_slope(v, phi);
    v *= phi;
  } else {
    const float s = sigmoid(v);
    slope = silu_slope(v, s);
    v *= s;
  }
}

// Whether activate has anything to do.
DEVICE bool activates(const Epilogue& e) { return e.bias || e.activation; }

// The first half, for neighbouring sums of one row from a column on: bias, activation and its derivative.
DEVICE void activate(const Epilogue& e, Numbers& x, i64 batch, i32 row, i32 column, i32 rows, i32 columns) {
  const i32 count = row < rows ? columns - column : 0;
  const bool all = e.vector && count >= WIDE;
  if (e.bias) {
    const Numbers bias = load_numbers(e.bias + column, all, count);
#pragma unroll
    for (int j = 0; j < WIDE; j++) x.v[j] += bias.v[j];
  }
  if (!e.activation) return;
  Numbers slope;
#pragma unroll
  for (int j = 0; j < WIDE; j++) activate(e.activation, x.v[j], slope.v[j]);
  if (e.derivative) store_numbers(e.derivative + batch * e.derivative_batch + row * e.derivative_row + column, slope, all, count);
}

// The second half, for COUNT times as many, x[i] those of row[i] and column[i]..: multiplier, residual and the store. Everything is read
// before anything is stored, so that all reads are under way together.
template <int COUNT> DEVICE void finish(const Epilogue& e, Numbers (&x)[COUNT], i64 batch, const i32 (&row)[COUNT], const i32 (&column)[COUNT],
    i32 rows, i32 columns) {
  Numbers factor[COUNT], summand[COUNT];
  i32 count[COUNT];
  bool all[COUNT];
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    count[i] = row[i] < rows ? columns - column[i] : 0;
    all[i] = e.vector && count[i] >= WIDE;
    if (e.multiplier) factor[i] = load_numbers(e.multiplier + batch * e.multiplier_batch + row[i] * e.multiplier_row + column[i], all[i], count[i]);
    if (e.residual) summand[i] = load_numbers(e.residual + batch * e.residual_batch + row[i] * e.residual_row + column[i], all[i], count[i]);
  }
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
#pragma unroll
    for (int j = 0; j < WIDE; j++) {
      if (e.multiplier) x[i].v[j] *= factor[i].v[j];
      if (e.residual) x[i].v[j] += summand[i].v[j];
    }
    store_numbers(e.dst + batch * e.dst_batch + row[i] * e.dst_row + column[i], x[i], all[i], count[i]);
  }
}
