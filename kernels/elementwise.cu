// Functions of the elements of up to three operands, dst = f(a, b, c), on any layouts: UnaryOp and its gradient, BinaryOp, Affine, GatedAdd.
// Called by CudaBackend.Unary, .Binary, .Affine, .GatedAdd. Each element is read and written once, so memory bounds it: (operands + 1) s bytes an
// element of s bytes; 16 bytes an access where the layouts allow.
#include "activation.cuh"
#include "nest.cuh"

struct ElementwiseArgs {
  Nest nest;  // inputs, then dst
  float scale, shift;
  i32 op;
};

// dst = f(x[0], ..., x[INPUTS - 1]).
template <int INPUTS, class F> DEVICE void map(const Nest& nest, F f) {
  each<INPUTS + 1, wide<REAL>>(nest, [&](const i64 (&offset)[INPUTS + 1], auto width) {
    constexpr int N = decltype(width)::value;
    float x[INPUTS][N], y[N];
#pragma unroll
    for (int i = 0; i < INPUTS; i++) load((const REAL*)nest.pointer[i] + offset[i], nest.stride[i][0], x[i]);
#pragma unroll
    for (int j = 0; j < N; j++) {
      float at[INPUTS];
#pragma unroll
      for (int i = 0; i < INPUTS; i++) at[i] = x[i][j];
      y[j] = f(at);
    }
    store((REAL*)nest.pointer[INPUTS] + offset[INPUTS], y);
  });
}

typedef const float (&One)[1];
typedef const float (&Two)[2];
typedef const float (&Three)[3];

DEVICE void unary_kernel(const ElementwiseArgs& a) {
  switch (a.op) {
    case 0: return map<1>(a.nest, [](One x) { return x[0] * normal(x[0]); });
    case 1: return map<1>(a.nest, [](One x) { return x[0] * sigmoid(x[0]); });
    case 2: return map<1>(a.nest, [](One x) { return fmaxf(x[0], 0); });
    case 3: return map<1>(a.nest, [](One x) { return x[0] * x[0]; });
    case 4: return map<1>(a.nest, [](One x) { return sqrtf(x[0]); });
    case 5: return map<1>(a.nest, [](One x) { return fabsf(x[0]); });
    default: return map<1>(a.nest, [](One x) { return expf(x[0]); });
  }
}

// x, dy.
DEVICE void unary_gradient_kernel(const ElementwiseArgs& a) {
  switch (a.op) {
    case 0: return map<2>(a.nest, [](Two x) { return x[1] * gelu_slope(x[0], normal(x[0])); });
    case 1: return map<2>(a.nest, [](Two x) { return x[1] * silu_slope(x[0], sigmoid(x[0])); });
    case 2: return map<2>(a.nest, [](Two x) { return x[0] > 0 ? x[1] : 0; });
    case 3: return map<2>(a.nest, [](Two x) { return x[1] * (x[0] + x[0]); });
    case 4: return map<2>(a.nest, [](Two x) { return x[1] * (0.5f / sqrtf(x[0])); });
    case 5: return map<2>(a.nest, [](Two x) { return x[1] * (x[0] > 0 ? 1.0f : x[0] < 0 ? -1.0f : 0.0f); });
    default: return map<2>(a.nest, [](Two x) { return x[1] * expf(x[0]); });
  }
}

DEVICE void binary_kernel(const ElementwiseArgs& a) {
  switch (a.op) {
    case 0: return map<2>(a.nest, [](Two x) { return x[0] + x[1]; });
    case 1: return map<2>(a.nest, [](Two x) { return x[0] - x[1]; });
    case 2: return map<2>(a.nest, [](Two x) { return x[0] * x[1]; });
    default: return map<2>(a.nest, [](Two x) { return x[0] / x[1]; });
  }
}

DEVICE void affine_kernel(const ElementwiseArgs& a) {
  map<1>(a.nest, [&](One x) { return fmaf(x[0], a.scale, a.shift); });
}

// residual, gate, x.
DEVICE void gated_add_kernel(const ElementwiseArgs& a) {
  map<3>(a.nest, [](Three x) { return fmaf(x[1], x[2], x[0]); });
}

// 6 blocks of 256 leave 40 registers, which all need; asked for nothing, ptxas aims at 32 and spills.
KERNEL_RESIDENT(unary_forward, 256, 6, ElementwiseArgs, unary_kernel)
KERNEL_RESIDENT(unary_gradient, 256, 6, ElementwiseArgs, unary_gradient_kernel)
KERNEL_RESIDENT(binary_forward, 256, 6, ElementwiseArgs, binary_kernel)
KERNEL_RESIDENT(affine_forward, 256, 6, ElementwiseArgs, affine_kernel)
KERNEL_RESIDENT(gated_add_forward, 256, 6, ElementwiseArgs, gated_add_kernel)
