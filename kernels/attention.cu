// Flash attention: dst [B, Nq, H, E] = softmax(scale q kT) v for each batch and head, and lse [B, H, Nq], the logarithm of each row's sum of
// exponentials (Dao, FlashAttention-2, arXiv 2307.08691, algorithm 1). Called by CudaBackend.Attention. scale > 0.
//
// A block has the queries of a tile and walks over the keys they see, one step of keys and values in shared memory while the next is on its
// way. A warp's scores stay in its registers, where they are the left operand of the second product.
//
// Work is 4 Nq Nk E FLOP of what is seen, memory 2 (Nq + Nk) E numbers: from some hundred keys on the products bound it, below the memory. In
// bf16 at E = 64 a warp's step of 32 x 64 scores takes about 690 instructions, 128 of them mma; at the 2540 FLOP a clock that an H200's
// multiprocessor does in mma.sync these need 826 clocks of a quarter, so neither pipe may wait for the other. A warp has 32 rows, not 16,
// so that an operand from shared memory serves two mma: at one each, 128 bytes a clock would feed four fifths of them. On an H200, bf16 at
// E = 64: 259 TFLOP/s at 2048 tokens, 329 at 16384, 45 % of its largest product.
//
//   tier, E       queries x keys a step   shared KiB    registers (sm_90)
//   bf16 24..32   128 x 64                30            187
//        64       128 x 64                54            249
//        80       128 x 64                66            234
//        88       128 x 32                52            205
//        128      128 x 32                68            252
//   f32  24..64   64 x 32                 36..60        168
//        80..88   64 x 32                 72..84        168
//        128      32 x 32                 87            168
//   short (<= 16 queries): 16 x 16, one warp, 6..43 KiB, 84..246 registers
//
// Turned by rotary positions, a step in bf16 at E = 64 takes about 200 instructions more a warp, and the same registers: each tile of queries turns
// all the keys it sees again. A pass of its own reads and writes them once instead, so with many tiles of queries it may be the faster way.
#include "attention.cuh"

struct AttentionArgs {
  Heads<const REAL> q, k, v;
  Heads<REAL> dst;
  Heads<const float> cos, sin;  // [B, N, E], the head's stride is 0: of TURNED kernels, whose queries stand where the keys do
  float* lse;                   // [B, H, Nq]
  i32 heads, queries, keys, width, causal_block;
  float scale;
};

template <int WARPS, int ROWS, int KEYS, bool TURNED> DEVICE void attention(const AttentionArgs& a) {
  typedef Part<WARPS, ROWS> Part;
  typedef Block<REAL, ROWS, KEYS> Scores;
  constexpr int STEP = KEYS * STRIDE;

  Part part(a.queries, a.heads, true);
  const REAL *k = a.k.of(part.b, part.h), *v = a.v.of(part.b, part.h);
  Angles<TURNED> angles(a.cos, a.sin, part.b, a.keys, a.width);
  Visible visible{a.queries, a.keys, a.causal_block};
  // Keys that each query of the tile sees, and keys that any of them does.
  int whole = visible.keys_of(part.first), some = visible.keys_of(smaller(part.first + Part::TILE, a.queries) - 1);

  u8 *queries = shared_memory(), *keys = queries + Part::TILE * STRIDE, *values = keys + 2 * STEP;
  u8* exchanged = values + 2 * STEP + warp_id() * exchange(ROWS, KEYS);
  auto load = [&](int at, int stage) {
    load_rows<Part::THREADS, KEYS>(keys + stage * STEP, a.k, k, at, a.keys, a.width);
    load_rows<Part::THREADS, KEYS>(values + stage * STEP, a.v, v, at, a.keys, a.width);
    copy_async_commit();
  };
  auto land = [&](int at, int stage) {
    copy_async_wait<0>();
    if (at < some) turn_rows<Part::THREADS, KEYS>(keys + stage * STEP, angles, a.k.vector, at);
  };
  load_rows<Part::THREADS, Part::TILE>(queries, a.q, a.q.of(part.b, part.h), part.first, a.queries, a.width);
  load(0, 0);
  land(0, 0);
  turn_rows<Part::THREADS, Part::TILE>(queries, angles, a.q.vector, part.first);
  sync_block();

  Left<REAL, ROWS> q(Part::mine(queries));
  Block<REAL, ROWS, OUTPUTS> sum = {};
  // The greatest score of each row as the product gave it: the difference from it is scaled, not either of them. Scaled before, scores of 1e10
  // are rounded by hundreds, and their exponentials are infinite. While it stays, all that was summed is kept exactly.
  float most[Scores::HEIGHT], total[Scores::HEIGHT], scale = a.scale * LOG_E;
#pragma unroll
  for (int r = 0; r < Scores::HEIGHT; r++) most[r] = -infinite(), total[r] = 0;

  for (int at = 0, stage = 0; at < some; at += KEYS, stage ^= 1) {
    if (at + KEYS < some) load(at + KEYS, stage ^ 1);
    if (part.own < a.queries) {
      Scores s = {};
      multiply_transposed(s, q, keys + stage * STEP);
      if (at + KEYS > whole) visible.hide_keys(s, part.own, at);
#pragma unroll
      for (int r = 0; r < Scores::HEIGHT; r++) {
        float top = -infinite(), part_of_total = 0;
#pragma unroll
        for (int c = 0; c < Scores::BREADTH; c++) top = fmaxf(top, s.at(r, c));
        top = fmaxf(most[r], row_max<Scores::LANES>(top));
        float shift = top == -infinite() ? 0 : top, keep = power((most[r] - shift) * scale);
#pragma unroll
        for (int c = 0; c < Scores::BREADTH; c++) part_of_total += s.at(r, c) = power((s.at(r, c) - shift) * scale);
        most[r] = top;
        total[r] = fmaf(total[r], keep, part_of_total);
        scale_row(sum, r, keep);
      }
      multiply(sum, s, values + stage * STEP, exchanged);
    }
    land(at + KEYS, stage ^ 1);
    sync_block();
  }

  float* lse = a.lse + (i64)part.head * a.queries;
#pragma unroll
  for (int r = 0; r < Scores::HEIGHT; r++) {
    int query = part.own + Scores::row(r);
    float exponentials = row_sum<Scores::LANES>(total[r]);
    if (lane_id() % Scores::LANES == 0 && query < a.queries) lse[query] = most[r] * a.scale + logf(exponentials);
    scale_row(sum, r, exponentials > 0 ? 1 / exponentials : 0);
  }
  store(Part::mine(queries), sum, a.dst, a.dst.of(part.b, part.h), part.own, a.queries, a.width);
}

constexpr int ROWS = BF16_TIER ? 32 : WIDTH <= 88 ? 16 : 8, KEYS = BF16_TIER && WIDTH <= 80 ? 64 : 32;
KERNEL_RESIDENT(attention_forward, 128, 2, AttentionArgs, attention<4, ROWS, KEYS, false>)
KERNEL_RESIDENT(attention_forward_turned, 128, 2, AttentionArgs, attention<4, ROWS, KEYS, true>)
// For 16 queries or fewer, as a predictor of a few frames has them: a warp a head.
KERNEL_RESIDENT(attention_forward_short, 32, 8, AttentionArgs, attention<1, 16, 16, false>)
KERNEL_RESIDENT(attention_forward_turned_short, 32, 8, AttentionArgs, attention<1, 16, 16, true>)
