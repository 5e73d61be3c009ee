// What the compiler calls: before every load and store (-fsanitize=thread) and where an address does not fit its type (-fsanitize=alignment).
#include "runtime.h"

namespace simulator {

EXPORT void __tsan_init() {}
#define HOOKS(size) \
  EXPORT void __tsan_read##size(void*) {} \
  EXPORT void __tsan_write##size(void*) {} \
  EXPORT void __tsan_volatile_read##size(void*) {} \
  EXPORT void __tsan_volatile_write##size(void*) {}
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
EXPORT void __tsan_read_range(void*, u64) {}
EXPORT void __tsan_write_range(void*, u64) {}
EXPORT void __ubsan_handle_type_mismatch_v1(void*, u64) {}

}  // namespace simulator
