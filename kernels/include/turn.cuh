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
      : cos(c.of(b, 0)), sin(s.of(b, 0)), cos_token(c.token), sin_token(s.token), tokens(tokens), width(width), vector(c.vector && s.vector) {}
};

// Turns the group of a row of a tile that begins at `column`, in front of its cosines and sines.
DEVICE void turn_group(u8* group, const float* cos, const float* sin, int column, const Angles<true>& angles) {
  constexpr int FLOATS = wide<float>;
  Pack<REAL, GROUP> x = *(const Pack<REAL, GROUP>*)group;
#pragma unroll
  for (int i = 0; i < GROUP; i += FLOATS) {
    Pack<float, FLOATS> c = {}, s = {};
    if (angles.vector) {
      c = *(const Pack<float, FLOATS>*)(cos + i), s = *(const Pack<float, FLOATS>*)(sin + i);
    } else {
#pragma unroll
      for (int j = 0; j < FLOATS; j++)
        if (column + i + j < angles.width) c[j] = cos[i + j], s[j] = sin[i + j];
    }
#pragma unroll
    for (int j = 0; j < FLOATS; j += 2) {
      float even = to_float(x[i + j]), odd = to_float(x[i + j + 1]);
      turn<false>(even, odd, c[j], c[j + 1], s[j], s[j + 1]);
      x[i + j] = from_float<REAL>(even), x[i + j + 1] = from_float<REAL>(odd);
    }
  }
  *(Pack<REAL, GROUP>*)group = x;
}

// Turns a tile that load_rows has brought, from token `first` on: after this thread's copies have landed, and before the block's barrier. A
// thread turns what it has copied itself; what came element by element (not `copied`), others have brought.
template <int THREADS, int ROWS, bool TURNED> DEVICE void turn_rows(u8* tile, const Angles<TURNED>& angles, bool copied, int first) {
  if constexpr (TURNED) {
    constexpr int ACROSS = across(GROUPS), DOWN = THREADS / ACROSS;
    int row = threadIdx.x / ACROSS, group = threadIdx.x % ACROSS;
    if (!copied) sync_block();
#pragma unroll 1
    for (int r = row; r < ROWS && first + r < angles.tokens; r += DOWN) {
      const float *cos = angles.cos + (first + r) * angles.cos_token, *sin = angles.sin + (first + r) * angles.sin_token;
#pragma unroll
      for (int g = group; g < GROUPS; g += ACROSS) {
        int column = g * GROUP;
        if (column < angles.width) turn_group(tile + r * STRIDE + g * 16, cos + column, sin + column, column, angles);
      }
    }
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
