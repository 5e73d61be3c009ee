// The words CUDA adds to C++, for a compiler that does not know them. Included before everything else (-include).
#pragma once

#define __device__
#define __global__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__ __restrict
#define __align__(n) alignas(n)
