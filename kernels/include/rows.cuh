// Rows that wait in registers, as stored, while they are gone over again: a warp's own, or a block's.
#pragma once
#include "reduce.cuh"

template <int THREADS> constexpr int rows_a_block = THREADS == 32 ? 4 : 1;  // of THREADS threads each

// One pass over a row: in pieces that its THREADS threads hold HOLD elements each of, fetch(i, column) for each pack of the thread's own, then
// use(i, column). A warp's row is one piece.
template <int THREADS, int HOLD, int N, class Fetch, class Use> DEVICE void pass(int columns, bool fetches, Fetch fetch, Use use) {
  for (int first = 0; first < columns; first += THREADS * HOLD) {
    const int column = first + (int)threadIdx.x % THREADS * N;
#pragma unroll
    for (int i = 0; i < HOLD / N; i++)
      if (fetches && column + i * THREADS * N < columns) fetch(i, column + i * THREADS * N);
#pragma unroll
    for (int i = 0; i < HOLD / N; i++)
      if (column + i * THREADS * N < columns) use(i, column + i * THREADS * N);
    if constexpr (THREADS == 32) return;
  }
}

template <int THREADS> DEVICE float row_sum(float value) {
  if constexpr (THREADS == 32)
    return warp_sum(value);
  else
    return block_sum<THREADS>(value, (float*)shared_memory());
}

template <int N> DEVICE Pack<REAL, N> load(const REAL* p) { return *(const Pack<REAL, N>*)p; }
