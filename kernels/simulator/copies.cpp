// cp.async: copies from global to shared memory in groups, each of which is complete when its thread has waited for it.
#include <cstring>
#include <deque>
#include <vector>

#include "access.h"

namespace simulator {

// A group is one agent beside the thread. What it writes may land at any time between the issue and the wait: at the issue as the simulator
// usually does, at the wait when copies are lazy.
struct Landing {
  u32 shared, size;
  u8 bytes[16];
};
struct Group {
  Epoch copy = 0;
  std::vector<Landing> landings;
};
static std::deque<Group> groups[MAX_THREADS];  // committed and not waited for, and the one that is open

void begin_copies() {
  for (u32 t = 0; t < launch.threads; t++) groups[t].assign(1, {});
}

static void land(const Landing& landing) {
  memcpy(arena + landing.shared, landing.bytes, landing.size);
  if (checks != CHECK_NOTHING) mark_written(landing.shared, landing.size);
}

EXPORT void sim_copy_async(u32 shared, const void* global, u32 size, u32 bytes) {
  const void* site = __builtin_return_address(0);
  if (bytes > size) {
    report(FAULT_LAUNCH, "copy_async of " + std::to_string(size) + " bytes is to read " + std::to_string(bytes), site);
    abandon_launch();
  }
  check_aligned((u64)global, size, site, "copy_async");
  if (checks != CHECK_NOTHING && bytes > 0) check_access((u64)global, bytes, READ, site);
  check_shared(shared, size, WRITE, site, "copy_async");
  Group& group = groups[current->thread].back();
  if (checks == CHECK_ALL) {
    if (group.copy == 0) group.copy = new_copy(site);
    own_by_copy(shared, size, group.copy);
  }
  Landing landing{shared, size, {}};
  memcpy(landing.bytes, global, bytes);
  if (!copies_are_lazy()) return land(landing);
  if (checks != CHECK_NOTHING) mark_unwritten(shared, size);
  group.landings.push_back(landing);
}

EXPORT void sim_copy_async_commit() { groups[current->thread].emplace_back(); }

EXPORT void sim_copy_async_wait(int under_way) {
  std::deque<Group>& own = groups[current->thread];
  while ((int)own.size() - 1 > under_way) {
    for (const Landing& landing : own.front().landings) land(landing);
    if (own.front().copy != 0) finish_copy(own.front().copy);
    own.pop_front();
  }
}

}  // namespace simulator
