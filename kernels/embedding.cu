// Rows of a table by number, and the gradient: the sum of the rows that went to each number, in their order. Called by CudaBackend.Embedding.
// Forward: table [V, D], ids [R], dst [R, D]; 2 s R D bytes of s bytes an element. Gradient: dy [R, D], dtable [V, D]; s (R + V) D bytes, and 16 R + 8 V for
// the numbers: rows are counted, given room, and listed by their number in any order (integer atomics), and who sums a list sorts it first, so that
// the sum's order is that of the rows whatever the order in which the list was made.
#include "reduce.cuh"
#include "sort.cuh"

struct EmbeddingArgs {
  const REAL* table;
  const void* ids;
  REAL* dst;
  i64 rows, table_stride;
  i32 width;
  i32 wide_ids;  // I64, else I32
  i32 pack;      // wide<REAL> where rows are aligned to 16 bytes and made of such packs, else 1
};

DEVICE i64 id_of(const void* ids, i32 wide_ids, i64 i) { return wide_ids ? ((const i64*)ids)[i] : ((const i32*)ids)[i]; }

template <int N> DEVICE void gather(const EmbeddingArgs& a) {
  int packs = a.width / N;
  for (i64 row = blockIdx.x * 8ll + warp_id(); row < a.rows; row += gridDim.x * 8ll) {
    const REAL* from = a.table + id_of(a.ids, a.wide_ids, row) * a.table_stride;
    REAL* to = a.dst + row * a.width;
    for (int p = lane_id(); p < packs; p += 32) *(Pack<REAL, N>*)(to + p * N) = *(const Pack<REAL, N>*)(from + p * N);
  }
}

// A warp a row.
DEVICE void gather_kernel(const EmbeddingArgs& a) { a.pack == 1 ? gather<1>(a) : gather<wide<REAL>>(a); }

struct EmbeddingGradArgs {
  const REAL* dy;
  const void* ids;
  REAL* dtable;
  u32* counts;  // [V] zeros going in: how many rows went to each number
  u32* ends;    // [V] where each number's list ends
  u32* listed;  // [R] the lists
  u32* used;    // zero going in: how much of `listed` is given away
  i64 rows;
  i32 numbers, width;  // V, D
  i32 wide_ids, pack;
};

DEVICE void count_kernel(const EmbeddingGradArgs& a) {
  i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (row < a.rows) atomic_add(a.counts + id_of(a.ids, a.wide_ids, row), 1);
}

// The sum of this lane's value and those of the lanes before it.
DEVICE u32 warp_prefix(u32 value) {
#pragma unroll
  for (int delta = 1; delta < 32; delta *= 2) {
    u32 before = shuffle_up(value, delta);
    if (lane_id() >= delta) value += before;
  }
  return value;
}

// Gives each number room in the list, wherever there is some: one atomic a warp.
DEVICE void reserve_kernel(const EmbeddingGradArgs& a) {
  i64 number = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  u32 count = number < a.numbers ? a.counts[number] : 0, prefix = warp_prefix(count), start = 0;
  if (lane_id() == 31) start = atomic_add(a.used, prefix);
  start = shuffle(start, 31);
  if (number < a.numbers) a.ends[number] = start + prefix - count;  // listing moves it to the end
}

DEVICE void list_kernel(const EmbeddingGradArgs& a) {
  i64 row = (i64)blockIdx.x * blockDim.x + threadIdx.x;
  if (row < a.rows) a.listed[atomic_add(a.ends + id_of(a.ids, a.wide_ids, row), 1)] = (u32)row;
}

// A block a number: 128 threads hold a strip of its row's sums. Lists of up to MOST rows are sorted in shared memory; a longer one is found again by
// reading all ids, MOST rows that match at a time: at most R / MOST blocks do that.
constexpr int SUMMERS = 128, MOST = 1024;

template <int N> DEVICE void add_rows(const EmbeddingGradArgs& a, const u32* list, int count, int column, float (&sum)[N]) {
  const REAL* dy = a.dy + column;
#pragma unroll 4
  for (int i = 0; i < count; i++) {
    Pack<REAL, N> x = *(const Pack<REAL, N>*)(dy + (i64)list[i] * a.width);
#pragma unroll
    for (int j = 0; j < N; j++) sum[j] += to_float(x[j]);
  }
}

template <int N> DEVICE void store_sum(const EmbeddingGradArgs& a, int column, const float (&sum)[N]) {
  Pack<REAL, N> y;
#pragma unroll
  for (int j = 0; j < N; j++) y[j] = from_float<REAL>(sum[j]);
  *(Pack<REAL, N>*)(a.dtable + (i64)blockIdx.x * a.width + column) = y;
}

template <int N> DEVICE void sum_short(const EmbeddingGradArgs& a, u32* list, int count) {
  u32 first = a.ends[blockIdx.x] - count;
  int length = sort_length(count);
  for (int i = threadIdx.x; i < length; i += SUMMERS) list[i] = i < count ? a.listed[first + i] : ~0u;
  block_sort<SUMMERS>(list, length);
  for (int column = threadIdx.x * N; column < a.width; column += SUMMERS * N) {
    float sum[N] = {};
    add_rows(a, list, count, column, sum);
    store_sum(a, column, sum);
  }
}

template <int N> DEVICE void sum_long(const EmbeddingGradArgs& a, u32* list, u32* found) {
  for (int strip = 0; strip < a.width; strip += SUMMERS * N) {
    int column = strip + threadIdx.x * N;
    float sum[N] = {};
    int count = 0;
    for (i64 base = 0; base < a.rows; base += SUMMERS) {
      i64 row = base + threadIdx.x;
      bool mine = row < a.rows && id_of(a.ids, a.wide_ids, row) == blockIdx.x;
      u32 prefix = warp_prefix(mine), before = count + prefix - mine;
      if (lane_id() == 31) found[warp_id()] = prefix;
      sync_block();
#pragma unroll
      for (int warp = 0; warp < SUMMERS / 32; warp++) {
        if (warp < warp_id()) before += found[warp];
        count += found[warp];
      }
      if (mine) list[before] = (u32)row;
      sync_block();
      if (count > MOST - SUMMERS || base + SUMMERS >= a.rows) {
        if (column < a.width) add_rows(a, list, count, column, sum);
        count = 0;
        sync_block();
      }
    }
    if (column < a.width) store_sum(a, column, sum);
  }
}

template <int N> DEVICE void sum(const EmbeddingGradArgs& a) {
  u32* list = (u32*)shared_memory();
  u32 count = a.counts[blockIdx.x];
  if (count <= MOST)
    sum_short<N>(a, list, count);
  else
    sum_long<N>(a, list, list + MOST);
}

DEVICE void sum_kernel(const EmbeddingGradArgs& a) { a.pack == 1 ? sum<1>(a) : sum<wide<REAL>>(a); }

KERNEL(embedding_forward, 256, EmbeddingArgs, gather_kernel)
KERNEL(embedding_count, 256, EmbeddingGradArgs, count_kernel)
KERNEL(embedding_reserve, 256, EmbeddingGradArgs, reserve_kernel)
KERNEL(embedding_list, 256, EmbeddingGradArgs, list_kernel)
// Twelve blocks of 128 leave 40 registers; asked for nothing, ptxas aims at 32 and spills.
KERNEL_RESIDENT(embedding_gradient, SUMMERS, 12, EmbeddingGradArgs, sum_kernel)
