// What happens before what. Each thread knows, for each thread of its block, the last epoch of that thread which it has learnt of through named
// barriers and its warp; what all learn at a block's barrier is one number, the floor. Between blocks only atomics with fences tell anything.
#pragma once
#include "shadow.h"

namespace simulator {

struct Now {
  Epoch launch_first, block_first;  // the first epochs of the launch and of the block
  Epoch floor;                      // epochs of the block below it lie before the last barrier, so before everything now
  Epoch first_copy;                 // of the block
  Epoch epoch;                      // of the thread that runs
  u32 thread;
};
extern Now now;

void begin_launch_order();
void begin_block_order(u32 block);
void become(u32 thread);  // whose accesses follow

// Does an earlier access, of a thread or a copy, happen before what the present thread does?
bool ordered_slowly(Epoch earlier, bool shared);
inline bool ordered(Epoch earlier, bool shared) {
  if (earlier < now.floor && (shared || earlier < now.launch_first || earlier >= now.block_first)) return true;
  return earlier == now.epoch || ordered_slowly(earlier, shared);
}
bool ordered_atomic(Epoch earlier, u64 offset);

u32 thread_of(Epoch epoch);
u32 block_of(Epoch epoch);
const void* copy_site(Epoch copy);

void join_block();
void join_threads(const u16* threads, u32 count);
void join_warp(u32 first_thread, u32 lanes);
void fence();
void atomic_at(u64 offset);  // tells what was fenced, learns what others told here

Epoch new_copy(const void* site);
void finish_copy(Epoch copy);
bool is_pending(Epoch copy);
Epoch settled(Epoch copy);  // the epoch in which it was waited for: from then on that thread might have written it

}  // namespace simulator
