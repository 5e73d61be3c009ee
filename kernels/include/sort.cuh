// Sorting in shared memory.
#pragma once
#include "ptx.cuh"

// The smallest power of 2 that is not below count: how many places block_sort needs.
DEVICE int sort_length(int count) {
  int length = 1;
  while (length < count) length *= 2;
  return length;
}

// Sorts list[0 .. length) ascending, by all THREADS of the block; length is a power of 2. Bitonic: log2(length)² / 2 steps of a barrier each.
template <int THREADS, class T> DEVICE void block_sort(T* list, int length) {
  for (int run = 2; run <= length; run *= 2)
    for (int step = run / 2; step > 0; step /= 2) {
      sync_block();
      for (int k = threadIdx.x; k < length / 2; k += THREADS) {
        int i = 2 * k - (k & (step - 1)), j = i + step;
        T x = list[i], y = list[j];
        if ((x > y) == ((i & run) == 0)) list[i] = y, list[j] = x;
      }
    }
  sync_block();
}
