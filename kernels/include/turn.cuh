// Rotary positions on the way into attention and their gradient on the way out, with the numbers of rotary.cu, rounded as there.
#pragma once
#include "tile.cuh"

// The tables of one batch's tokens, float [N, E]; those of kernels that are not TURNED are never read.
template <bool TURNED> struct Angles {
  const float *cos, *sin;
  i64 cos_token, sin_token;
  i32 tokens, width;
  bool vector;
  DEVICE Angles(const Heads<const float>& c, const Heads<const float>& s, int b, int tokens, int width)
      : cos(c.of(b, 0)), sin(s.of(b, 0)), cos_token(c.token), sin_token(s.token), tokens(tokens), width(width), vector(c.vector && s.vector && width % GROUP == 0) {}
};

// Turns a group of a row of a tile by its cosines and sines: VECTOR, whole and in packs, else as far as the head's width goes.
template <bool VECTOR> DEVICE void turn_group(u8* group, const float* cos, const float* sin, int width) {
  constexpr int FLOATS = wide<float>;
  if constexpr (VECTOR) {
    Pack<u32, 4> x = *(const Pack<u32, 4>*)group;
#pragma unroll
    for (int i = 0; i < GROUP; i += FLOATS) {
      Pack<float, FLOATS> c = *(const Pack<float, FLOATS>*)(cos + i), s = *(const Pack<float, FLOATS>*)(sin + i);
#pragma unroll
      for (int j = 0; j < FLOATS; j += 2) {
        if constexpr (BF16_TIER) {
          u32& pair = x[(i + j) / 2];
          float even = as_float(pair << 16), odd = as_float(pair & 0xffff0000);
          turn<false>(even, odd, c[j], c[j + 1], s[j], s[j + 1]);
          pair = pack_bf16(even, odd);
        } else {
          float even = as_float(x[j]), odd = as_float(x[j + 1]);
          turn<false>(even, odd, c[j], c[j + 1], s[j], s[j + 1]);
          x[j] = as_bits(even), x[j + 1] = as_bits(odd);
        }
      }
    }
    *(Pack<u32, 4>*)group = x;
  } else {
    REAL* x = (REAL*)group;
#pragma unroll 1
    for (int i = 0; i < GROUP && i < width; i += 2) {
      float even = to_float(x[i]), odd = to_float(x[i + 1]);
      turn<false>(even, odd, cos[i], cos[i + 1], sin[i], sin[i + 1]);
      x[i] = from_float<REAL>(even), x[i + 1] = from_float<REAL>(odd);
    }
  }
}

template <int THREADS, int ROWS, bool VECTOR> DEVICE void turn_own(u8* tile, const Angles<true>& angles, int first) {
  constexpr int ACROSS = across(GROUPS), DOWN = THREADS / ACROSS;
  int row = threadIdx.x / ACROSS, group = threadIdx.x % ACROSS, rows = smaller(ROWS, angles.tokens - first);
  const float *cos = angles.cos + (first + row) * angles.cos_token + group * GROUP, *sin = angles.sin + (first + row) * angles.sin_token + group * GROUP;
  u8* own = tile + row * STRIDE + group * 16;
#pragma unroll 1
  for (; row < rows; row += DOWN, own += DOWN * STRIDE, cos += DOWN * angles.cos_token, sin += DOWN * angles.sin_token)
#pragma unroll
    for (int g = 0; g < GROUPS; g += ACROSS) {
      int width = angles.width - (group + g) * GROUP;
      if (width > 0) turn_group<VECTOR>(own + g * 16, cos + g * GROUP, sin + g * GROUP, width);
    }
}

// Turns a tile that load_rows has brought, from token `first` on: after this thread's copies have landed, and before the block's barrier. A
// thread turns what it has copied itself; what came element by element (not `copied`), others have brought.
template <int THREADS, int ROWS, bool TURNED> DEVICE void turn_rows(u8* tile, const Angles<TURNED>& angles, bool copied, int first) {
  if constexpr (TURNED) {
    if (!copied) sync_block();
    angles.vector ? turn_own<THREADS, ROWS, true>(tile, angles, first) : turn_own<THREADS, ROWS, false>(tile, angles, first);
  }
}

// Turns a warp's sums [ROWS, E], from token `first` on, back: the transpose.
template <class T, int ROWS, bool TURNED> DEVICE void turn_back(Block<T, ROWS, OUTPUTS>& x, const Angles<TURNED>& angles, int first) {
  if constexpr (TURNED) {
    constexpr int RUN = Block<T, ROWS, OUTPUTS>::RUN;
#pragma unroll
    for (int r = 0; r < x.HEIGHT; r++) {
      int token = first + x.row(r);
      const float *cos = angles.cos + token * angles.cos_token, *sin = angles.sin + token * angles.sin_token;
#pragma unroll
      for (int j = 0; j < x.BREADTH; j += RUN) {
        int column = x.column(j);
        bool inside = token < angles.tokens && column < angles.width;
        if constexpr (RUN == 2) {
          if (inside) turn<true>(x.at(r, j), x.at(r, j + 1), cos[column], cos[column + 1], sin[column], sin[column + 1]);
        } else {
          float other = shuffle_xor(x.at(r, j), 1);
          if (inside) x.at(r, j) = fmaf(x.at(r, j), cos[column], other * (column % 2 ? -sin[column - 1] : sin[column + 1]));
        }
      }
    }
  }
}
