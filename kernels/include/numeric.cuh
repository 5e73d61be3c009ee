// The types kernels are written in, and how a stored number becomes the float it is computed with. No toolkit header is included anywhere:
// the compiler is NVRTC on a GPU's side and g++ in the simulator.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

#define DEVICE __device__ __forceinline__

// Storage formats of 16 bits; numbers are computed in float.
struct bf16 { u16 bits; };
struct f16 { u16 bits; };

// N neighbouring elements as one aligned access of up to 16 bytes.
template <class T, int N> struct alignas(sizeof(T) * N) Pack {
  T v[N];
  DEVICE T& operator[](int i) { return v[i]; }
  DEVICE const T& operator[](int i) const { return v[i]; }
};

// REAL is the tier a module is compiled for: -DREAL=float or -DREAL=bf16. The preprocessor sees BF16_TIER as 1 in the latter, else as 0.
#define TIER_float 0
#define TIER_bf16 1
#define TIER_OF(real) TIER_##real
#define TIER(real) TIER_OF(real)
#define BF16_TIER TIER(REAL)

// The widest access takes so many elements.
template <class T> constexpr int wide = 16 / sizeof(T);

template <class T> DEVICE T smaller(T a, T b) { return a < b ? a : b; }
template <class T> DEVICE T larger(T a, T b) { return a < b ? b : a; }
constexpr i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }
