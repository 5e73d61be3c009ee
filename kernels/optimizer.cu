// AdamW with a moving average of what it moved, and the average alone, over flat arenas in one pass. Called by CudaBackend.AdamW. Memory bounds all: in
// f32 a step reads and writes p, m, v, the average and reads g, 28 bytes a parameter and 8; in bf16 it reads g (2), reads and writes master, m, v and the
// average (24 and 8) and writes the rounded copies (2 and 2), 28 and 10. The average alone: 12, or 6 in bf16. Four parameters a thread are loads enough
// to cover the latency of memory.
#include "ptx.cuh"

// The host's AdamWStep: kernels read a step's numbers from memory, so that a recorded launch serves every step.
struct AdamWStep {
  double learning_rate, beta1, beta2, epsilon, weight_decay, correction1, correction2, clip_norm, average_decay;
};

struct AdamWArgs {
  REAL* parameter;  // bf16: the master's rounded copy
  float* master;    // f32: the parameter itself
  const REAL* gradient;
  float *moment1, *moment2;
  float* average;  // or null
  REAL* average_copy;
  const AdamWStep* step;
  const double* squared_norm;
  i64 count;
  i32 pack;  // 4 where all are aligned to as many elements, else 1
};

// A step's numbers as its elements use them, with the corrections of the moments' bias in the rate and in root_scale.
struct Gains {
  float gradient_scale, gain1, gain2, beta2, epsilon, root_scale, decay, rate, average_gain;
  DEVICE Gains(const AdamWStep& s, double squared_norm)
      : gradient_scale(fminf(1, (float)s.clip_norm / (sqrtf((float)squared_norm) + 1e-6f))),
        gain1((float)(1 - s.beta1)), gain2((float)(1 - s.beta2)), beta2((float)s.beta2), epsilon((float)s.epsilon),
        root_scale(1 / sqrtf((float)s.correction2)), decay((float)(1 - s.learning_rate * s.weight_decay)),
        rate(-(float)s.learning_rate / (float)s.correction1), average_gain((float)(1 - s.average_decay)) {}
};

// As a step towards the value: an average that has arrived stays.
DEVICE float approach(float average, float value, float gain) { return fmaf(gain, value - average, average); }

// As CpuBackend.AdamW.
DEVICE float step(const Gains& a, float p, float gradient, float& m, float& v) {
  float g = gradient * a.gradient_scale;
  m = approach(m, g, a.gain1);
  v = fmaf(g * a.gain2, g, v * a.beta2);
  return fmaf(a.rate, m / fmaf(sqrtf(v), a.root_scale, a.epsilon), p * a.decay);
}

// In bf16 only: in f32 there is no second copy.
template <int N> DEVICE void store_rounded(REAL* p, const Pack<float, N>& value) {
  if constexpr (sizeof(REAL) < sizeof(float)) {
    Pack<REAL, N> rounded;
#pragma unroll
    for (int j = 0; j < N; j++) rounded[j] = from_float<REAL>(value[j]);
    *(Pack<REAL, N>*)p = rounded;
  }
}

template <int N> DEVICE void step(const AdamWArgs& a, const Gains& gains, i64 i) {
  typedef Pack<float, N> Floats;
  Pack<REAL, N> gradient = *(const Pack<REAL, N>*)(a.gradient + i);
  Floats p = *(const Floats*)(a.master + i), m = *(const Floats*)(a.moment1 + i), v = *(const Floats*)(a.moment2 + i);
#pragma unroll
  for (int j = 0; j < N; j++) p[j] = step(gains, p[j], to_float(gradient[j]), m[j], v[j]);
  *(Floats*)(a.moment1 + i) = m;
  *(Floats*)(a.moment2 + i) = v;
  *(Floats*)(a.master + i) = p;
  store_rounded(a.parameter + i, p);
  if (a.average == nullptr) return;
  Floats average = *(const Floats*)(a.average + i);
#pragma unroll
  for (int j = 0; j < N; j++) average[j] = approach(average[j], p[j], gains.average_gain);
  *(Floats*)(a.average + i) = average;
  store_rounded(a.average_copy + i, average);
}

// A gradient that is not finite moves nothing.
DEVICE void adamw_kernel(const AdamWArgs& a) {
  double squared_norm = *a.squared_norm;
  if (squared_norm - squared_norm != 0) return;
  Gains gains(*a.step, squared_norm);
  i64 i = 4 * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (a.pack == 4 && i + 4 <= a.count) return step<4>(a, gains, i);
  for (i64 end = smaller(i + 4, a.count); i < end; i++) step<1>(a, gains, i);
}

struct EmaArgs {
  REAL* average;
  const REAL* value;
  i64 count;
  float gain;
  i32 pack;  // wide<REAL> where both are aligned to 16 bytes, else 1
};

template <int N> DEVICE void ema(const EmaArgs& a, i64 i) {
  Pack<REAL, N> average = *(const Pack<REAL, N>*)(a.average + i), value = *(const Pack<REAL, N>*)(a.value + i);
#pragma unroll
  for (int j = 0; j < N; j++) average[j] = from_float<REAL>(approach(to_float(average[j]), to_float(value[j]), a.gain));
  *(Pack<REAL, N>*)(a.average + i) = average;
}

DEVICE void ema_kernel(const EmaArgs& a) {
  constexpr int N = wide<REAL>;
  i64 i = N * ((i64)blockIdx.x * blockDim.x + threadIdx.x);
  if (a.pack == N && i + N <= a.count) return ema<N>(a, i);
  for (i64 end = smaller(i + N, a.count); i < end; i++) ema<1>(a, i);
}

KERNEL(adamw_step, 256, AdamWArgs, adamw_kernel)
KERNEL(ema_step, 256, EmaArgs, ema_kernel)
