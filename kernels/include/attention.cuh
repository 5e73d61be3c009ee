// What attention and its gradient share beside tiles.
#pragma once
#include "turn.cuh"

// Exponentials of scores: powers of 2 in bf16, which are one instruction, and of e in float, where the factor would cost accuracy. LOG_E is the
// logarithm of e to that base.
constexpr float LOG_E = BF16_TIER ? 1.4426950408889634f : 1;
DEVICE float power(float x) { return BF16_TIER ? exp2_fast(x) : expf(x); }
DEVICE float infinite() { return as_float(0x7f800000); }
// A probability from a score and its row's logarithm of the sum, which it cannot exceed. Beyond 2^24 such a logarithm is rounded by more than
// exponents bear: lowered by what it may be off, the row's greatest score has a probability of 1.
DEVICE float probability(float score, float scale, float log_sum) { return power(smaller_or_nan(fmaf(score, scale, -log_sum), 0)); }
DEVICE float lowered(float log_sum) { return log_sum - (fabsf(log_sum) > 0x1p24f ? fabsf(log_sum) * 0x1p-22f : 0); }

// The part of a block of WARPS warps with ROWS rows each: TILE rows of one head from `first` on, of which its warp has those from `own` on.
template <int WARPS, int ROWS> struct Part {
  static constexpr int THREADS = 32 * WARPS, TILE = WARPS * ROWS;
  int head, b, h, first, own;  // head = b H + h
  // Heads one after the other, as the blocks that run at once then share their keys and values in the cache; in each the last rows first where
  // these see most, or have the most to be seen by.
  DEVICE Part(int rows, int heads, bool last_first) {
    int tiles = (int)ceil_div(rows, TILE), tile = blockIdx.x % tiles;
    head = blockIdx.x / tiles, b = head / heads, h = head % heads;
    first = (last_first ? tiles - 1 - tile : tile) * TILE;
    own = first + warp_id() * ROWS;
  }
  // The warp's rows of a tile.
  static DEVICE u8* mine(u8* tile) { return tile + warp_id() * ROWS * STRIDE; }
};

// Which keys a query sees: all, or, in causal blocks of n, those of its own block and of those before; the last query stands where the last key does.
struct Visible {
  i32 queries, keys, block;
  // How many keys a query sees, from the first on.
  DEVICE int keys_of(int query) const {
    int position = query + keys - queries;
    return block == 0 ? keys : position < 0 ? 0 : (int)smaller((u32)keys, (u32)(position / block + 1) * (u32)block);
  }
  // The first query that sees a key; all after it do as well.
  DEVICE int first_of(int key) const { return block == 0 ? 0 : larger(0, key / block * block - (keys - queries)); }

  // Scores of queries (rows, from `query` on) with keys (columns, from `key` on): minus infinity where the key is not seen, or is none.
  template <class Scores> DEVICE void hide_keys(Scores& s, int query, int key) const {
#pragma unroll
    for (int r = 0; r < Scores::HEIGHT; r++) {
      int seen = keys_of(query + Scores::row(r)) - key;
#pragma unroll
      for (int c = 0; c < Scores::BREADTH; c++)
        if (Scores::column(c) >= seen) s.at(r, c) = -infinite();
    }
  }
  // The same with keys as rows and queries as columns.
  template <class Scores> DEVICE void hide_queries(Scores& s, int key, int query) const {
#pragma unroll
    for (int r = 0; r < Scores::HEIGHT; r++) {
      int seeing = first_of(key + Scores::row(r)) - query;
#pragma unroll
      for (int c = 0; c < Scores::BREADTH; c++)
        if (Scores::column(c) < seeing) s.at(r, c) = -infinite();
    }
  }
};
