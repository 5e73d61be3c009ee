// Modules, functions, launches.
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "driver.h"
#include "shadow.h"

namespace simulator {

u64 launches, launched_threads;

// The section headers stand last in what the linker writes, so they tell the size.
static size_t size_of_image(const void* image) {
  const Elf64_Ehdr* header = (const Elf64_Ehdr*)image;
  if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
  return header->e_shoff + (size_t)header->e_shentsize * header->e_shnum;
}

EXPORT int cuModuleLoadData(Module** module, const void* image) {
  ENTER_SYNCHRONISING("cuModuleLoadData");
  size_t size = size_of_image(image);
  int file = size > 0 ? memfd_create("kernels", MFD_CLOEXEC) : -1;
  if (file < 0) return INVALID_IMAGE;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  void* library = write(file, image, size) == (ssize_t)size ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) {
    add_to_report(dlerror());
    close(file);
    return INVALID_IMAGE;
  }
  *module = new Module{library, file, {}};
  return SUCCESS;
}
EXPORT int cuModuleUnload(Module* module) {
  ENTER_SYNCHRONISING("cuModuleUnload");
  dlclose(module->library);
  close(module->file);
  forget_sources();
  delete module;
  return SUCCESS;
}
EXPORT int cuModuleGetFunction(Function** function, Module* module, const char* name) {
  ENTER("cuModuleGetFunction");
  for (auto& known : module->functions)
    if (known->name == name) return *function = known.get(), SUCCESS;
  void* entry = dlsym(module->library, name);
  void* info = dlsym(module->library, (std::string(name) + "_info").c_str());
  if (entry == nullptr || info == nullptr) return NOT_FOUND;
  module->functions.push_back(std::make_unique<Function>(Function{(void (*)(const void*))entry, (const KernelInfo*)info, name}));
  *function = module->functions.back().get();
  return SUCCESS;
}

enum { MAX_THREADS_OF_FUNCTION = 0, MAX_DYNAMIC_SHARED = 8 };
EXPORT int cuFuncGetAttribute(int* value, int attribute, Function* function) {
  ENTER("cuFuncGetAttribute");
  *value = attribute == MAX_THREADS_OF_FUNCTION ? (int)function->info->threads : attribute == MAX_DYNAMIC_SHARED ? function->dynamic_shared_limit : 0;
  return SUCCESS;
}
EXPORT int cuFuncSetAttribute(Function* function, int attribute, int value) {
  ENTER("cuFuncSetAttribute");
  if (attribute != MAX_DYNAMIC_SHARED) return SUCCESS;
  if (value < 0 || value > (int)SHARED_LIMIT) return INVALID_VALUE;
  function->dynamic_shared_limit = value;
  return SUCCESS;
}
EXPORT int cuFuncGetParamInfo(Function* function, size_t index, size_t* offset, size_t* size) {
  ENTER("cuFuncGetParamInfo");
  if (index != 0) return INVALID_VALUE;
  *offset = 0;
  if (size != nullptr) *size = function->info->args_bytes;
  return SUCCESS;
}

static int run(Function* function, Index3 grid, Index3 block, u32 shared_bytes, Stream* stream, void** params) {
  bool fits = grid.x > 0 && grid.x <= 0x7fffffff && grid.y > 0 && grid.y <= 65535 && grid.z > 0 && grid.z <= 65535;
  if (!fits || block.x != function->info->threads || block.x > MAX_THREADS || block.x % LANES != 0 || block.y != 1 || block.z != 1) return INVALID_VALUE;
  if (params == nullptr || shared_bytes > (u32)function->dynamic_shared_limit) return INVALID_VALUE;
  Work work{.kind = Work::LAUNCH, .function = function, .grid = grid, .shared_bytes = shared_bytes};
  work.args.assign((u8*)params[0], (u8*)params[0] + function->info->args_bytes);
  return submit(stream, std::move(work));
}
EXPORT int cuLaunchKernel(Function* function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared_bytes, Stream* stream, void** params, void**) {
  ENTER("cuLaunchKernel");
  return run(function, {gx, gy, gz}, {bx, by, bz}, shared_bytes, stream, params);
}

struct LaunchConfig {
  Index3 grid, block;
  u32 shared_bytes;
  Stream* stream;
  void* attributes;
  u32 attribute_count;
};
EXPORT int cuLaunchKernelEx(const LaunchConfig* config, Function* function, void** params, void**) {
  ENTER("cuLaunchKernelEx");
  return run(function, config->grid, config->block, config->shared_bytes, config->stream, params);
}

static bool is_device(u64 address) { return address - (u64)arena < ARENA_BYTES; }

int perform(const Work& work) {
  switch (work.kind) {
    case Work::COPY:
      memmove((void*)work.destination, (const void*)work.source, work.bytes);
      if (is_device(work.destination) && is_device(work.source)) mark_copied(work.destination - (u64)arena, work.source - (u64)arena, work.bytes);
      else if (is_device(work.destination)) mark_written(work.destination - (u64)arena, work.bytes);
      copied_bytes += work.bytes;
      return SUCCESS;
    case Work::FILL8:
      memset((void*)work.destination, (int)work.value, work.bytes);
      mark_written(work.destination - (u64)arena, work.bytes);
      return SUCCESS;
    case Work::FILL32:
      for (u64 i = 0; i < work.bytes; i += 4) memcpy((u8*)work.destination + i, &work.value, 4);
      mark_written(work.destination - (u64)arena, work.bytes);
      return SUCCESS;
    default:
      launches++;
      launched_threads += (u64)work.grid.x * work.grid.y * work.grid.z * work.function->info->threads;
      run_launch({.kernel = work.function->entry, .name = work.function->name.c_str(), .args = work.args.data(), .args_bytes = work.function->info->args_bytes,
          .threads = work.function->info->threads, .shared_bytes = work.shared_bytes, .grid = work.grid});
      return findings_of_launch();
  }
}

// Launches, threads they ran, bytes copied: since the library was loaded.
EXPORT void simCounters(u64* launches_out, u64* threads_out, u64* copied_out) {
  std::lock_guard<std::recursive_mutex> hold(driver_lock);
  *launches_out = launches, *threads_out = launched_threads, *copied_out = copied_bytes;
}

}  // namespace simulator
