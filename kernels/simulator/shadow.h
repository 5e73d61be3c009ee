// What is known of each byte of the arena: whether it may be touched, whether it has been written, and who touched it last. Beside every four
// bytes of the arena, at the same place in ranges of their own, lie a byte of state and a cell; both are committed when touched.
#pragma once
#include "runtime.h"

namespace simulator {

enum Checks { CHECK_NOTHING, CHECK_MEMORY, CHECK_ALL };
extern Checks checks;  // JEPA_SIMULATOR_CHECKS: off, memory (bounds and initialisation), all (races too)

// A moment of a thread's life, numbered through all launches: a new one begins where the thread has told others what it did. A number with the
// top bit names an asynchronous copy instead.
typedef u32 Epoch;
constexpr Epoch COPY = 0x80000000;

// The last write, and the reads since: the newest one here, its predecessors since the block's last barrier in a list, and one of an earlier block.
// A site is the distance from the kernel's first instruction.
struct Cell {
  Epoch write;
  u32 write_site;
  Epoch read;
  u32 read_site;
  u32 earlier_reads;  // index of a Reader, 0 for none
  Epoch foreign_read;
  u32 foreign_site;
  u32 flags;
};
enum CellFlags : u32 {
  HALVES = 1,  // its halves were touched one by one: what counts is the cell of each half's first byte
  BYTES = 2,   // its bytes were: what counts are their four cells
  ATOMIC = 4,  // the last write was an atomic one
};
struct Reader { Epoch read; u32 site, next; };

// A state: the low four bits say which bytes exist, the high four which have been written.
extern u8* states;
extern Cell* cells;       // one for four bytes of the arena
extern Cell* byte_cells;  // one for each byte

bool reserve_shadow();
void mark_allocated(u64 offset, u64 bytes);
void mark_free(u64 offset, u64 bytes);
void mark_written(u64 offset, u64 bytes);
void mark_copied(u64 destination, u64 source, u64 bytes);
void mark_unwritten(u64 offset, u64 bytes);
void forget_cells();                       // of every byte, when the epochs begin anew
void forget_cells(u64 offset, u64 bytes);  // gives their memory back

}  // namespace simulator
