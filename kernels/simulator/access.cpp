#include "access.h"

#include <cstring>
#include <vector>

namespace simulator {

constexpr u32 MANY_READERS = 1 << 18;  // from so many on a thread's place in a cell's list is looked for before it is added again

static std::vector<Reader> readers(1);  // since the block's last barrier
static Epoch readers_floor;

static const void* site_at(u32 distance) { return (const u8*)launch.kernel + (i32)distance; }
static u32 distance_of(const void* site) { return (u32)((const u8*)site - (const u8*)launch.kernel); }

// Races ---------------------------------------------------------------------------------------------------------------------------------------

static std::string who(Epoch epoch) {
  std::string text = "thread " + std::to_string(thread_of(epoch));
  if (!(epoch & COPY) && epoch < now.block_first) text += " of block " + block_name(block_of(epoch));
  return text;
}

[[gnu::noinline, gnu::cold]] static void race(u64 offset, Access access, const void* site, Epoch other, const char* did, u32 other_site) {
  bool pending = is_pending(other), foreign = !(other & COPY) && other < now.block_first;
  const void* other_place = other & COPY ? copy_site(other) : site_at(other_site);
  if (!first_time(site, other_place)) return;
  std::string text = (access == READ ? "reads " : "writes ") + place_of((u64)arena + offset) + ", which ";
  if (pending) text += "a copy_async of " + who(other) + " (" + source_of(other_place) + ") is still writing: copy_async_wait for its group" +
                       (thread_of(other) == now.thread ? " first" : " there, then a barrier");
  else if (other & COPY) text += who(other) + " has copied there (" + source_of(other_place) + ") with nothing between: a barrier after its copy_async_wait";
  else text += who(other) + " " + did + " (" + source_of(other_place) + ") with nothing between: " +
               (foreign ? "blocks have no order; a second launch, or fence_device and an atomic, makes one"
             : thread_of(other) / LANES == now.thread / LANES ? "sync_warp, or sync_block if other warps share it" : "sync_block");
  report(FAULT_LAUNCH, text, site);
}

static void add_reader(Cell& cell) {
  if (readers_floor != now.floor) {
    readers_floor = now.floor;
    readers.resize(1);
  }
  if (readers.size() > MANY_READERS)
    for (u32 i = cell.earlier_reads; i != 0; i = readers[i].next)
      if (thread_of(readers[i].read) == thread_of(cell.read)) {
        readers[i].read = cell.read;
        return;
      }
  readers.push_back({cell.read, cell.read_site, cell.earlier_reads});
  cell.earlier_reads = (u32)readers.size() - 1;
}

static inline bool write_ordered(const Cell& cell, u64 offset) {
  return ordered(cell.write, offset < SHARED_WINDOW) || (cell.flags & ATOMIC && ordered_atomic(cell.write, offset & ~3ull));
}

static void race_read(Cell& cell, u64 offset, const void* site) {
  if (cell.write == now.epoch || cell.read == now.epoch) return;
  if (!write_ordered(cell, offset)) race(offset, READ, site, cell.write, "wrote", cell.write_site);
  else if (cell.write & COPY) cell.write = settled(cell.write);
  if (cell.read >= now.floor) {
    if (thread_of(cell.read) != now.thread) add_reader(cell);
  } else {
    if (cell.read < now.block_first && cell.read >= now.launch_first) cell.foreign_read = cell.read, cell.foreign_site = cell.read_site;
    cell.earlier_reads = 0;
  }
  cell.read = now.epoch;
  cell.read_site = distance_of(site);
}

static void race_write(Cell& cell, u64 offset, const void* site) {
  bool shared = offset < SHARED_WINDOW;
  if (cell.write == now.epoch && cell.read == 0 && cell.flags == 0) return;
  if (!write_ordered(cell, offset)) race(offset, WRITE, site, cell.write, "wrote", cell.write_site);
  if (cell.read != 0) {
    if (!ordered(cell.read, shared)) race(offset, WRITE, site, cell.read, "read", cell.read_site);
    if (cell.read >= now.floor)
      for (u32 i = cell.earlier_reads; i != 0; i = readers[i].next)
        if (!ordered(readers[i].read, shared)) race(offset, WRITE, site, readers[i].read, "read", readers[i].site);
    if (cell.foreign_read != 0 && !ordered(cell.foreign_read, shared)) race(offset, WRITE, site, cell.foreign_read, "read", cell.foreign_site);
  }
  cell = {now.epoch, distance_of(site), 0, 0, 0, 0, 0, 0};
}

// Some bytes of a word: from now on each half or byte has a cell of its own, until a whole write makes them one again.
[[gnu::noinline]] static void race_part(u64 word, u32 mask, Access access, const void* site) {
  Cell& cell = cells[word];
  Cell* parts = byte_cells + word * 4;
  bool halves = !(cell.flags & BYTES) && (mask == 3 || mask == 12 || mask == 15);
  if (!(cell.flags & (HALVES | BYTES))) {
    parts[0] = parts[2] = cell;
    cell.flags |= HALVES;
  }
  if (!halves && cell.flags & HALVES) {
    parts[1] = parts[0], parts[3] = parts[2];
    cell.flags ^= HALVES | BYTES;
  }
  for (u32 b = 0; b < 4; b += halves ? 2 : 1)
    if (mask >> b & 1) {
      if (access == READ) race_read(parts[b], word * 4 + b, site);
      else race_write(parts[b], word * 4 + b, site);
    }
  if (access == WRITE && mask == 15) cell = parts[0];
}

static inline void race_word(u64 word, u32 mask, Access access, const void* site) {
  Cell& cell = cells[word];
  if (mask != 15 || cell.flags & (HALVES | BYTES)) return race_part(word, mask, access, site);
  if (access == READ) race_read(cell, word * 4, site);
  else race_write(cell, word * 4, site);
}

// Bounds and initialisation -----------------------------------------------------------------------------------------------------------------------

[[gnu::noinline, gnu::cold]] static void out_of_bounds(u64 address, u64 bytes, Access access, const void* site) {
  std::string size = std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  report(FAULT_MEMORY, (access == READ ? "reads " : "writes ") + size + " at " + place_of(address) + ": check the index and the size the launcher gives", site);
  abandon_launch();
}

[[gnu::noinline, gnu::cold]] static void unwritten(u64 address, const void* site) {
  if (!first_time(site, site)) return;
  report(FAULT_LAUNCH, "reads " + place_of(address) + ", which nothing has written: fill it first, or do not read it", site);
}

static inline void check_word(u64 word, u32 mask, u64 address, u64 bytes, Access access, const void* site) {
  u8 state = states[word];
  if ((state & mask) != mask) return out_of_bounds(address, bytes, access, site);
  if (access == WRITE) states[word] = (u8)(state | mask << 4);
  else if ((state >> 4 & mask) != mask) unwritten(address, site);
  if (checks == CHECK_ALL) race_word(word, mask, access, site);
}

// An address outside the arena: the arguments, constants of the module, or nothing a device could reach.
[[gnu::noinline, gnu::cold]] static void check_outside(u64 address, u64 bytes, Access access, const void* site) {
  if (current == nullptr || address - (u64)launch.args < launch.args_bytes) return;
  if (access == READ && is_constant_of(site, (const void*)address)) return;
  out_of_bounds(address, bytes, access, site);
}

void check_access(u64 address, u64 bytes, Access access, const void* site) {
  u64 offset = address - (u64)arena;
  if (offset >= ARENA_BYTES) return check_outside(address, bytes, access, site);
  if (bytes == 4 && offset % 4 == 0) return check_word(offset / 4, 15, address, bytes, access, site);
  for (u64 word = offset / 4, end = offset + bytes; word * 4 < end; word++) {
    u32 mask = 15;
    if (word * 4 < offset) mask &= 15u << (offset - word * 4);
    if (word * 4 + 4 > end) mask &= 15u >> (word * 4 + 4 - end);
    check_word(word, mask, address, bytes, access, site);
  }
}

void check_shared(u64 offset, u64 bytes, Access access, const void* site, const char* what) {
  check_aligned((u64)arena + offset, bytes, site, what);
  if (checks == CHECK_NOTHING) return;
  if (offset + bytes > SHARED_WINDOW) out_of_bounds((u64)arena + offset, bytes, access, site);
  check_access((u64)arena + offset, bytes, access, site);
}

void check_aligned(u64 address, u64 bytes, const void* site, const char* what) {
  if (address % bytes == 0) return;
  report(FAULT_ALIGNMENT, std::string(what) + " takes an address that is a multiple of " + std::to_string(bytes) + ", not " + place_of(address), site);
  abandon_launch();
}

void check_atomic(u64 address, const void* site) {
  check_aligned(address, 4, site, "an atomic");
  u64 offset = address - (u64)arena, word = offset / 4;
  if (offset >= ARENA_BYTES || (states[word] & 15) != 15) return out_of_bounds(address, 4, WRITE, site);
  if (states[word] >> 4 != 15) unwritten(address, site);
  if (checks != CHECK_ALL) return;
  Cell& cell = cells[word];
  bool shared = offset < SHARED_WINDOW;
  if (cell.flags & (HALVES | BYTES)) race_part(word, 15, WRITE, site);
  atomic_at(offset);
  if (!(cell.flags & ATOMIC) && !ordered(cell.write, shared)) race(offset, WRITE, site, cell.write, "wrote", cell.write_site);
  if (cell.read != 0 && !ordered(cell.read, shared)) race(offset, WRITE, site, cell.read, "read", cell.read_site);
  cell = {now.epoch, distance_of(site), 0, 0, 0, 0, 0, ATOMIC};
}

void own_by_copy(u64 offset, u64 bytes, Epoch copy) {
  for (u64 word = offset / 4; word * 4 < offset + bytes; word++) cells[word].write = copy;
}

}  // namespace simulator
