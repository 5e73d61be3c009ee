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
