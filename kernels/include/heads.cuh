// Tensors of attention heads, as views of packed projections have them.
#pragma once
#include "reduce.cuh"

// A tensor [B, N, H, E]; strides are in elements, E's is 1. vector: each row of E is whole groups of 16 bytes, and aligned to them.
template <class T> struct Heads {
  T* p;
  i64 batch, token, head;
  i32 vector;
  DEVICE T* of(int b, int h) const { return p + b * batch + h * head; }
};

// Turns a pair of neighbours by rotary positions, or, for the gradient, by the transpose of that.
template <bool TRANSPOSED> DEVICE void turn(float& even, float& odd, float cos_even, float cos_odd, float sin_even, float sin_odd) {
  float x = even, y = odd;
  even = fmaf(x, cos_even, y * (TRANSPOSED ? sin_odd : -sin_even));
  odd = fmaf(y, cos_odd, x * (TRANSPOSED ? -sin_even : sin_odd));
}
