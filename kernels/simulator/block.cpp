// Runs a launch: blocks in order, the threads of a block in turn. A thread that waits gives its place to the next that can run.
#include <utility>

#include "order.h"

namespace simulator {

Fiber fibers[MAX_THREADS];
Fiber* current;
u64 frame_low;
Launch launch;
Index3 block_index;

static Fiber* ready[MAX_THREADS];  // a ring
static u32 ready_first, ready_count, alive;
static void* main_stack_pointer;
static bool abandoned;
enum Schedule { IN_ORDER, RANDOM, LAZY };
static int schedule;
static u64 random_state;

void make_ready(Fiber* fiber) { ready[(ready_first + ready_count++) % MAX_THREADS] = fiber; }

static u32 random(u32 below) {
  random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
  return (u32)((random_state >> 33) * below >> 31);
}

static Fiber* next_ready() {
  if (ready_count == 0) return nullptr;
  if (schedule != IN_ORDER) std::swap(ready[ready_first], ready[(ready_first + random(ready_count)) % MAX_THREADS]);
  Fiber* fiber = ready[ready_first];
  ready_first = (ready_first + 1) % MAX_THREADS;
  ready_count--;
  return fiber;
}

static void fiber_main();

static void continue_as(Fiber* fiber) {
  current = fiber;
  frame_low = (u64)fiber->stack;
  become(fiber->thread);
}

// Continues `fiber`, or the launch itself when there is none.
static void go_to(Fiber* fiber, void** save) {
  if (fiber == nullptr) return sim_switch(save, main_stack_pointer);
  if (fiber->stack == nullptr) {
    fiber->stack = take_stack();
    fiber->stack_pointer = first_frame(fiber->stack, fiber->thread, fiber_main);
  }
  continue_as(fiber);
  sim_switch(save, fiber->stack_pointer);
}

// A thread that never waited leaves its stack to the next one that begins: a kernel without barriers uses a single, warm stack.
static void fiber_main() {
  for (;;) {
    launch.kernel(launch.args);
    Fiber* self = current;
    self->finished = true;
    alive--;
    thread_ended(self);
    Fiber* next = next_ready();
    if (next != nullptr && next->stack == nullptr) {
      next->stack = self->stack;
      self->stack = nullptr;
      continue_as(next);
      continue;
    }
    give_stack(self->stack);
    self->stack = nullptr;
    void* dead;
    go_to(next, &dead);
  }
}

void suspend() {
  Fiber* self = current;
  Fiber* next = next_ready();
  if (next != self) go_to(next, &self->stack_pointer);
}

void give_way() {
  if (schedule == IN_ORDER || random(2) == 0) return;
  make_ready(current);
  suspend();
}

void abandon_launch() {
  abandoned = true;
  void* dead;
  go_to(nullptr, &dead);
  __builtin_unreachable();
}

static void run_block(u32 block_number) {
  begin_block_order(block_number);
  begin_collectives();
  begin_copies();
  poison_shared();
  ready_first = ready_count = 0;
  alive = launch.threads;
  for (u32 t = 0; t < launch.threads; t++) {
    fibers[t] = Fiber{};
    fibers[t].thread = t;
    make_ready(&fibers[t]);
  }
  go_to(next_ready(), &main_stack_pointer);
  if (alive > 0 && !abandoned) {
    abandoned = true;
    current = nullptr;
    report_deadlock();
  }
  for (u32 t = 0; t < launch.threads; t++)
    if (fibers[t].stack != nullptr) give_stack(fibers[t].stack);
}

void run_launch(const Launch& what) {
  launch = what;
  abandoned = false;
  begin_findings();
  begin_launch_order();
  set_shared(launch.shared_bytes);
  u32 block_number = 0;
  for (u32 z = 0; z < launch.grid.z && !abandoned; z++)
    for (u32 y = 0; y < launch.grid.y && !abandoned; y++)
      for (u32 x = 0; x < launch.grid.x && !abandoned; x++) {
        block_index = {x, y, z};
        run_block(block_number++);
      }
  current = nullptr;
}

std::string block_name(u32 number) {
  std::string name = std::to_string(number % launch.grid.x);
  if (launch.grid.y == 1 && launch.grid.z == 1) return name;
  u32 row = number / launch.grid.x;
  return name + "," + std::to_string(row % launch.grid.y) + "," + std::to_string(row / launch.grid.y);
}

bool copies_are_lazy() { return schedule == LAZY; }

// 0: threads run in order. 1: in an order drawn from the seed. 2: that, and asynchronous copies land only when they are waited for.
EXPORT void simSchedule(int mode, u64 seed) {
  schedule = mode;
  random_state = seed;
}

EXPORT Index3 sim_thread() { return {current->thread, 0, 0}; }
EXPORT Index3 sim_block() { return block_index; }
EXPORT Index3 sim_block_size() { return {launch.threads, 1, 1}; }
EXPORT Index3 sim_grid_size() { return launch.grid; }
EXPORT u8* sim_shared_memory() { return arena; }

}  // namespace simulator
