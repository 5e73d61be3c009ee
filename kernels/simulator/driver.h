// The part of the CUDA driver's interface that the simulator answers: names, numbers and layouts are the driver's own.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "runtime.h"

enum Result : int {
  SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201,
  INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600, ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719, NOT_SUPPORTED = 801,
  CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901, ILLEGAL_STATE = 401,
};

namespace simulator {

struct Function {
  void (*entry)(const void*);
  const KernelInfo* info;
  std::string name;
  int dynamic_shared_limit = 48 << 10;
};
struct Module {
  void* library;
  int file;
  std::vector<std::unique_ptr<Function>> functions;
};

// One thing a stream does. Data that the call may change or free after it returns is copied.
struct Work {
  enum Kind { COPY, FILL8, FILL32, LAUNCH } kind;
  u64 destination = 0, source = 0, bytes = 0;
  u32 value = 0;
  const Function* function = nullptr;
  Index3 grid{};
  u32 shared_bytes = 0;
  std::vector<u8> args = {};
};
struct Graph { std::vector<Work> nodes; };
struct Stream { std::unique_ptr<Graph> capture; };
struct Event { u64 nanoseconds; };

// Every call holds the lock; a planned fault is answered before the call does anything.
extern std::recursive_mutex driver_lock;
int planned_fault(const char* api);
bool capturing();  // any stream: calls that synchronise or allocate are refused as the driver refuses them
#define ENTER(api) \
  std::lock_guard<std::recursive_mutex> hold(driver_lock); \
  if (int fault = planned_fault(api)) return fault
#define ENTER_SYNCHRONISING(api) \
  ENTER(api); \
  if (capturing()) return CAPTURE_UNSUPPORTED

int submit(Stream* stream, Work&& work);  // does it now, or records it
int perform(const Work& work);
Graph* begin_capture(Stream* stream);
u64 nanoseconds();

extern u64 launches, launched_threads, copied_bytes;

}  // namespace simulator
