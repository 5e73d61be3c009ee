// The loops over operands of equal shape and any layouts, with as few dimensions as the layouts allow; the host makes them (CudaBackend.Nest.cs).
#pragma once
#include "ptx.cuh"

// Division of what is below 2^31 by a number fixed on the host: q = (hi(n multiplier) + n) >> shift (Granlund and Montgomery, PLDI 1994).
struct Divisor {
  u32 value, multiplier, shift;
  DEVICE u32 divide(u32 n) const { return ((u32)((u64)n * multiplier >> 32) + n) >> shift; }
};

// Operands as packs of `pack` elements that are next to each other and aligned in every operand, or one element repeated. Axis 0 is the innermost;
// its length counts packs, its strides are from pack to pack, all strides in elements. Only the last pack of a single axis may be short.
struct Nest {
  void* pointer[4];
  i64 stride[4][6];  // of an operand along an axis
  i64 count;         // elements; below 2^31 packs where there are several axes
  Divisor length[6];
  i32 rank;
  i32 pack;
};

// Where a pack of each of N operands begins, in elements.
template <int N> DEVICE void locate(const Nest& nest, i64 pack, i64 (&offset)[N]) {
  if (nest.rank == 1) {
#pragma unroll
    for (int i = 0; i < N; i++) offset[i] = pack * nest.stride[i][0];
    return;
  }
#pragma unroll
  for (int i = 0; i < N; i++) offset[i] = 0;
  u32 rest = (u32)pack;
#pragma unroll
  for (int axis = 0; axis < 6; axis++) {
    if (axis >= nest.rank) break;
    u32 left = nest.length[axis].divide(rest), at = rest - left * nest.length[axis].value;
    rest = left;
#pragma unroll
    for (int i = 0; i < N; i++) offset[i] += at * nest.stride[i][axis];
  }
}

// Calls f with this thread's pack of PACK elements (or, where there are no packs or the last one is short, with single ones): f(offset, width),
// where width is a Width<n>. A thread has one pack: the loads of its operands and of 2047 others are what covers the latency of memory.
template <int N> struct Width { static constexpr int value = N; };
template <int N, int PACK, class F> DEVICE void each(const Nest& nest, F f) {
  i64 pack = (i64)blockIdx.x * blockDim.x + threadIdx.x, first = pack * nest.pack;
  if (first >= nest.count) return;
  i64 offset[N];
  locate(nest, pack, offset);
  if (PACK > 1 && nest.pack == PACK && first + PACK <= nest.count) {
    f(offset, Width<PACK>());
    return;
  }
  for (i64 i = first; i < smaller(first + nest.pack, nest.count); i++) {
    f(offset, Width<1>());
#pragma unroll
    for (int k = 0; k < N; k++) offset[k] += nest.stride[k][0] != 0;
  }
}

// N neighbours from p on as floats, or, with a stride of 0, the one at p.
template <int N, class T> DEVICE void load(const T* p, i64 stride, float (&to)[N]) {
  constexpr int PACK = N < wide<T> ? N : wide<T>;
  if (stride == 0 || N == 1) {
    float x = to_float(*p);
#pragma unroll
    for (int i = 0; i < N; i++) to[i] = x;
    return;
  }
#pragma unroll
  for (int i = 0; i < N; i += PACK) {
    Pack<T, PACK> x = *(const Pack<T, PACK>*)(p + i);
#pragma unroll
    for (int j = 0; j < PACK; j++) to[i + j] = to_float(x[j]);
  }
}

template <int N, class T> DEVICE void store(T* p, const float (&from)[N]) {
  constexpr int PACK = N < wide<T> ? N : wide<T>;
#pragma unroll
  for (int i = 0; i < N; i += PACK) {
    Pack<T, PACK> x;
#pragma unroll
    for (int j = 0; j < PACK; j++) x[j] = from_float<T>(from[i + j]);
    *(Pack<T, PACK>*)(p + i) = x;
  }
}
