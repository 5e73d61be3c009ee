// What the parts of the simulator know of one another. One launch runs at a time, on the thread that launches it; one block after another;
// each thread of a block is a fiber that runs until it must wait for others.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "language.h"
#include "../include/numeric.cuh"

// The library is built with hidden names; what kernels and the driver's callers use is shown.
#define EXPORT extern "C" __attribute__((visibility("default")))

struct Index3 { u32 x, y, z; };
struct KernelInfo { u32 args_bytes, threads, min_blocks; };

namespace simulator {

typedef u32 U32x4 __attribute__((vector_size(16)));
typedef float F32x4 __attribute__((vector_size(16)));

constexpr u32 MAX_THREADS = 1024, LANES = 32, NAMED_BARRIERS = 16;

struct Fiber {
  void* stack_pointer = nullptr;
  u8* stack = nullptr;  // lowest address; null before the thread's first instruction
  u32 thread = 0;
  bool finished = false;
  const void* site = nullptr;  // of the barrier or collective it waits at
  const char* waits_for = nullptr;
};

struct Launch {
  void (*kernel)(const void*) = nullptr;
  const char* name = "";
  const void* args = nullptr;
  u32 args_bytes = 0, threads = 0, shared_bytes = 0;
  Index3 grid{};
};

// fibers.cpp
constexpr size_t STACK_BYTES = 64 << 10;
u8* take_stack();
void give_stack(u8* stack);
void* first_frame(u8* stack, u32 thread, void (*entry)());
extern "C" void sim_switch(void** save, void* load);

// block.cpp
extern Fiber fibers[MAX_THREADS];
extern Fiber* current;  // null outside a launch
extern u64 frame_low;   // where its stack begins
extern Launch launch;
extern Index3 block_index;
void run_launch(const Launch& what);
[[noreturn]] void abandon_launch();  // from within a fiber: the launch cannot go on
void suspend();
void make_ready(Fiber* fiber);
void give_way();  // where all may go on, another thread sometimes does so first
bool copies_are_lazy();
std::string block_name(u32 number);
inline u32 warp_of(const Fiber* f) { return f->thread / LANES; }
inline u32 lane_of(const Fiber* f) { return f->thread % LANES; }

// collectives.cpp
void begin_collectives();
void thread_ended(Fiber* fiber);
void report_deadlock();

// copies.cpp
void begin_copies();

// memory.cpp: one range of addresses holds shared memory, then everything that is ever allocated
constexpr u64 ARENA_BYTES = 32ull << 30, SHARED_WINDOW = 1 << 20, DEVICE_BYTES = 16ull << 30;
constexpr u32 SHARED_LIMIT = 99 << 10;
extern u8* arena;
bool reserve_arena();
u64 allocate(u64 bytes);
bool release(u64 address);
u64 allocated_bytes();
bool is_allocated(u64 address, u64 bytes);
void lend(u64 address, u64 bytes, u64 capacity);
void set_shared(u32 bytes);          // what the blocks of a launch are given
void poison_shared();                // as a new block finds it
std::string place_of(u64 address);   // "shared byte 40", "byte 400 of an allocation of 400 bytes"

// report.cpp
enum Fault { FAULT_MEMORY = 700, FAULT_ALIGNMENT = 716, FAULT_LAUNCH = 719 };
void report(Fault fault, const std::string& text, const void* site);  // site: where the instruction returns to
void add_to_report(const std::string& line);
std::string source_of(const void* site);
bool is_constant_of(const void* site, const void* address);  // of the module the site is in
bool first_time(const void* site, const void* other);        // that the two are named in this launch
void forget_sources();
int findings_of_launch();  // 0, or the error with which the launch ends
void begin_findings();

}  // namespace simulator
