// Device memory: addresses in one reserved range, committed when touched. Between two allocations lies at least RED_ZONE that belongs to none.
#include <sys/mman.h>

#include <map>

#include "runtime.h"

namespace simulator {

constexpr u64 ALIGNMENT = 512, RED_ZONE = 512, PAGE = 4096;

u8* arena;
static std::map<u64, u64> allocations, holes;  // by offset in the arena: bytes
static u64 cursor, in_use;                     // the search goes round, so that an address comes back late

bool reserve_arena() {
  if (arena != nullptr) return true;
  void* mapped = mmap(nullptr, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return false;
  arena = (u8*)mapped;
  holes[SHARED_WINDOW] = ARENA_BYTES - SHARED_WINDOW;
  return true;
}

// 0 when there is no room.
u64 allocate(u64 bytes) {
  u64 needed = (bytes + RED_ZONE + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (bytes > DEVICE_BYTES || in_use + bytes > DEVICE_BYTES) return 0;
  auto at = holes.lower_bound(cursor);
  for (size_t tried = 0; tried <= holes.size(); tried++, ++at) {
    if (at == holes.end()) at = holes.begin();
    if (at->second >= needed) break;
  }
  if (at == holes.end() || at->second < needed) return 0;
  u64 offset = at->first, left = at->second - needed;
  holes.erase(at);
  if (left > 0) holes[offset + needed] = left;
  allocations[offset] = bytes;
  in_use += bytes;
  cursor = offset + needed;
  return (u64)arena + offset;
}

bool release(u64 address) {
  auto at = allocations.find(address - (u64)arena);
  if (at == allocations.end()) return false;
  u64 offset = at->first, bytes = at->second, end = offset + (bytes + RED_ZONE + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  allocations.erase(at);
  in_use -= bytes;
  u64 first_page = (offset + PAGE - 1) / PAGE * PAGE, last_page = end / PAGE * PAGE;
  if (first_page < last_page) madvise(arena + first_page, last_page - first_page, MADV_DONTNEED);
  auto after = holes.lower_bound(offset);
  if (after != holes.end() && after->first == end) {
    end += after->second;
    after = holes.erase(after);
  }
  if (after != holes.begin()) {
    auto before = std::prev(after);
    if (before->first + before->second == offset) {
      before->second = end - before->first;
      return true;
    }
  }
  holes[offset] = end - offset;
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

}  // namespace simulator
