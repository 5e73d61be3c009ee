// Sums and maxima over a warp and over a block, in an order that never changes.
#pragma once
#include "ptx.cuh"

DEVICE int lane_id() { return threadIdx.x & 31; }
DEVICE int warp_id() { return threadIdx.x >> 5; }

// The same sum in every lane.
template <class T> DEVICE T warp_sum(T value) {
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) value += shuffle_xor(value, mask);
  return value;
}

template <class T> DEVICE T warp_max(T value) {
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) value = larger(value, shuffle_xor(value, mask));
  return value;
}

// The same sum in every thread of the block; scratch holds one T a warp and may be reused after the next barrier.
template <int THREADS, class T> DEVICE T block_sum(T value, T* scratch) {
  value = warp_sum(value);
  sync_block();
  if (lane_id() == 0) scratch[warp_id()] = value;
  sync_block();
  T sum = scratch[0];
#pragma unroll
  for (int w = 1; w < THREADS / 32; w++) sum += scratch[w];
  return sum;
}
