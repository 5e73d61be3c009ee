// The host side of ptx.cuh: what a GPU does in one instruction, as calls into the simulator. Included by kernels compiled with -DSIMULATOR;
// the loads and stores between these calls reach the simulator through the compiler's own hooks (hooks.cpp).
#pragma once

struct Index3 { u32 x, y, z; };
struct KernelInfo { u32 args_bytes, threads, min_blocks; };
typedef u32 U32x4 __attribute__((vector_size(16)));
typedef float F32x4 __attribute__((vector_size(16)));

enum Shuffle : u32 { SHUFFLE_INDEX, SHUFFLE_XOR, SHUFFLE_DOWN, SHUFFLE_UP };
enum Atomic : u32 { ATOMIC_ADD, ATOMIC_MAX };

// Values cross in registers, so that an accumulator's address never leaves its function and its accesses need no hook.
extern "C" {
Index3 sim_thread() __attribute__((const));
Index3 sim_block() __attribute__((const));
Index3 sim_block_size() __attribute__((const));
Index3 sim_grid_size() __attribute__((const));
u8* sim_shared_memory() __attribute__((const));
void sim_sync_block();
void sim_sync_warp();
void sim_sync_named(int id, int threads);
void sim_fence_device();
u64 sim_shuffle(u64 value, u32 kind, int operand);
u32 sim_ballot(bool value);
u32 sim_atomic(u32* p, u32 value, u32 kind);
U32x4 sim_ldmatrix(u32 address, int matrices, bool transposed);
F32x4 sim_mma(F32x4 c, U32x4 a, u64 b);
void sim_copy_async(u32 shared, const void* global, u32 size, u32 bytes);
void sim_copy_async_commit();
void sim_copy_async_wait(int groups);

float fmaf(float, float, float), sqrtf(float), expf(float), exp2f(float), expm1f(float), logf(float), log2f(float), log1pf(float), powf(float, float);
float sinf(float), cosf(float), tanhf(float), erff(float), erfcf(float), fabsf(float), fminf(float, float), fmaxf(float, float), floorf(float);
float ceilf(float), truncf(float), roundf(float), rintf(float), copysignf(float, float), fmodf(float, float), ldexpf(float, int);
double fma(double, double, double), sqrt(double), exp(double), exp2(double), log(double), log2(double), pow(double, double), sin(double), cos(double);
double tanh(double), erf(double), fabs(double), fmin(double, double), fmax(double, double), floor(double), ceil(double), rint(double);
}

#define threadIdx sim_thread()
#define blockIdx sim_block()
#define blockDim sim_block_size()
#define gridDim sim_grid_size()

DEVICE float rsqrtf(float x) { return 1 / sqrtf(x); }
DEVICE double rsqrt(double x) { return 1 / sqrt(x); }
DEVICE void sincosf(float x, float* sine, float* cosine) { *sine = sinf(x), *cosine = cosf(x); }
DEVICE void sincospif(float x, float* sine, float* cosine) { *sine = (float)sin(3.14159265358979324 * x), *cosine = (float)cos(3.14159265358979324 * x); }
DEVICE void sincos(double x, double* sine, double* cosine) { *sine = sin(x), *cosine = cos(x); }

// The arguments are copied into the thread's own frame: they cannot change, and the optimiser sees that.
#define KERNEL_RESIDENT(name, threads, blocks, Args, ...) \
  extern "C" { \
  extern const KernelInfo name##_info; \
  const KernelInfo name##_info = {sizeof(Args), threads, blocks}; \
  void name(const void* address) { \
    const Args args = *(const Args*)address; \
    __VA_ARGS__(args); \
  } \
  }
#define KERNEL(name, threads, Args, ...) KERNEL_RESIDENT(name, threads, 1, Args, __VA_ARGS__)

DEVICE u8* shared_memory() { return sim_shared_memory(); }
DEVICE u32 shared_address(const void* p) { return (u32)((const u8*)p - sim_shared_memory()); }

DEVICE void sync_block() { sim_sync_block(); }
DEVICE void sync_warp() { sim_sync_warp(); }
DEVICE void sync_named(int id, int threads) { sim_sync_named(id, threads); }
DEVICE void fence_device() { sim_fence_device(); }

template <int SIZE> struct BitsOf { typedef u32 Type; };
template <> struct BitsOf<8> { typedef u64 Type; };
template <> struct BitsOf<2> { typedef u16 Type; };
template <class T> DEVICE T shuffled(T value, u32 kind, int operand) {
  typedef typename BitsOf<sizeof(T)>::Type Bits;
  return __builtin_bit_cast(T, (Bits)sim_shuffle(__builtin_bit_cast(Bits, value), kind, operand));
}
template <class T> DEVICE T shuffle(T value, int lane) { return shuffled(value, SHUFFLE_INDEX, lane); }
template <class T> DEVICE T shuffle_xor(T value, int mask) { return shuffled(value, SHUFFLE_XOR, mask); }
template <class T> DEVICE T shuffle_down(T value, int delta) { return shuffled(value, SHUFFLE_DOWN, delta); }
template <class T> DEVICE T shuffle_up(T value, int delta) { return shuffled(value, SHUFFLE_UP, delta); }
DEVICE u32 ballot(bool value) { return sim_ballot(value); }

DEVICE u32 atomic_add(u32* p, u32 value) { return sim_atomic(p, value, ATOMIC_ADD); }
DEVICE u32 atomic_max(u32* p, u32 value) { return sim_atomic(p, value, ATOMIC_MAX); }

DEVICE void ldmatrix(u32 (&r)[4], u32 address) {
  U32x4 v = sim_ldmatrix(address, 4, false);
  r[0] = v[0], r[1] = v[1], r[2] = v[2], r[3] = v[3];
}
DEVICE void ldmatrix_transposed(u32 (&r)[4], u32 address) {
  U32x4 v = sim_ldmatrix(address, 4, true);
  r[0] = v[0], r[1] = v[1], r[2] = v[2], r[3] = v[3];
}
DEVICE void ldmatrix(u32 (&r)[2], u32 address) {
  U32x4 v = sim_ldmatrix(address, 2, false);
  r[0] = v[0], r[1] = v[1];
}
DEVICE void ldmatrix_transposed(u32 (&r)[2], u32 address) {
  U32x4 v = sim_ldmatrix(address, 2, true);
  r[0] = v[0], r[1] = v[1];
}

DEVICE void mma(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  F32x4 sum = sim_mma(F32x4{c[0], c[1], c[2], c[3]}, U32x4{a[0], a[1], a[2], a[3]}, (u64)b1 << 32 | b0);
  c[0] = sum[0], c[1] = sum[1], c[2] = sum[2], c[3] = sum[3];
}

DEVICE void copy_async16(u32 shared, const void* global, u32 bytes = 16) { sim_copy_async(shared, global, 16, bytes); }
DEVICE void copy_async4(u32 shared, const void* global, u32 bytes = 4) { sim_copy_async(shared, global, 4, bytes); }
DEVICE void copy_async_commit() { sim_copy_async_commit(); }
template <int N> DEVICE void copy_async_wait() { sim_copy_async_wait(N); }

DEVICE void store16(void* p, u32 a, u32 b, u32 c, u32 d) { *(U32x4*)p = U32x4{a, b, c, d}; }

DEVICE float as_float(u32 bits) { return __builtin_bit_cast(float, bits); }
DEVICE u32 as_bits(float value) { return __builtin_bit_cast(u32, value); }

// To nearest even; every NaN becomes the one NaN the instruction gives.
DEVICE u32 round_bf16(float value) {
  u32 bits = as_bits(value);
  return value != value ? 0x7fffu : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}
DEVICE u32 pack_bf16(float low, float high) { return round_bf16(high) << 16 | round_bf16(low); }

// Below 2^-14 a half's step is 2^-24: adding 0.5 puts it at a float's last bit, so that the sum rounds. Above, as bf16 with 13 bits dropped.
DEVICE u16 round_f16(float value) {
  u32 bits = as_bits(value), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return 0x7fffu;
  if (magnitude >= 0x477ff000u) return (u16)(sign | 0x7c00u);
  if (magnitude < 0x38800000u) return (u16)(sign | (as_bits(as_float(magnitude) + 0.5f) - 0x3f000000u));
  return (u16)(sign | (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1)) >> 13);
}
DEVICE float widen_f16(u16 bits) {
  u32 sign = (u32)(bits & 0x8000u) << 16, magnitude = bits & 0x7fffu;
  if (magnitude >= 0x7c00u) return as_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  if (magnitude < 0x400u) return as_float(sign | as_bits((float)magnitude * 0x1p-24f));
  return as_float(sign | ((magnitude << 13) + 0x38000000u));
}
DEVICE float exp2_fast(float x) {
  float r = exp2f(x);
  return r < 0x1p-126f ? 0 : r;
}
DEVICE float smaller_or_nan(float a, float b) { return a != a || a < b ? a : b; }
