// Tiles of bf16 matrices in shared memory: how they are copied there and how a warp takes the operands of mma from them. A tile lies as
// the matrix does in memory; which way round it is read is decided when it is read, so no matrix is ever transposed.
#pragma once
#include "reduce.cuh"

// Bytes from a tile's start to a chunk of 16 bytes, where a row has CHUNKS of them. Chunks change places within a row so that the same
// chunk of eight neighbouring rows, which ldmatrix reads at once, lies in eight different quarters of 32 banks. It holds for every CHUNKS.
template <int CHUNKS> DEVICE u32 chunk_offset(u32 row, u32 chunk) {
  constexpr u32 places = CHUNKS % 8 == 0 ? 8 : CHUNKS % 4 == 0 ? 4 : CHUNKS % 2 == 0 ? 2 : 1;
  return (row * CHUNKS + (chunk ^ row / (8 / places) % places)) * 16;
}

// Starts to copy a tile of ROWS rows of CHUNKS chunks from a matrix whose rows are `stride` elements apart, by all THREADS of the block.
// It holds `rows` rows of `columns` elements from `from` on; what lies beyond becomes 0. Rows begin at multiples of 16 bytes.
template <int ROWS, int CHUNKS, int THREADS> DEVICE void copy_tile(u32 tile, const bf16* from, i64 stride, i32 rows, i32 columns) {
  constexpr int together = THREADS / CHUNKS;
  const i32 row = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS;
  if (THREADS % CHUNKS != 0 && row >= together) return;
  const bf16* p = from + (row * stride + chunk * 8);
  const u32 first = tile + chunk_offset<CHUNKS>(row, chunk);
  auto to = [&](int i) { return together % 8 == 0 ? first + i * CHUNKS * 16 : tile + chunk_offset<CHUNKS>(row + i, chunk); };
  if (rows >= ROWS && columns >= 8 * CHUNKS) {
    // One of 16 bytes takes three instructions, one of fewer thirteen.
#pragma unroll
    for (int i = 0; i < ROWS; i += together, p += together * stride)
      if (ROWS % together == 0 || row + i < ROWS) copy_async16(to(i), p);
  } else {
    const i32 held = 2 * larger(smaller(columns - 8 * chunk, 8), 0);
#pragma unroll 1  // else both ways are carried out, one in vain
    for (int i = 0; row + i < ROWS; i += together, p += together * stride) {
      const i32 bytes = row + i < rows ? held : 0;
      copy_async16(to(i), bytes > 0 ? p : from, bytes);
    }
  }
}

// Bytes from a tile's start to what a lane names of a fragment: rows from a multiple of 8 on change no places, so that they are an offset
// which the instruction adds.
template <int CHUNKS> DEVICE u32 fragment_offset(u32 row, u32 lane_row, u32 chunk) {
  return row * CHUNKS * 16 + chunk_offset<CHUNKS>(lane_row, chunk);
}

// The left operand of mma, rows m.. and columns k.. (multiples of 16), from a tile whose rows run along k (it lies as [m][k]) or, if not,
// along m (as [k][m]).
template <bool ALONG_K, int CHUNKS> DEVICE void load_left(u32 (&a)[4], u32 tile, u32 m, u32 k) {
  const u32 lane = lane_id();
  if constexpr (ALONG_K) ldmatrix(a, tile + fragment_offset<CHUNKS>(m, lane % 16, k / 8 ^ lane / 16));
  else ldmatrix_transposed(a, tile + fragment_offset<CHUNKS>(k, lane / 16 * 8 + lane % 8, m / 8 ^ lane / 8 % 2));
}

// The right operands of two mma, rows k.. and columns n.. (multiples of 16): b[0], b[1] of the first eight columns and b[2], b[3] of the
// second, from a tile whose rows run along k (it lies as [n][k]) or, if not, along n (as [k][n]).
template <bool ALONG_K, int CHUNKS> DEVICE void load_right(u32 (&b)[4], u32 tile, u32 n, u32 k) {
  const u32 lane = lane_id();
  if constexpr (ALONG_K) ldmatrix(b, tile + fragment_offset<CHUNKS>(n, lane / 16 * 8 + lane % 8, k / 8 ^ lane / 8 % 2));
  else ldmatrix_transposed(b, tile + fragment_offset<CHUNKS>(k, lane % 16, n / 8 ^ lane / 16));
}

// Of the sums c of mma this lane holds c[0], c[1] at (sum_row, sum_column) and the column after, c[2], c[3] eight rows below.
DEVICE int sum_row() { return lane_id() / 4; }
DEVICE int sum_column() { return lane_id() % 4 * 2; }
