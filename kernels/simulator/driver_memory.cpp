// Allocations, copies and fills.
#include <cstdlib>
#include <cstring>
#include <set>

#include "driver.h"

namespace simulator {

static std::set<void*> pinned;
u64 copied_bytes;

static int new_allocation(u64* pointer, size_t bytes) {
  if (bytes == 0) return INVALID_VALUE;
  *pointer = allocate(bytes);
  return *pointer != 0 ? SUCCESS : OUT_OF_MEMORY;
}
static int end_allocation(u64 pointer) { return pointer == 0 || release(pointer) ? SUCCESS : INVALID_VALUE; }

EXPORT int cuMemGetInfo_v2(size_t* free, size_t* total) {
  ENTER("cuMemGetInfo_v2");
  *total = DEVICE_BYTES;
  *free = DEVICE_BYTES - allocated_bytes();
  return SUCCESS;
}
EXPORT int cuMemAlloc_v2(u64* pointer, size_t bytes) {
  ENTER_SYNCHRONISING("cuMemAlloc_v2");
  return new_allocation(pointer, bytes);
}
EXPORT int cuMemFree_v2(u64 pointer) {
  ENTER_SYNCHRONISING("cuMemFree_v2");
  return end_allocation(pointer);
}
// The driver could record these in a graph; the engine never asks for it.
EXPORT int cuMemAllocAsync(u64* pointer, size_t bytes, Stream*) {
  ENTER_SYNCHRONISING("cuMemAllocAsync");
  return new_allocation(pointer, bytes);
}
EXPORT int cuMemFreeAsync(u64 pointer, Stream*) {
  ENTER_SYNCHRONISING("cuMemFreeAsync");
  return end_allocation(pointer);
}
// What the driver cannot know: that an allocator above it uses the first `bytes` of a block anew, or, when they are 0, has the block back.
EXPORT int simLend(u64 pointer, size_t bytes, size_t capacity) {
  ENTER("simLend");
  if (bytes > capacity || pointer % 4 != 0 || !is_allocated(pointer, capacity)) return INVALID_VALUE;
  lend(pointer, bytes, capacity);
  return SUCCESS;
}
EXPORT int cuMemAllocHost_v2(void** pointer, size_t bytes) {
  ENTER_SYNCHRONISING("cuMemAllocHost_v2");
  if (bytes == 0) return INVALID_VALUE;
  if (posix_memalign(pointer, 4096, bytes) != 0) return OUT_OF_MEMORY;
  pinned.insert(*pointer);
  return SUCCESS;
}
EXPORT int cuMemFreeHost(void* pointer) {
  ENTER_SYNCHRONISING("cuMemFreeHost");
  if (pinned.erase(pointer) == 0) return INVALID_VALUE;
  free(pointer);
  return SUCCESS;
}

static int copy(Stream* stream, u64 destination, u64 source, size_t bytes, bool to_device, bool from_device) {
  if (bytes == 0) return SUCCESS;
  if ((to_device && !is_allocated(destination, bytes)) || (from_device && !is_allocated(source, bytes))) return INVALID_VALUE;
  return submit(stream, Work{.kind = Work::COPY, .destination = destination, .source = source, .bytes = bytes});
}
EXPORT int cuMemcpyHtoDAsync_v2(u64 destination, const void* source, size_t bytes, Stream* stream) {
  ENTER("cuMemcpyHtoDAsync_v2");
  return copy(stream, destination, (u64)source, bytes, true, false);
}
EXPORT int cuMemcpyDtoHAsync_v2(void* destination, u64 source, size_t bytes, Stream* stream) {
  ENTER("cuMemcpyDtoHAsync_v2");
  return copy(stream, (u64)destination, source, bytes, false, true);
}
EXPORT int cuMemcpyDtoDAsync_v2(u64 destination, u64 source, size_t bytes, Stream* stream) {
  ENTER("cuMemcpyDtoDAsync_v2");
  return copy(stream, destination, source, bytes, true, true);
}
EXPORT int cuMemsetD8Async(u64 destination, u8 value, size_t count, Stream* stream) {
  ENTER("cuMemsetD8Async");
  if (count == 0) return SUCCESS;
  if (!is_allocated(destination, count)) return INVALID_VALUE;
  return submit(stream, Work{.kind = Work::FILL8, .destination = destination, .bytes = count, .value = value});
}
EXPORT int cuMemsetD32Async(u64 destination, u32 value, size_t count, Stream* stream) {
  ENTER("cuMemsetD32Async");
  if (count == 0) return SUCCESS;
  if (destination % 4 != 0 || !is_allocated(destination, count * 4)) return INVALID_VALUE;
  return submit(stream, Work{.kind = Work::FILL32, .destination = destination, .bytes = count * 4, .value = value});
}

}  // namespace simulator
