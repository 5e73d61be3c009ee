// Device memory: addresses in one reserved range, committed when touched. Between two allocations lies at least RED_ZONE that belongs to none.
#include <sys/mman.h>

#include <cstring>
#include <deque>
#include <map>

#include "shadow.h"

namespace simulator {

constexpr u64 ALIGNMENT = 512, RED_ZONE = 512, PAGE = 4096, RESTING_BYTES = 64 << 20, LARGE = 1 << 20;
constexpr int POISON = 0xff;  // NaN in every format

u8* arena;
static std::map<u64, u64> allocations, holes;  // by offset in the arena: bytes
static std::deque<std::pair<u64, u64>> resting;  // freed, and not used again for a while: who still reads there is found out
static std::map<u64, u64> lent;  // of blocks that a caching allocator keeps: the bytes in use
static u64 in_use, resting_bytes, shared_bytes;

bool reserve_arena() {
  if (arena != nullptr) return true;
  void* mapped = mmap(nullptr, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return false;
  arena = (u8*)mapped;
  if (!reserve_shadow()) return false;
  holes[SHARED_WINDOW] = ARENA_BYTES - SHARED_WINDOW;
  return true;
}

static u64 padded(u64 bytes) { return (bytes + RED_ZONE + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

// 0 when there is no room.
u64 allocate(u64 bytes) {
  u64 needed = padded(bytes);
  if (bytes > DEVICE_BYTES || in_use + bytes > DEVICE_BYTES) return 0;
  auto at = holes.begin();
  while (at != holes.end() && at->second < needed) ++at;
  if (at == holes.end()) return 0;
  u64 offset = at->first, left = at->second - needed;
  holes.erase(at);
  if (left > 0) holes[offset + needed] = left;
  allocations[offset] = bytes;
  in_use += bytes;
  memset(arena + offset, POISON, bytes);
  mark_allocated(offset, bytes);
  return (u64)arena + offset;
}

// A caching allocator uses the first bytes of a block of its own anew, or, with 0 bytes, keeps the block for later.
void lend(u64 address, u64 bytes, u64 capacity) {
  u64 offset = address - (u64)arena;
  mark_free(offset, capacity);
  memset(arena + offset, POISON, capacity);
  mark_allocated(offset, bytes);
  lent[offset] = bytes;
}

static void become_hole(u64 offset, u64 bytes) {
  auto after = holes.lower_bound(offset);
  if (after != holes.end() && after->first == offset + bytes) {
    bytes += after->second;
    after = holes.erase(after);
  }
  if (after != holes.begin() && std::prev(after)->first + std::prev(after)->second == offset) std::prev(after)->second += bytes;
  else holes[offset] = bytes;
}

// Large memory goes back to the system at once, with all that was known of it.
bool release(u64 address) {
  auto at = allocations.find(address - (u64)arena);
  if (at == allocations.end()) return false;
  auto [offset, bytes] = *at;
  allocations.erase(at);
  lent.erase(lent.lower_bound(offset), lent.lower_bound(offset + bytes));
  in_use -= bytes;
  mark_free(offset, bytes);
  u64 first_page = (offset + PAGE - 1) / PAGE * PAGE, end_page = (offset + bytes) / PAGE * PAGE;
  if (bytes >= LARGE) {
    madvise(arena + first_page, end_page - first_page, MADV_DONTNEED);
    forget_cells(first_page, end_page - first_page);
  }
  resting.push_back({offset, padded(bytes)});
  resting_bytes += padded(bytes);
  for (; resting_bytes > RESTING_BYTES; resting.pop_front()) {
    become_hole(resting.front().first, resting.front().second);
    resting_bytes -= resting.front().second;
  }
  return true;
}

u64 allocated_bytes() { return in_use; }

bool is_allocated(u64 address, u64 bytes) {
  u64 offset = address - (u64)arena;
  auto after = allocations.upper_bound(offset);
  if (after == allocations.begin()) return false;
  --after;
  return bytes <= after->second && offset - after->first <= after->second - bytes;
}

void set_shared(u32 bytes) {
  mark_free(0, shared_bytes);
  shared_bytes = bytes;
}

void poison_shared() {
  memset(arena, POISON, shared_bytes);
  mark_allocated(0, shared_bytes);
}

std::string place_of(u64 address) {
  u64 offset = address - (u64)arena;
  char text[96];
  if (offset >= ARENA_BYTES) {
    snprintf(text, sizeof text, "address 0x%llx, which is no device memory", address);
    return text;
  }
  if (offset < SHARED_WINDOW) {
    std::string text = "shared byte " + std::to_string(offset);
    return offset < shared_bytes ? text : text + " (the block has " + std::to_string(shared_bytes) + ")";
  }
  auto after = allocations.upper_bound(offset);
  if (after != allocations.end() && after->first - offset <= RED_ZONE / 2)
    return std::to_string(after->first - offset) + " bytes before an allocation of " + std::to_string(after->second);
  if (after == allocations.begin() || offset - std::prev(after)->first >= padded(std::prev(after)->second))
    return "memory that has been freed or never was allocated";
  --after;
  auto block = lent.upper_bound(offset);
  if (block != lent.begin() && std::prev(block)->first >= after->first) {
    --block;
    if (block->second == 0) return "a block that has been given back";
    return "byte " + std::to_string(offset - block->first) + " of a block of " + std::to_string(block->second);
  }
  return "byte " + std::to_string(offset - after->first) + " of an allocation of " + std::to_string(after->second);
}

}  // namespace simulator
