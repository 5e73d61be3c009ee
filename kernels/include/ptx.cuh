// Everything of a GPU that C++ has no word for: the only file with inline assembler. Each function has a device branch and, in
// simulator/machine.h, one that the simulator carries out and checks.
#pragma once
#include "numeric.cuh"

#ifdef SIMULATOR
#include "machine.h"
#else

// A kernel: name, threads a block, the struct of its arguments (passed by value, so that host and device agree on one layout), the function.
#define KERNEL(name, threads, Args, ...) \
  extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Args args) { __VA_ARGS__(args); }

// As KERNEL, with at least so many blocks resident on a multiprocessor.
#define KERNEL_RESIDENT(name, threads, blocks, Args, ...) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Args args) { __VA_ARGS__(args); }

// The block's dynamic shared memory, aligned to 1024 bytes.
DEVICE u8* shared_memory() {
  extern __shared__ __align__(1024) u8 shared_bytes[];
  return shared_bytes;
}

// The address of shared memory as ldmatrix and cp.async take it.
DEVICE u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }

// Barriers and fences -------------------------------------------------------------------------------------------------------------

DEVICE void sync_block() { __syncthreads(); }
DEVICE void sync_warp() { __syncwarp(); }
// Barrier id (1 to 15) of so many threads of the block, a multiple of 32.
DEVICE void sync_named(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
// What this thread wrote is seen by the device before what it writes next.
DEVICE void fence_device() { __threadfence(); }

// Between the lanes of a full warp ------------------------------------------------------------------------------------------------

template <class T> DEVICE T shuffle(T value, int lane) { return __shfl_sync(~0u, value, lane); }
template <class T> DEVICE T shuffle_xor(T value, int mask) { return __shfl_xor_sync(~0u, value, mask); }
template <class T> DEVICE T shuffle_down(T value, int delta) { return __shfl_down_sync(~0u, value, delta); }
template <class T> DEVICE T shuffle_up(T value, int delta) { return __shfl_up_sync(~0u, value, delta); }
DEVICE u32 ballot(bool value) { return __ballot_sync(~0u, value); }

// Atomics: integers only, so that no result depends on an order ---------------------------------------------------------------------

DEVICE u32 atomic_add(u32* p, u32 value) { return atomicAdd(p, value); }
DEVICE u32 atomic_max(u32* p, u32 value) { return atomicMax(p, value); }

// Matrix instructions ---------------------------------------------------------------------------------------------------------------

// Four (two) 8x8 matrices of 16-bit elements: lane i names the 16 bytes of row i%8 of matrix i/8; register m of lane l holds elements
// (l/4, 2(l%4)) and the next of matrix m; transposed, of its transpose.
DEVICE void ldmatrix(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
DEVICE void ldmatrix_transposed(u32 (&r)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
DEVICE void ldmatrix(u32 (&r)[2], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address) : "memory");
}
DEVICE void ldmatrix_transposed(u32 (&r)[2], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(address) : "memory");
}

// c [16, 8] += a [16, 16] b [16, 8] over a warp, bf16 operands, float sums. With g = lane/4, q = lane%4: a = (g, 2q..), (g+8, 2q..),
// (g, 2q+8..), (g+8, 2q+8..); b = (2q.., g), (2q+8.., g); c = (g, 2q), (g, 2q+1), (g+8, 2q), (g+8, 2q+1).
DEVICE void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Copies from global to shared memory that run beside the threads -------------------------------------------------------------------

// 16 bytes, of which the first `bytes` are read and the rest are zeros; source and destination are aligned to 16 (the source is valid even for 0).
DEVICE void copy_async16(u32 shared, const void* global, u32 bytes = 16) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(bytes) : "memory");
}
// 4 bytes, aligned to 4.
DEVICE void copy_async4(u32 shared, const void* global, u32 bytes = 4) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(global), "r"(bytes) : "memory");
}
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most N of this thread's groups are under way. Other threads' copies need a barrier as well.
template <int N> DEVICE void copy_async_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// Memory ------------------------------------------------------------------------------------------------------------------------------

// 16 bytes in one access, aligned to 16.
DEVICE void store16(void* p, u32 a, u32 b, u32 c, u32 d) {
  asm volatile("st.global.v4.b32 [%0], {%1,%2,%3,%4};" ::"l"(__cvta_generic_to_global(p)), "r"(a), "r"(b), "r"(c), "r"(d) : "memory");
}

// Numbers -----------------------------------------------------------------------------------------------------------------------------

DEVICE float as_float(u32 bits) { return __uint_as_float(bits); }
DEVICE u32 as_bits(float value) { return __float_as_uint(value); }
// Two numbers rounded to nearest even, the first in the low half.
DEVICE u32 pack_bf16(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
DEVICE u16 round_f16(float value) {
  u16 r;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(value));
  return r;
}
DEVICE float widen_f16(u16 bits) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(bits));
  return r;
}
// 2^x with an error of 2 units in the last place; what is below the normal numbers becomes 0.
DEVICE float exp2_fast(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
// The smaller one, or the one that is no number, which fminf passes over.
DEVICE float smaller_or_nan(float a, float b) {
  float r;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
  return r;
}

#endif

// Loads and stores of the storage formats, as float ------------------------------------------------------------------------------------

DEVICE float to_float(float x) { return x; }
DEVICE float to_float(bf16 x) { return as_float((u32)x.bits << 16); }
DEVICE float to_float(f16 x) { return widen_f16(x.bits); }
template <class T> DEVICE T from_float(float x);
template <> DEVICE float from_float<float>(float x) { return x; }
template <> DEVICE bf16 from_float<bf16>(float x) { return {(u16)pack_bf16(x, 0)}; }
template <> DEVICE f16 from_float<f16>(float x) { return {round_f16(x)}; }

// Stores a pack in one access; an assignment of 16 bytes may become several, since the compiler loses sight of the alignment.
template <class T, int N> DEVICE void store(T* p, const Pack<T, N>& v) { *(Pack<T, N>*)p = v; }
template <> DEVICE void store(float* p, const Pack<float, 4>& v) { store16(p, as_bits(v[0]), as_bits(v[1]), as_bits(v[2]), as_bits(v[3])); }
template <> DEVICE void store(bf16* p, const Pack<bf16, 8>& v) {
  auto pair = [&](int i) { return (u32)v[i].bits | (u32)v[i + 1].bits << 16; };
  store16(p, pair(0), pair(2), pair(4), pair(6));
}
