// What the compiler calls: before every load and store (-fsanitize=thread), where an address does not fit its type (-fsanitize=alignment); and what
// a thread does to memory in one step.
#include "access.h"

namespace simulator {

#define SITE __builtin_return_address(0)

// Most accesses to a thread's own frame never come here: values whose address stays inside their function are not memory to the compiler.
static inline __attribute__((always_inline)) void touch(void* pointer, u64 bytes, Access access, const void* site) {
  u64 address = (u64)pointer;
  if (address - frame_low < STACK_BYTES || checks == CHECK_NOTHING) return;
  check_access(address, bytes, access, site);
}

EXPORT void __tsan_init() {}
#define HOOKS(size) \
  EXPORT void __tsan_read##size(void* p) { touch(p, size, READ, SITE); } \
  EXPORT void __tsan_write##size(void* p) { touch(p, size, WRITE, SITE); }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
EXPORT void __tsan_read_range(void* p, u64 bytes) { touch(p, bytes, READ, SITE); }
EXPORT void __tsan_write_range(void* p, u64 bytes) { touch(p, bytes, WRITE, SITE); }

struct Mismatch {
  const char* file;
  u32 line, column;
  const void* type;
  u8 log_alignment, kind;
};
EXPORT void __ubsan_handle_type_mismatch_v1(const Mismatch* data, u64 address) {
  if (current != nullptr) check_aligned(address, 1ull << data->log_alignment, SITE, "an access of this width");
}

EXPORT void sim_fence_device() {
  if (checks == CHECK_ALL) fence();
}

enum { ATOMIC_ADD, ATOMIC_MAX };
EXPORT u32 sim_atomic(u32* p, u32 value, u32 kind) {
  if (checks != CHECK_NOTHING) check_atomic((u64)p, SITE);
  u32 old = *p;
  *p = kind == ATOMIC_ADD ? old + value : old > value ? old : value;
  return old;
}

}  // namespace simulator
