// The gradient of attention: dq, dk, dv from y, lse and dy. With P = exp(scale q kT - lse): dv = PT dy, dP = dy vT,
// dS = P (dP - rowsum(dy y)), dq = scale dS k, dk = scale dST q (Dao et al., arXiv 2205.14135, appendix B.2). Called by
// CudaBackend.AttentionGrad, first the queries' kernel, which leaves rowsum(dy y), then the keys'.
//
// Two passes over the scores, 3 + 4 products of 2 Nq Nk E FLOP, where one pass with dq gathered across the blocks of keys needs 5. It is the
// price of one order of summation without partial sums of dq: at 2048 tokens and E = 64 those of 16 blocks of keys are 8.4 MB a head, written
// and read in some 4 us, which is what the two products cost at 300 TFLOP/s. Both passes keep scores and what comes of them in registers.
// The products bound it as in attention.cu. On an H200, bf16 at E = 64: 188 TFLOP/s at 2048 tokens, 214 at 16384.
//
//   tier, E       rows x columns a step   shared KiB of queries', keys'   registers (sm_90) of queries', keys'
//   bf16 24..32   64 x 64                 35, 31                          147, 168
//        64       64 x 64                 63, 55                          194, 226
//        80       64 x 64                 77, 67                          182, 225
//        88       64 x 32                 65, 52                          148, 196
//        128      64 x 32                 85, 68                          170, 243
//   f32  24..64   64 x 32                 54..94, 46..78                  168, 250
//        80..88   32 x 32                 78..92, 68..80                  166, 164
//        128      32 x 16                 85, 69                          157, 240
//   short (<= 16 rows): 16 x 16, one warp, 255 registers at most
#include "attention.cuh"

struct AttentionGradArgs {
  Heads<const REAL> q, k, v, y, dy;
  Heads<REAL> dq, dk, dv;
  Heads<const float> cos, sin;  // as attention.cu has them
  const float* lse;   // [B, H, Nq]
  float* statistics;  // [B, H, Nq, 2]: LOG_E lse, lowered, and rowsum(dy y)
  i32 heads, queries, keys, width, causal_block;
  float scale;
};

// dq of a tile of queries, over steps of the keys they see; leaves their statistics for keys_grad.
template <int WARPS, int ROWS, int KEYS, bool TURNED> DEVICE void queries_grad(const AttentionGradArgs& a) {
  typedef Part<WARPS, ROWS> Part;
  typedef Block<REAL, ROWS, KEYS> Scores;
  constexpr int TILE = Part::TILE * STRIDE, STEP = KEYS * STRIDE;

  Part part(a.queries, a.heads, true);
  const REAL *k = a.k.of(part.b, part.h), *v = a.v.of(part.b, part.h);
  Angles<TURNED> angles(a.cos, a.sin, part.b, a.keys, a.width);
  Visible visible{a.queries, a.keys, a.causal_block};
  int whole = visible.keys_of(part.first), some = visible.keys_of(smaller(part.first + Part::TILE, a.queries) - 1);

  u8 *queries = shared_memory(), *upstreams = queries + TILE, *outputs = upstreams + TILE, *keys = outputs + TILE, *values = keys + 2 * STEP;
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
  load_rows<Part::THREADS, Part::TILE>(upstreams, a.dy, a.dy.of(part.b, part.h), part.first, a.queries, a.width);
  load_rows<Part::THREADS, Part::TILE>(outputs, a.y, a.y.of(part.b, part.h), part.first, a.queries, a.width);
  load(0, 0);
  land(0, 0);
  turn_rows<Part::THREADS, Part::TILE>(queries, angles, a.q.vector, part.first);
  sync_block();

  Left<REAL, ROWS> q(Part::mine(queries)), dy(Part::mine(upstreams));
  float scale = a.scale * LOG_E, log_sum[Scores::HEIGHT], mean[Scores::HEIGHT];
#pragma unroll
  for (int r = 0; r < Scores::HEIGHT; r++) {
    int row = Scores::row(r);
    i64 query = (i64)part.head * a.queries + part.own + row;
    bool inside = part.own + row < a.queries;
    float lse = inside ? a.lse[query] : 0;
    log_sum[r] = lse > -infinite() ? lowered(lse * LOG_E) : 0;
    mean[r] = row_dot<Scores::LANES>(Part::mine(upstreams) + row * STRIDE, Part::mine(outputs) + row * STRIDE);
    if (inside && lane_id() % Scores::LANES == 0) *(Pack<float, 2>*)(a.statistics + 2 * query) = {log_sum[r], mean[r]};
  }

  Block<REAL, ROWS, OUTPUTS> dq = {};
  for (int at = 0, stage = 0; at < some; at += KEYS, stage ^= 1) {
    if (at + KEYS < some) load(at + KEYS, stage ^ 1);
    if (part.own < a.queries) {
      Scores s = {}, d = {};
      multiply_transposed(s, q, keys + stage * STEP);
      if (at + KEYS > whole) visible.hide_keys(s, part.own, at);
      multiply_transposed(d, dy, values + stage * STEP);
#pragma unroll
      for (int r = 0; r < Scores::HEIGHT; r++)
#pragma unroll
        for (int c = 0; c < Scores::BREADTH; c++) s.at(r, c) = probability(s.at(r, c), scale, log_sum[r]) * (d.at(r, c) - mean[r]);
      multiply(dq, s, keys + stage * STEP, exchanged);
    }
    land(at + KEYS, stage ^ 1);
    sync_block();
  }
#pragma unroll
  for (int r = 0; r < Scores::HEIGHT; r++) scale_row(dq, r, a.scale);
  turn_back(dq, angles, part.own);
  store(Part::mine(queries), dq, a.dq, a.dq.of(part.b, part.h), part.own, a.queries, a.width);
}

// dk and dv of a tile of keys, over steps of the queries that see them. Everything is transposed against queries_grad, so that the tile's rows
// are the left operands again.
template <int WARPS, int ROWS, int QUERIES, bool TURNED> DEVICE void keys_grad(const AttentionGradArgs& a) {
  typedef Part<WARPS, ROWS> Part;
  typedef Block<REAL, ROWS, QUERIES> Scores;
  typedef Pack<float, 2> Statistics;
  constexpr int TILE = Part::TILE * STRIDE, STEP = QUERIES * STRIDE;

  Part part(a.keys, a.heads, false);
  const REAL *q = a.q.of(part.b, part.h), *dy = a.dy.of(part.b, part.h);
  const float* statistics = a.statistics + (i64)part.head * a.queries * 2;
  Angles<TURNED> angles(a.cos, a.sin, part.b, a.keys, a.width);
  Visible visible{a.queries, a.keys, a.causal_block};
  // The first query that sees any key of the tile, rounded down to a step, and the first that sees all.
  int some = visible.first_of(part.first) / QUERIES * QUERIES, whole = visible.first_of(smaller(part.first + Part::TILE, a.keys) - 1);

  u8 *keys = shared_memory(), *values = keys + TILE, *queries = values + TILE, *upstreams = queries + 2 * STEP;
  Statistics* of_queries = (Statistics*)(upstreams + 2 * STEP);
  u8* exchanged = (u8*)(of_queries + 2 * QUERIES) + warp_id() * exchange(ROWS, QUERIES);
  auto load = [&](int at, int stage) {
    load_rows<Part::THREADS, QUERIES>(queries + stage * STEP, a.q, q, at, a.queries, a.width);
    load_rows<Part::THREADS, QUERIES>(upstreams + stage * STEP, a.dy, dy, at, a.queries, a.width);
    for (int i = threadIdx.x; i < 2 * QUERIES; i += Part::THREADS) {
      bool inside = 2 * at + i < 2 * a.queries;
      copy_async4(shared_address((float*)(of_queries + stage * QUERIES) + i), inside ? statistics + 2 * at + i : statistics, inside ? 4 : 0);
    }
    copy_async_commit();
  };
  auto land = [&](int at, int stage) {
    copy_async_wait<0>();
    if (at < a.queries) turn_rows<Part::THREADS, QUERIES>(queries + stage * STEP, angles, a.q.vector, at);
  };
  load_rows<Part::THREADS, Part::TILE>(keys, a.k, a.k.of(part.b, part.h), part.first, a.keys, a.width);
  load_rows<Part::THREADS, Part::TILE>(values, a.v, a.v.of(part.b, part.h), part.first, a.keys, a.width);
  load(some, 0);
  land(some, 0);
  turn_rows<Part::THREADS, Part::TILE>(keys, angles, a.k.vector, part.first);
  sync_block();

  Left<REAL, ROWS> k(Part::mine(keys)), v(Part::mine(values));
  float scale = a.scale * LOG_E;
  Block<REAL, ROWS, OUTPUTS> dk = {}, dv = {};
  // A query from a.queries on is all zeros, statistics included: it adds nothing.
  for (int at = some, stage = 0; at < a.queries; at += QUERIES, stage ^= 1) {
    if (at + QUERIES < a.queries) load(at + QUERIES, stage ^ 1);
    if (part.own < a.keys) {
      const Statistics* of_query = of_queries + stage * QUERIES;
      Scores p = {}, d = {};
      multiply_transposed(p, k, queries + stage * STEP);
      if (at < whole) visible.hide_queries(p, part.own, at);
#pragma unroll
      for (int c = 0; c < Scores::BREADTH; c++)
#pragma unroll
        for (int r = 0; r < Scores::HEIGHT; r++) p.at(r, c) = probability(p.at(r, c), scale, of_query[Scores::column(c)][0]);
      multiply(dv, p, upstreams + stage * STEP, exchanged);
      multiply_transposed(d, v, upstreams + stage * STEP);
#pragma unroll
      for (int c = 0; c < Scores::BREADTH; c++)
#pragma unroll
        for (int r = 0; r < Scores::HEIGHT; r++) p.at(r, c) *= d.at(r, c) - of_query[Scores::column(c)][1];
      multiply(dk, p, queries + stage * STEP, exchanged);
    }
    land(at + QUERIES, stage ^ 1);
    sync_block();
  }
#pragma unroll
  for (int r = 0; r < Scores::HEIGHT; r++) scale_row(dk, r, a.scale);
  turn_back(dk, angles, part.own);
  store(Part::mine(keys), dk, a.dk, a.dk.of(part.b, part.h), part.own, a.keys, a.width);
  store(Part::mine(values), dv, a.dv, a.dv.of(part.b, part.h), part.own, a.keys, a.width);
}

constexpr int ROWS = BF16_TIER || WIDTH <= 64 ? 16 : 8, COLUMNS = BF16_TIER ? (WIDTH <= 80 ? 64 : 32) : WIDTH <= 88 ? 32 : 16;
KERNEL_RESIDENT(attention_grad_queries, 128, 2, AttentionGradArgs, queries_grad<4, ROWS, COLUMNS, false>)
KERNEL_RESIDENT(attention_grad_queries_turned, 128, 2, AttentionGradArgs, queries_grad<4, ROWS, COLUMNS, true>)
KERNEL_RESIDENT(attention_grad_queries_short, 32, 8, AttentionGradArgs, queries_grad<1, 16, 16, false>)
KERNEL_RESIDENT(attention_grad_queries_turned_short, 32, 8, AttentionGradArgs, queries_grad<1, 16, 16, true>)
KERNEL_RESIDENT(attention_grad_keys, 128, 2, AttentionGradArgs, keys_grad<4, ROWS, COLUMNS, false>)
KERNEL_RESIDENT(attention_grad_keys_turned, 128, 2, AttentionGradArgs, keys_grad<4, ROWS, COLUMNS, true>)
KERNEL_RESIDENT(attention_grad_keys_short, 32, 8, AttentionGradArgs, keys_grad<1, 16, 16, false>)
KERNEL_RESIDENT(attention_grad_keys_turned_short, 32, 8, AttentionGradArgs, keys_grad<1, 16, 16, true>)
