// Kernels with one fault each, and beside each its correct twin: what the simulator must and must not report. Blocks of 64 threads.
#include "reduce.cuh"

struct Args { const float* x; float* y; u32* counter; i32 n; };

// A neighbour's element through shared memory, without and with the barrier.
template <bool RIGHT> DEVICE void exchange(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  s[t] = a.x[t];  // OTHER race
  if constexpr (RIGHT) sync_block();
  a.y[t] = s[t ^ 33];  // FAULT race
}
KERNEL(race, 64, Args, exchange<false>)
KERNEL(race_right, 64, Args, exchange<true>)

// All read, then one writes, whose own reading came last: the last reader alone does not tell.
template <bool RIGHT> DEVICE void overwrite(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  if (t == 0) s[0] = a.x[0];
  sync_block();
  a.y[t] = s[0];  // OTHER overwrite
  if constexpr (RIGHT) sync_block();
  if (t == 62) s[0] = 1;  // FAULT overwrite
}
KERNEL(overwrite_read, 64, Args, overwrite<false>)
KERNEL(overwrite_read_right, 64, Args, overwrite<true>)

// Lanes of one warp need sync_warp; a shuffle is no fence.
template <bool RIGHT> DEVICE void within_warp(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  s[t] = a.x[t];  // OTHER warp
  if constexpr (RIGHT) sync_warp();
  else shuffle_xor(0, 1);
  a.y[t] = s[t ^ 1];  // FAULT warp
}
KERNEL(warp_race, 64, Args, within_warp<false>)
KERNEL(warp_race_right, 64, Args, within_warp<true>)

// One past the end.
template <bool RIGHT> DEVICE void past_end(const Args& a) {
  int t = threadIdx.x;
  if (t + (RIGHT ? 1 : 0) < a.n) a.y[t] = a.x[t + 1];  // FAULT bounds
}
KERNEL(bounds, 64, Args, past_end<false>)
KERNEL(bounds_right, 64, Args, past_end<true>)

DEVICE void shared_past_end(const Args& a) { ((float*)shared_memory())[threadIdx.x * 16 + 1] = a.x[0]; }  // FAULT shared bounds
KERNEL(shared_bounds, 64, Args, shared_past_end)

// Shared memory holds nothing at first.
template <bool RIGHT> DEVICE void first_read(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  if (RIGHT || t != 5) s[t] = 0;
  a.y[t] = s[t];  // FAULT uninitialised
}
KERNEL(uninitialised, 64, Args, first_read<false>)
KERNEL(uninitialised_right, 64, Args, first_read<true>)

// Half of the threads come to another barrier.
template <bool RIGHT> DEVICE void part(const Args& a) {
  int t = threadIdx.x;
  if (RIGHT || t % 2 == 0) sync_block();  // OTHER barrier
  a.y[t] = 1;
  sync_block();  // FAULT barrier
}
KERNEL(divergent, 64, Args, part<false>)
KERNEL(divergent_right, 64, Args, part<true>)

// A thread leaves the loop before the others: they wait for ever.
template <bool RIGHT> DEVICE void wait_for_ever(const Args& a) {
  int t = threadIdx.x;
  if (RIGHT || t < 32) sync_named(1, 64);  // FAULT deadlock
  a.y[t] = 1;
}
KERNEL(deadlock, 64, Args, wait_for_ever<false>)
KERNEL(deadlock_right, 64, Args, wait_for_ever<true>)

// Half a warp shuffles.
template <bool RIGHT> DEVICE void half_shuffles(const Args& a) {
  int t = threadIdx.x;
  float v = a.x[t];
  if (RIGHT || t % 32 < 16) v = shuffle_xor(v, 1);  // FAULT lanes
  sync_block();  // OTHER lanes
  a.y[t] = v;
}
KERNEL(lanes, 64, Args, half_shuffles<false>)
KERNEL(lanes_right, 64, Args, half_shuffles<true>)

// A thread reads what its own copy has not yet brought.
template <bool RIGHT> DEVICE void copied(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  copy_async4(shared_address(s + t), a.x + t);  // OTHER copy
  copy_async_commit();
  if constexpr (RIGHT) copy_async_wait<0>();
  a.y[t] = s[t];  // FAULT copy
}
KERNEL(copy, 64, Args, copied<false>)
KERNEL(copy_right, 64, Args, copied<true>)

// The wait is each thread's own: a neighbour's bytes need a barrier after it, not before.
template <bool RIGHT> DEVICE void copied_by_neighbour(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  copy_async4(shared_address(s + t), a.x + t);  // OTHER neighbour
  copy_async_commit();
  if constexpr (RIGHT) copy_async_wait<0>();
  sync_block();
  if constexpr (!RIGHT) copy_async_wait<0>();
  a.y[t] = s[t ^ 33];  // FAULT neighbour
}
KERNEL(copy_neighbour, 64, Args, copied_by_neighbour<false>)
KERNEL(copy_neighbour_right, 64, Args, copied_by_neighbour<true>)

// Four floats at an address that is a multiple of four bytes only.
template <bool RIGHT> DEVICE void four(const Args& a) {
  if (threadIdx.x != 3) return;
  Pack<float, 4> v = *(const Pack<float, 4>*)(a.x + (RIGHT ? 4 : 1));  // FAULT alignment
  for (int i = 0; i < 4; i++) a.y[i] = v[i];
}
KERNEL(misaligned, 64, Args, four<false>)
KERNEL(misaligned_right, 64, Args, four<true>)

// Every block adds to one place.
template <bool RIGHT> DEVICE void between_blocks(const Args& a) {
  if (threadIdx.x == 0) a.y[RIGHT ? blockIdx.x : 0] = 1;  // FAULT blocks
}
KERNEL(blocks, 64, Args, between_blocks<false>)
KERNEL(blocks_right, 64, Args, between_blocks<true>)

// The last block sums what the others left, which they must have fenced before they count themselves.
template <bool RIGHT> DEVICE void last_block(const Args& a) {
  u32* last = (u32*)shared_memory();
  int t = threadIdx.x;
  if (t == 0) {
    a.y[1 + blockIdx.x] = a.x[blockIdx.x];  // OTHER last block
    if constexpr (RIGHT) fence_device();
    *last = atomic_add(a.counter, 1) + 1 == gridDim.x;
  }
  sync_block();
  if (*last != 0 && t == 1) {
    float sum = 0;
    for (u32 b = 0; b < gridDim.x; b++) sum += a.y[1 + b];  // FAULT last block
    a.y[0] = sum;
    *a.counter = 0;
  }
}
KERNEL(unfenced, 64, Args, last_block<false>)
KERNEL(unfenced_right, 64, Args, last_block<true>)

// The fence may be every thread's own, before the barrier behind which one of them counts.
DEVICE void last_block_all_fence(const Args& a) {
  u32* last = (u32*)shared_memory();
  int t = threadIdx.x;
  a.y[64 + blockIdx.x * 64 + t] = a.x[t];
  fence_device();
  sync_block();
  if (t == 0) *last = atomic_add(a.counter, 1) + 1 == gridDim.x;
  sync_block();
  if (*last == 0) return;
  float sum = 0;
  for (u32 b = 0; b < gridDim.x; b++) sum += a.y[64 + b * 64 + t];
  a.y[t] = sum;
  if (t == 0) *a.counter = 0;
}
KERNEL(all_fence_right, 64, Args, last_block_all_fence)

// Bytes and halves of one word belong to different threads.
DEVICE void neighbours_in_a_word(const Args& a) {
  u8* bytes = shared_memory();
  u16* halves = (u16*)(bytes + 64);
  int t = threadIdx.x;
  bytes[t] = (u8)t;
  halves[t] = (u16)t;
  sync_block();
  a.y[t] = bytes[63 - t] + halves[t ^ 1] + ((u32*)halves)[t / 2];
  sync_block();
  if (t < 16) ((u32*)bytes)[t] = 0;
  sync_block();
  bytes[t] = 1;
}
KERNEL(bytes_right, 64, Args, neighbours_in_a_word)

// A named barrier orders those who come to it; the two warps of a pair only.
DEVICE void producer(const Args& a) {
  float* s = (float*)shared_memory();
  int t = threadIdx.x;
  for (int i = 0; i < 4; i++) {
    if (t < 32) s[t] = a.x[t] + i;
    sync_named(1, 64);
    if (t >= 32) a.y[t] = s[t - 32];
    sync_named(2, 64);
  }
}
KERNEL(named_right, 64, Args, producer)
