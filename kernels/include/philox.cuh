// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), number for number that of Primitives/Philox.cs.
#pragma once
#include "ptx.cuh"

struct PhiloxKey {
  u64 seed, stream;
};

// PhiloxKey.Child: a key of its own for part `index`, by two rounds of splitmix64.
DEVICE PhiloxKey child(PhiloxKey key, u64 index) {
  u64 x = key.stream + 0x9E3779B97F4A7C15ull * (index + 1);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return {key.seed, x ^ (x >> 31)};
}

struct PhiloxBlock {
  u32 word[4];
};

// The four words of block `counter` of a stream.
DEVICE PhiloxBlock philox(PhiloxKey key, u64 counter) {
  u32 x = (u32)counter, y = (u32)(counter >> 32), z = (u32)key.stream, w = (u32)(key.stream >> 32);
  u32 k0 = (u32)key.seed, k1 = (u32)(key.seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    u64 p0 = 0xD2511F53ull * x, p1 = 0xCD9E8D57ull * z;
    x = (u32)(p1 >> 32) ^ y ^ k0;
    z = (u32)(p0 >> 32) ^ w ^ k1;
    y = (u32)p1;
    w = (u32)p0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{x, y, z, w}};
}

// A word's number in [0, 1), with 24 bits: exact in float.
DEVICE float uniform(u32 word) { return (word >> 8) * (1.0f / (1 << 24)); }

// Cosine and sine of 2 pi n / 2^24, in double. The quarter turn nearest to n is taken off exactly; what is left lies within
// pi/4 of 0, where Taylor's terms to the 16th power are exact enough (the next is 3e-18). The library's sincos would bring a stack for its large angles.
DEVICE void cos_sin(u32 n, double& cos, double& sin) {
  u32 quarter = (n + (1 << 21)) >> 22;
  double r = (i32)(n - (quarter << 22)) * (6.283185307179586477 / (1 << 24)), s = r * r;
  double c = fma(s, 1 / 20922789888000.0, -1 / 87178291200.0);
  c = fma(s, c, 1 / 479001600.0);
  c = fma(s, c, -1 / 3628800.0);
  c = fma(s, c, 1 / 40320.0);
  c = fma(s, c, -1 / 720.0);
  c = fma(s, c, 1 / 24.0);
  c = fma(s, c, -0.5);
  c = fma(s, c, 1.0);
  double t = fma(s, 1 / 355687428096000.0, -1 / 1307674368000.0);
  t = fma(s, t, 1 / 6227020800.0);
  t = fma(s, t, -1 / 39916800.0);
  t = fma(s, t, 1 / 362880.0);
  t = fma(s, t, -1 / 5040.0);
  t = fma(s, t, 1 / 120.0);
  t = fma(s, t, -1 / 6.0);
  t = fma(s * r, t, r);
  // A quarter turn: (c, s) becomes (-s, c).
  double x = quarter & 1 ? -t : c, y = quarter & 1 ? c : t;
  cos = quarter & 2 ? -x : x;
  sin = quarter & 2 ? -y : y;
}

// Two standard normal numbers from two words, by Box and Muller, in double: 1 - u is in (0, 1], so that the logarithm is finite.
DEVICE void normal_pair(u32 first, u32 second, double& even, double& odd) {
  double radius = sqrt(-2 * log(1 - (first >> 8) * (1.0 / (1 << 24))));
  cos_sin(second >> 8, even, odd);
  even *= radius;
  odd *= radius;
}
