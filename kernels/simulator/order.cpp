#include "order.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <vector>

namespace simulator {

constexpr Epoch LAST_EPOCH = 0x70000000;

Now now;

struct Copy {
  const void* site;
  u32 thread;
  Epoch waited;  // the epoch in which its thread waited for it; 0 before
};

// What threads told through one atomic variable: for each block the last epochs of its threads that lie before.
struct Channel {
  std::vector<std::vector<Epoch>> told;
  std::vector<Channel*> sources;  // channels that those who told had listened to
};

static Epoch next_epoch = 1, next_copy = COPY, first_copy_of_launch = COPY;
static std::vector<u16> threads_of_epochs;
static std::vector<Epoch> first_of_blocks;
static std::vector<Copy> copies;

static Epoch epochs[MAX_THREADS];
static Epoch known[MAX_THREADS][MAX_THREADS];  // [who knows][of whom]
static Epoch far_floor[MAX_THREADS];           // the floor at which the thread learnt of threads beyond its warp

struct Fence { Epoch epoch, floor; };
static Fence fences[MAX_THREADS];
static std::vector<Epoch> known_at_fence[MAX_THREADS];

static std::unordered_map<u64, Channel> channels;
static std::vector<Channel*> heard;  // by the block
static u32 block_number;

static void advance(u32 thread) {
  epochs[thread] = next_epoch++;
  threads_of_epochs.push_back((u16)thread);
}

void begin_launch_order() {
  if (next_epoch > LAST_EPOCH || next_copy > COPY + LAST_EPOCH) {
    forget_cells();
    next_epoch = 1;
    next_copy = COPY;
    memset(known, 0, sizeof known);
    memset(far_floor, 0, sizeof far_floor);
  }
  now.launch_first = next_epoch;
  first_copy_of_launch = next_copy;
  threads_of_epochs.clear();
  first_of_blocks.clear();
  copies.clear();
  channels.clear();
}

void begin_block_order(u32 block) {
  block_number = block;
  now.block_first = now.floor = next_epoch;
  now.first_copy = next_copy;
  first_of_blocks.push_back(next_epoch);
  heard.clear();
  for (u32 t = 0; t < launch.threads; t++) {
    advance(t);
    fences[t] = {};
  }
}

void become(u32 thread) {
  now.thread = thread;
  now.epoch = epochs[thread];
}

u32 thread_of(Epoch epoch) { return epoch & COPY ? copies[epoch - first_copy_of_launch].thread : threads_of_epochs[epoch - now.launch_first]; }
u32 block_of(Epoch epoch) {
  if (epoch & COPY) return block_number;
  return (u32)(std::upper_bound(first_of_blocks.begin(), first_of_blocks.end(), epoch) - first_of_blocks.begin()) - 1;
}
const void* copy_site(Epoch copy) { return copies[copy - first_copy_of_launch].site; }

static bool was_told(const Channel& channel, u32 block, u32 thread, Epoch epoch) {
  return block < channel.told.size() && !channel.told[block].empty() && channel.told[block][thread] >= epoch;
}

static bool heard_of(Epoch epoch) {
  u32 block = block_of(epoch), thread = thread_of(epoch);
  for (const Channel* channel : heard)
    if (was_told(*channel, block, thread, epoch)) return true;
  return false;
}

bool ordered_slowly(Epoch earlier, bool shared) {
  if (earlier & COPY) {
    if (earlier < now.first_copy) return true;
    earlier = copies[earlier - first_copy_of_launch].waited;
    if (earlier == 0) return false;
  }
  if (earlier < now.launch_first) return true;
  if (earlier < now.block_first) return shared || heard_of(earlier);
  u32 thread = thread_of(earlier);
  return earlier < now.floor || thread == now.thread || known[now.thread][thread] >= earlier;
}

// Atomics at one place follow one another: who has used it too comes after all that went before.
bool ordered_atomic(Epoch earlier, u64 offset) {
  if (ordered(earlier, false)) return true;
  auto channel = channels.find(offset);
  return earlier < now.block_first && channel != channels.end() && std::find(heard.begin(), heard.end(), &channel->second) != heard.end();
}

// Meetings ---------------------------------------------------------------------------------------------------------------------------------

void join_block() {
  now.floor = next_epoch;
  for (u32 t = 0; t < launch.threads; t++)
    if (!fibers[t].finished) advance(t);
  now.epoch = epochs[now.thread];
}

void join_threads(const u16* threads, u32 count) {
  static Epoch all[MAX_THREADS];
  memset(all, 0, launch.threads * sizeof(Epoch));
  for (u32 i = 0; i < count; i++)
    for (u32 t = 0; t < launch.threads; t++) all[t] = std::max(all[t], known[threads[i]][t]);
  for (u32 i = 0; i < count; i++) all[threads[i]] = epochs[threads[i]];
  for (u32 i = 0; i < count; i++) {
    memcpy(known[threads[i]], all, launch.threads * sizeof(Epoch));
    far_floor[threads[i]] = now.floor;
    advance(threads[i]);
  }
  now.epoch = epochs[now.thread];
}

// Of lanes that have ended, too, all is known: they take part in nothing any more.
void join_warp(u32 first, u32 lanes) {
  u16 threads[LANES];
  u32 count = 0;
  bool far = false;
  for (u32 lane = 0; lane < LANES; lane++)
    if (lanes >> lane & 1) {
      threads[count++] = (u16)(first + lane);
      far |= far_floor[first + lane] == now.floor;
    }
  if (far) return join_threads(threads, count);
  for (u32 i = 0; i < count; i++) memcpy(known[threads[i]] + first, epochs + first, LANES * sizeof(Epoch));
  for (u32 i = 0; i < count; i++) advance(threads[i]);
  now.epoch = epochs[now.thread];
}

// Fences and atomics ------------------------------------------------------------------------------------------------------------------------

void fence() {
  u32 t = now.thread;
  fences[t] = {epochs[t], now.floor};
  known_at_fence[t].assign(known[t], known[t] + launch.threads);
  advance(t);
  now.epoch = epochs[t];
}

// Told is what this thread knew when it fenced, and of what it knows now that which each other thread has fenced itself.
void atomic_at(u64 offset) {
  Channel& channel = channels[offset];
  u32 t = now.thread;
  if (channel.told.size() <= block_number) channel.told.resize(block_number + 1);
  std::vector<Epoch>& told = channel.told[block_number];
  if (!told.empty())
    for (u32 u = 0; u < launch.threads; u++) known[t][u] = std::max(known[t][u], told[u]), far_floor[t] = now.floor;
  if (told.empty()) told.resize(launch.threads);
  for (u32 u = 0; u < launch.threads; u++) {
    Epoch at_fence = fences[t].epoch == 0 ? 0 : u == t ? fences[t].epoch : std::max(fences[t].floor - 1, known_at_fence[t][u]);
    Epoch at_present = u == t ? epochs[t] : std::max(now.floor - 1, known[t][u]);
    told[u] = std::max({told[u], at_fence, std::min(at_present, fences[u].epoch)});
  }
  for (Channel* source : heard)
    if (fences[t].epoch != 0 && source != &channel && std::find(channel.sources.begin(), channel.sources.end(), source) == channel.sources.end())
      channel.sources.push_back(source);
  auto listen = [](Channel* to) {
    if (std::find(heard.begin(), heard.end(), to) == heard.end()) heard.push_back(to);
  };
  listen(&channel);
  for (Channel* source : channel.sources) listen(source);
}

// Copies -------------------------------------------------------------------------------------------------------------------------------------

Epoch new_copy(const void* site) {
  copies.push_back({site, now.thread, 0});
  return next_copy++;
}
void finish_copy(Epoch copy) { copies[copy - first_copy_of_launch].waited = now.epoch; }
bool is_pending(Epoch copy) { return (copy & COPY) && copy >= now.first_copy && copies[copy - first_copy_of_launch].waited == 0; }
Epoch settled(Epoch copy) { return copy < now.first_copy ? 0 : copies[copy - first_copy_of_launch].waited; }

}  // namespace simulator
