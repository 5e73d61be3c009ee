// What attention computes with: rows of a head in shared memory, blocks of sums in a warp's registers, and the two products that lead
// from one to the other. Bf16 runs on tensor cores (mma), float on fused multiply-adds; attention is written once for both. Rows are padded
// here where mma.cuh lets chunks change places: a lane's addresses then differ by constants, which leaves the registers to the sums.
#pragma once
#include "heads.cuh"

constexpr int GROUP = wide<REAL>;                      // elements in 16 bytes
constexpr int DEPTH = (int)ceil_div(WIDTH, 16) * 16;   // elements of a row in shared memory; zeros from the head's width on
constexpr int GROUPS = DEPTH / GROUP;
constexpr int STRIDE = DEPTH * (int)sizeof(REAL) + 16; // bytes from row to row: an odd number of 16, so that 8 rows meet all banks once
constexpr int OUTPUTS = BF16_TIER ? WIDTH : DEPTH;          // columns of a block as wide as the head

// How many threads share a row of so many groups.
constexpr int across(int groups) { return groups % 8 == 0 ? 8 : groups % 4 == 0 ? 4 : 2; }

// Starts to copy ROWS rows of a head, from `first` on, into a tile, with zeros for rows from `count` on and columns from `width` on; WHOLE
// promises that there are none. Threads share rows so that a warp reads whole lines and a thread's addresses differ by constants.
template <int THREADS, int ROWS, bool WHOLE>
DEVICE void copy_rows(u8* tile, const REAL* head, i64 token, int first, int count, int width) {
  constexpr int ACROSS = across(GROUPS), DOWN = THREADS / ACROSS;
  static_assert(ROWS % DOWN == 0, "each thread copies equally many groups");
  int row = threadIdx.x / ACROSS, group = threadIdx.x % ACROSS;
  const REAL* from = head + ((first + row) * token + group * GROUP);
  u32 to = shared_address(tile + row * STRIDE + group * 16);
#pragma unroll
  for (int r = 0; r < ROWS; r += DOWN, from += DOWN * token)
#pragma unroll
    for (int g = 0; g < GROUPS; g += ACROSS) {
      u32 place = to + r * STRIDE + g * 16;
      bool inside = first + row + r < count && (group + g) * GROUP < width;
      if constexpr (WHOLE)
        copy_async16(place, from + g * GROUP);
      else
        copy_async16(place, inside ? from + g * GROUP : head, inside ? 16 : 0);
    }
}

template <int THREADS, int ROWS> DEVICE void load_rows(u8* tile, const Heads<const REAL>& x, const REAL* head, int first, int count, int width) {
  if (x.vector) {
    if (first + ROWS <= count && width == DEPTH)
      copy_rows<THREADS, ROWS, true>(tile, head, x.token, first, count, width);
    else
      copy_rows<THREADS, ROWS, false>(tile, head, x.token, first, count, width);
  } else {
#pragma unroll 1
    for (int at = threadIdx.x; at < ROWS * DEPTH; at += THREADS) {
      int row = at / DEPTH, column = at % DEPTH;
      bool inside = first + row < count && column < width;
      ((REAL*)(tile + row * STRIDE))[column] = inside ? head[(first + row) * x.token + column] : from_float<REAL>(0);
    }
  }
}

// A warp's block [ROWS, COLUMNS] of sums. A lane has HEIGHT rows of it and in each BREADTH numbers, RUN of them neighbours; LANES lanes share
// these rows.
template <class T, int ROWS, int COLUMNS> struct Block;

// As mma leaves it.
template <int ROWS, int COLUMNS> struct Block<bf16, ROWS, COLUMNS> {
  static constexpr int HEIGHT = ROWS / 8, BREADTH = COLUMNS / 4, LANES = 4, RUN = 2;
  float v[ROWS / 16][COLUMNS / 8][4];
  DEVICE float& at(int r, int c) { return v[r / 2][c / 2][r % 2 * 2 + c % 2]; }
  static DEVICE int row(int r) { return r * 8 + lane_id() / 4; }
  static DEVICE int column(int c) { return c / 2 * 8 + lane_id() % 4 * 2 + c % 2; }
};

template <int ROWS, int COLUMNS> struct Block<float, ROWS, COLUMNS> {
  static constexpr int HEIGHT = ROWS / 2, BREADTH = COLUMNS / 16, LANES = 16, RUN = 1;
  float v[HEIGHT][BREADTH];
  DEVICE float& at(int r, int c) { return v[r][c]; }
  static DEVICE int row(int r) { return r * 2 + lane_id() / 16; }
  static DEVICE int column(int c) { return c * 16 + lane_id() % 16; }
};

// The sum (the largest) over the lanes that share a row.
template <int LANES> DEVICE float row_sum(float x) {
#pragma unroll
  for (int mask = LANES / 2; mask > 0; mask >>= 1) x += shuffle_xor(x, mask);
  return x;
}
template <int LANES> DEVICE float row_max(float x) {
#pragma unroll
  for (int mask = LANES / 2; mask > 0; mask >>= 1) x = fmaxf(x, shuffle_xor(x, mask));
  return x;
}

// The inner product of two rows of tiles, in each of the LANES lanes that share the row.
template <int LANES> DEVICE float row_dot(const u8* a, const u8* b) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < DEPTH; i += LANES) {
    int at = i + lane_id() % LANES;
    sum = fmaf(to_float(((const REAL*)a)[at]), to_float(((const REAL*)b)[at]), sum);
  }
  return row_sum<LANES>(sum);
}

template <class T, int ROWS, int COLUMNS> DEVICE void scale_row(Block<T, ROWS, COLUMNS>& x, int r, float factor) {
#pragma unroll
  for (int c = 0; c < x.BREADTH; c++) x.at(r, c) *= factor;
}

// Writes a warp's block to the rows of a head from `first` on, as far as there are `count`, by way of rows of a tile that no other warp uses.
template <class T, int ROWS> DEVICE void store(u8* tile, Block<T, ROWS, OUTPUTS>& x, const Heads<T>& to, T* head, int first, int count, int width) {
  constexpr int RUN = Block<T, ROWS, OUTPUTS>::RUN;
#pragma unroll
  for (int r = 0; r < x.HEIGHT; r++)
#pragma unroll
    for (int c = 0; c < x.BREADTH; c += RUN) {
      Pack<T, RUN> run;
#pragma unroll
      for (int i = 0; i < RUN; i++) run[i] = from_float<T>(x.at(r, c + i));
      *(Pack<T, RUN>*)((T*)(tile + x.row(r) * STRIDE) + x.column(c)) = run;
    }
  sync_warp();
  int step = to.vector ? GROUP : 1, steps = width / step, rows = smaller(ROWS, count - first);
#pragma unroll 1
  for (int at = lane_id(); at < rows * steps; at += 32) {
    int row = at / steps, column = at % steps * step;
    const T* from = (const T*)(tile + row * STRIDE) + column;
    T* p = head + (first + row) * to.token + column;
    if (to.vector)
      *(Pack<T, GROUP>*)p = *(const Pack<T, GROUP>*)from;
    else
      *p = *from;
  }
}

// The left side of a product over the head's width: a warp's ROWS rows of a tile, kept in registers where the head leaves room for them.
template <class T, int ROWS> struct Left;

template <int ROWS> struct Left<bf16, ROWS> {
  static constexpr bool KEPT = WIDTH <= 64;
  u32 address;
  u32 kept[KEPT ? DEPTH / 16 : 1][ROWS / 16][4];
  DEVICE explicit Left(const u8* rows) : address(shared_address(rows + lane_id() % 16 * STRIDE + lane_id() / 16 * 16)) {
#pragma unroll
    for (int k = 0; KEPT && k < DEPTH / 16; k++)
#pragma unroll
      for (int m = 0; m < ROWS / 16; m++) ldmatrix(kept[k][m], address + m * 16 * STRIDE + k * 32);
  }
  DEVICE void get(u32 (&a)[4], int m, int k) const {
    if constexpr (KEPT)
      for (int i = 0; i < 4; i++) a[i] = kept[k][m][i];
    else
      ldmatrix(a, address + m * 16 * STRIDE + k * 32);
  }
};

template <int ROWS> struct Left<float, ROWS> {
  const u8* rows;
  DEVICE explicit Left(const u8* rows) : rows(rows) {}
};

// left rightᵀ: [ROWS, E] times the transpose of a tile [COLUMNS, E].
template <int ROWS, int COLUMNS> DEVICE void multiply_transposed(Block<bf16, ROWS, COLUMNS>& sum, const Left<bf16, ROWS>& left, const u8* right) {
  u32 address = shared_address(right + (lane_id() % 8 + lane_id() / 16 * 8) * STRIDE + lane_id() / 8 % 2 * 16);
#pragma unroll
  for (int k = 0; k < DEPTH / 16; k++) {
    u32 a[ROWS / 16][4], b[4];
#pragma unroll
    for (int m = 0; m < ROWS / 16; m++) left.get(a[m], m, k);
#pragma unroll
    for (int n = 0; n < COLUMNS / 16; n++) {
      ldmatrix(b, address + n * 16 * STRIDE + k * 32);
#pragma unroll
      for (int m = 0; m < ROWS / 16; m++) {
        mma(sum.v[m][2 * n], a[m], b[0], b[1]);
        mma(sum.v[m][2 * n + 1], a[m], b[2], b[3]);
      }
    }
  }
}
template <int ROWS, int COLUMNS> DEVICE void multiply_transposed(Block<float, ROWS, COLUMNS>& sum, const Left<float, ROWS>& left, const u8* right) {
  typedef Pack<float, 4> Four;
#pragma unroll 4
  for (int k = 0; k < WIDTH; k += 4) {
    Four b[COLUMNS / 16];
#pragma unroll
    for (int c = 0; c < sum.BREADTH; c++) b[c] = *(const Four*)(right + sum.column(c) * STRIDE + k * 4);
#pragma unroll
    for (int r = 0; r < sum.HEIGHT; r++) {
      Four a = *(const Four*)(left.rows + sum.row(r) * STRIDE + k * 4);
#pragma unroll
      for (int c = 0; c < sum.BREADTH; c++)
#pragma unroll
        for (int i = 0; i < 4; i++) sum.at(r, c) = fmaf(a[i], b[c][i], sum.at(r, c));
    }
  }
}

// Bytes of shared memory a warp needs for `multiply`: a float's lanes exchange the left block there, a bf16's hold what they need.
constexpr int exchange(int rows, int columns) { return BF16_TIER ? 0 : rows * (columns + 4) * 4; }

// sum += left right: a block [ROWS, COLUMNS] times a tile [COLUMNS, E].
template <int ROWS, int COLUMNS>
DEVICE void multiply(Block<bf16, ROWS, OUTPUTS>& sum, Block<bf16, ROWS, COLUMNS>& left, const u8* right, u8*) {
  u32 address = shared_address(right + lane_id() % 16 * STRIDE + lane_id() / 16 * 16);
#pragma unroll
  for (int k = 0; k < COLUMNS / 16; k++) {
    u32 a[ROWS / 16][4], b[4];
#pragma unroll
    for (int m = 0; m < ROWS / 16; m++)
#pragma unroll
      for (int i = 0; i < 4; i++) a[m][i] = pack_bf16(left.v[m][2 * k + i / 2][i % 2 * 2], left.v[m][2 * k + i / 2][i % 2 * 2 + 1]);
#pragma unroll
    for (int n = 0; n < OUTPUTS / 8; n += 2) {
      ldmatrix_transposed(b, address + k * 16 * STRIDE + n * 16);
#pragma unroll
      for (int m = 0; m < ROWS / 16; m++) {
        mma(sum.v[m][n], a[m], b[0], b[1]);
        if (n + 1 < OUTPUTS / 8) mma(sum.v[m][n + 1], a[m], b[2], b[3]);
      }
    }
  }
}
template <int ROWS, int COLUMNS>
DEVICE void multiply(Block<float, ROWS, OUTPUTS>& sum, Block<float, ROWS, COLUMNS>& left, const u8* right, u8* exchanged) {
  typedef Pack<float, 4> Four;
  float* p = (float*)exchanged;
  sync_warp();
#pragma unroll
  for (int r = 0; r < left.HEIGHT; r++)
#pragma unroll
    for (int c = 0; c < left.BREADTH; c++) p[left.row(r) * (COLUMNS + 4) + left.column(c)] = left.at(r, c);
  sync_warp();
#pragma unroll 2
  for (int k = 0; k < COLUMNS; k += 4) {
    Four a[ROWS / 2];
#pragma unroll
    for (int r = 0; r < sum.HEIGHT; r++) a[r] = *(const Four*)(p + sum.row(r) * (COLUMNS + 4) + k);
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int c = 0; c < sum.BREADTH; c++) {
        float b = ((const float*)(right + (k + i) * STRIDE))[sum.column(c)];
#pragma unroll
        for (int r = 0; r < sum.HEIGHT; r++) sum.at(r, c) = fmaf(a[r][i], b, sum.at(r, c));
      }
  }
}
