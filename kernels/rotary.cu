// Rotary positions of queries or keys x, dst [B, N, H, E] with float tables cos, sin [B, N, E]: the pair (x, y) of neighbours becomes
// (cos0 x - sin0 y, cos1 y + sin1 x), and in the gradient, its transpose, (cos0 x + sin1 y, cos1 y - sin0 x). In V-JEPA 2 the two angles of a
// pair differ, so neither is the inverse of the other. Called by CudaBackend.Rotary. x is read and dst written once, 2 s bytes an element of
// s bytes; the tables, shared by the heads, come from memory once. Memory bounds it.
#include "heads.cuh"

struct RotaryArgs {
  Heads<const REAL> x;
  Heads<const float> cos, sin;  // the head's stride is 0
  Heads<REAL> dst;
  i32 batches, tokens, heads, width, transposed;
};

// A thread has N neighbours of one head.
template <int N> DEVICE void rotate(const RotaryArgs& a) {
  constexpr int PACK = N == wide<REAL> ? N : 1, FLOATS = N == wide<REAL> ? 4 : 1;
  u32 groups = a.width / N, i = blockIdx.x * 256 + threadIdx.x, row = i / groups, column = i % groups * N, token = row / a.heads, h = row % a.heads;
  if (token >= a.tokens) return;
  for (int b = blockIdx.y; b < a.batches; b += gridDim.y) {
    const REAL* from = a.x.of(b, h) + token * a.x.token + column;
    REAL* to = a.dst.of(b, h) + token * a.dst.token + column;
    const float *cos = a.cos.of(b, 0) + token * a.cos.token + column, *sin = a.sin.of(b, 0) + token * a.sin.token + column;
    float x[N], c[N], s[N], y[N];
#pragma unroll
    for (int k = 0; k < N; k += PACK) {
      Pack<REAL, PACK> pack = *(const Pack<REAL, PACK>*)(from + k);
#pragma unroll
      for (int j = 0; j < PACK; j++) x[k + j] = to_float(pack[j]);
    }
#pragma unroll
    for (int k = 0; k < N; k += FLOATS) {
      Pack<float, FLOATS> cosines = *(const Pack<float, FLOATS>*)(cos + k), sines = *(const Pack<float, FLOATS>*)(sin + k);
#pragma unroll
      for (int j = 0; j < FLOATS; j++) c[k + j] = cosines[j], s[k + j] = sines[j];
    }
#pragma unroll
    for (int k = 0; k < N; k += 2) {
      y[k] = fmaf(x[k], c[k], x[k + 1] * (a.transposed ? s[k + 1] : -s[k]));
      y[k + 1] = fmaf(x[k + 1], c[k + 1], x[k] * (a.transposed ? -s[k] : s[k + 1]));
    }
#pragma unroll
    for (int k = 0; k < N; k += PACK) {
      Pack<REAL, PACK> pack;
#pragma unroll
      for (int j = 0; j < PACK; j++) pack[j] = from_float<REAL>(y[k + j]);
      *(Pack<REAL, PACK>*)(to + k) = pack;
    }
  }
}

DEVICE void rotary_kernel(const RotaryArgs& a) { a.x.vector && a.dst.vector && a.cos.vector && a.sin.vector ? rotate<wide<REAL>>(a) : rotate<2>(a); }

KERNEL(rotary, 256, RotaryArgs, rotary_kernel)
