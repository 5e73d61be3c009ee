// Random numbers by their index, and dropout: four elements a thread, which are one Philox block. Called by CudaBackend.Random and .Dropout. Bytes an
// element of s bytes: s, dropout 2 s; dropout's 40 integer multiplications for 4 elements hide behind them, the normal numbers' doubles do not on a
// GPU with few units for these. They are parameters' first values and a planner's candidates, not hot.
#include "philox.cuh"

struct RandomArgs {
  const REAL* x;  // dropout
  REAL* dst;
  const u64* replay;  // in a recorded graph the number of its replay; else null
  i64 count;
  PhiloxKey key;
  double shift, scale;
  i32 pack;  // 4 where x and dst are aligned to as many elements, else 1
  float threshold;
};

// A recorded launch draws other numbers in each replay.
DEVICE PhiloxKey key_of(const RandomArgs& a) { return a.replay == nullptr ? a.key : child(a.key, *a.replay); }

// Writes f(j) to dst[4 block + j].
template <class F> DEVICE void four(const RandomArgs& a, i64 block, F f) {
  REAL* dst = a.dst + 4 * block;
  Pack<REAL, 4> y;
#pragma unroll
  for (int j = 0; j < 4; j++) y[j] = from_float<REAL>(f(j));
  if (a.pack == 4 && 4 * block + 4 <= a.count) {
    *(Pack<REAL, 4>*)dst = y;
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; j++)
    if (4 * block + j < a.count) dst[j] = y[j];
}

DEVICE i64 block_of_thread() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }

DEVICE void uniform_kernel(const RandomArgs& a) {
  i64 block = block_of_thread();
  if (4 * block >= a.count) return;
  PhiloxBlock random = philox(key_of(a), block);
  four(a, block, [&](int j) { return (float)(a.shift + a.scale * uniform(random.word[j])); });
}

DEVICE void normal_kernel(const RandomArgs& a) {
  i64 block = block_of_thread();
  if (4 * block >= a.count) return;
  PhiloxBlock random = philox(key_of(a), block);
  double number[4];
  normal_pair(random.word[0], random.word[1], number[0], number[1]);
  normal_pair(random.word[2], random.word[3], number[2], number[3]);
  four(a, block, [&](int j) { return (float)(a.shift + a.scale * number[j]); });
}

DEVICE void dropout_kernel(const RandomArgs& a) {
  i64 block = block_of_thread();
  if (4 * block >= a.count) return;
  PhiloxBlock random = philox(key_of(a), block);
  const REAL* x = a.x + 4 * block;
  float kept[4];
  if (a.pack == 4 && 4 * block + 4 <= a.count) {
    Pack<REAL, 4> from = *(const Pack<REAL, 4>*)x;
#pragma unroll
    for (int j = 0; j < 4; j++) kept[j] = to_float(from[j]);
  } else {
#pragma unroll
    for (int j = 0; j < 4; j++) kept[j] = 4 * block + j < a.count ? to_float(x[j]) : 0;
  }
  float scale = (float)a.scale;
  four(a, block, [&](int j) { return uniform(random.word[j]) < a.threshold ? 0 : kept[j] * scale; });
}

KERNEL(random_uniform, 256, RandomArgs, uniform_kernel)
KERNEL(random_normal, 256, RandomArgs, normal_kernel)
KERNEL(dropout_forward, 256, RandomArgs, dropout_kernel)
