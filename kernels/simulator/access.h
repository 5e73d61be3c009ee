// The check of one access by the present thread.
#pragma once
#include "order.h"

namespace simulator {

enum Access { READ, WRITE };

// Of a kernel's load or store, anywhere; at once harmless when it is in the thread's own frame.
void check_access(u64 address, u64 bytes, Access access, const void* site);

// Of an instruction that names shared memory by offset.
void check_shared(u64 offset, u64 bytes, Access access, const void* site, const char* what);
void check_aligned(u64 address, u64 bytes, const void* site, const char* what);
void check_atomic(u64 address, const void* site);
void own_by_copy(u64 offset, u64 bytes, Epoch copy);  // what was written by the thread at issue is being written by a copy

}  // namespace simulator
