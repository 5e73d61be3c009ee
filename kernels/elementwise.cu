// Functions of one element, and sums and products of two: y = f(x). Called by CudaBackend.Unary. Reads and writes each element once,
// so what bounds it is memory: 2 s bytes an element of s bytes forward, 3 s backward.
#include "reduce.cuh"

struct UnaryArgs {
  const REAL* x;
  const REAL* dy;  // null forward
  REAL* dst;
  i64 count;
  i32 op;  // UnaryOp
};

DEVICE float unary(i32 op, float x) {
  switch (op) {
    case 0: return 0.5f * x * (1 + erff(x * 0.70710678118654752f));
    default: return x;
  }
}

DEVICE void unary_forward_kernel(const UnaryArgs& a) {
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < a.count; i += (i64)gridDim.x * blockDim.x)
    a.dst[i] = from_float<REAL>(unary(a.op, to_float(a.x[i])));
}

KERNEL(unary_forward, 256, UnaryArgs, unary_forward_kernel)
