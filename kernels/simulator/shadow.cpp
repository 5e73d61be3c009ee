#include "shadow.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace simulator {

Checks checks = CHECK_ALL;
u8* states;
Cell* cells;
Cell* byte_cells;

static void* reserve(u64 bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

bool reserve_shadow() {
  const char* level = getenv("JEPA_SIMULATOR_CHECKS");
  if (level != nullptr && strcmp(level, "off") == 0) checks = CHECK_NOTHING;
  if (level != nullptr && strcmp(level, "memory") == 0) checks = CHECK_MEMORY;
  states = (u8*)reserve(ARENA_BYTES / 4);
  cells = (Cell*)reserve(ARENA_BYTES / 4 * sizeof(Cell));
  byte_cells = (Cell*)reserve(ARENA_BYTES * sizeof(Cell));
  return states != nullptr && cells != nullptr && byte_cells != nullptr;
}

void mark_allocated(u64 offset, u64 bytes) {
  memset(states + offset / 4, 0x0f, bytes / 4);
  if (bytes % 4 != 0) states[(offset + bytes) / 4] = (u8)(0x0f >> (4 - bytes % 4));
}

void mark_free(u64 offset, u64 bytes) { memset(states + offset / 4, 0, (bytes + 3) / 4); }

void mark_written(u64 offset, u64 bytes) {
  u64 end = offset + bytes;
  for (; offset < end && offset % 4 != 0; offset++) states[offset / 4] |= (u8)(0x10 << offset % 4);
  u64 whole = (end - offset) / 4;
  memset(states + offset / 4, 0xff, whole);
  for (offset += whole * 4; offset < end; offset++) states[offset / 4] |= (u8)(0x10 << offset % 4);
}

void mark_unwritten(u64 offset, u64 bytes) {
  for (u64 end = offset + bytes; offset < end; offset++) states[offset / 4] &= (u8)~(0x10 << offset % 4);
}

void mark_copied(u64 destination, u64 source, u64 bytes) {
  for (u64 i = 0; i < bytes; i++) {
    u64 from = source + i, to = destination + i;
    if (from % 4 == 0 && to % 4 == 0 && bytes - i >= 4) {
      states[to / 4] = (u8)((states[to / 4] & 0x0f) | (states[from / 4] & 0xf0));
      i += 3;
      continue;
    }
    u8 bit = (u8)(0x10 << to % 4);
    states[to / 4] = (u8)((states[to / 4] & ~bit) | (states[from / 4] >> (4 + from % 4) & 1 ? bit : 0));
  }
}

void forget_cells() {
  madvise(cells, ARENA_BYTES / 4 * sizeof(Cell), MADV_DONTNEED);
  madvise(byte_cells, ARENA_BYTES * sizeof(Cell), MADV_DONTNEED);
}

void forget_cells(u64 offset, u64 bytes) {
  madvise(cells + offset / 4, bytes / 4 * sizeof(Cell), MADV_DONTNEED);
  madvise(byte_cells + offset, bytes * sizeof(Cell), MADV_DONTNEED);
}

}  // namespace simulator
