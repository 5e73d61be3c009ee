// Device, context, errors, faults on demand.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>

#include "driver.h"

namespace simulator {

std::recursive_mutex driver_lock;
static bool initialised;
static char the_context;  // its address is its handle
static thread_local void* current_context;
static int references;
static std::string fault_api;
static int fault_countdown, fault_error, sticky_error;
static int multiprocessors = 4;

// An error of a kernel that ran wrong stays with its context, as on the device.
int planned_fault(const char* api) {
  if (sticky_error != 0) return sticky_error;
  if (fault_error == 0 || fault_api != api || --fault_countdown > 0) return 0;
  int error = fault_error;
  fault_error = 0;
  if (error >= ILLEGAL_ADDRESS && error <= LAUNCH_FAILED) sticky_error = error;
  return error;
}

// The nth call of `api` from now on answers `error`, once; "" calls it off and heals the context.
EXPORT void simFail(const char* api, int nth, int error) {
  std::lock_guard<std::recursive_mutex> hold(driver_lock);
  fault_api = api;
  fault_countdown = nth;
  fault_error = *api != 0 ? error : 0;
  sticky_error = 0;
}

// How many the device has, from now on.
EXPORT void simMultiprocessors(int count) {
  std::lock_guard<std::recursive_mutex> hold(driver_lock);
  multiprocessors = count;
}

// Kernels find sim_* and the compiler's hooks in this library, however the process opened it.
static bool show_symbols() {
  Dl_info self;
  return dladdr((void*)show_symbols, &self) != 0 && dlopen(self.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) != nullptr;
}

EXPORT int cuInit(u32) {
  ENTER("cuInit");
  if (!initialised && (!show_symbols() || !reserve_arena())) return OUT_OF_MEMORY;
  initialised = true;
  return SUCCESS;
}
EXPORT int cuDriverGetVersion(int* version) {
  ENTER("cuDriverGetVersion");
  *version = 12040;
  return SUCCESS;
}
EXPORT int cuDeviceGetCount(int* count) {
  ENTER("cuDeviceGetCount");
  *count = 1;
  return initialised ? SUCCESS : NOT_INITIALIZED;
}
EXPORT int cuDeviceGet(int* device, int ordinal) {
  ENTER("cuDeviceGet");
  if (!initialised) return NOT_INITIALIZED;
  if (ordinal != 0) return INVALID_DEVICE;
  *device = 0;
  return SUCCESS;
}
EXPORT int cuDeviceGetName(char* name, int length, int) {
  ENTER("cuDeviceGetName");
  snprintf(name, (size_t)length, "JepaEngine simulator");
  return SUCCESS;
}
EXPORT int cuDeviceGetUuid(void* uuid, int) {
  ENTER("cuDeviceGetUuid");
  memcpy(uuid, "JepaEngine-sim-0", 16);
  return SUCCESS;
}
EXPORT int cuDeviceTotalMem_v2(size_t* bytes, int) {
  ENTER("cuDeviceTotalMem_v2");
  *bytes = DEVICE_BYTES;
  return SUCCESS;
}

// The smallest device that every kernel must run on (compute capability 8.6). It has few multiprocessors unless told
// otherwise: loops over tiles then take several turns.
EXPORT int cuDeviceGetAttribute(int* value, int attribute, int) {
  ENTER("cuDeviceGetAttribute");
  switch (attribute) {
    case 1: *value = MAX_THREADS; break;         // threads a block
    case 2: case 3: *value = 1024; break;        // block x, y
    case 4: *value = 64; break;                  // block z
    case 5: *value = 0x7fffffff; break;          // grid x
    case 6: case 7: *value = 65535; break;       // grid y, z
    case 8: *value = 48 << 10; break;            // shared bytes a block
    case 9: *value = 64 << 10; break;            // constant bytes
    case 10: *value = LANES; break;              // warp
    case 12: case 82: *value = 65536; break;     // registers a block, a multiprocessor
    case 13: *value = 1000000; break;            // clock, kHz
    case 14: *value = 512; break;                // alignment of textures
    case 16: *value = multiprocessors; break;
    case 36: *value = 1000000; break;            // memory clock, kHz
    case 37: *value = 128; break;                // bus, bits
    case 38: *value = 4 << 20; break;            // L2 bytes
    case 39: *value = 1536; break;               // threads a multiprocessor
    case 41: case 115: *value = 1; break;        // unified addressing, memory pools
    case 75: *value = 8; break;                  // compute capability
    case 76: *value = 6; break;
    case 81: *value = 100 << 10; break;          // shared bytes a multiprocessor
    case 97: *value = (int)SHARED_LIMIT; break;  // shared bytes a block, opted in
    case 106: *value = 16; break;                // blocks a multiprocessor
    case 111: *value = 1 << 10; break;           // shared bytes reserved a block
    default: *value = 0;
  }
  return SUCCESS;
}

EXPORT int cuDevicePrimaryCtxRetain(void** context, int device) {
  ENTER("cuDevicePrimaryCtxRetain");
  if (!initialised) return NOT_INITIALIZED;
  if (device != 0) return INVALID_DEVICE;
  references++;
  *context = &the_context;
  return SUCCESS;
}
EXPORT int cuDevicePrimaryCtxRelease_v2(int) {
  ENTER("cuDevicePrimaryCtxRelease_v2");
  if (references == 0) return INVALID_CONTEXT;
  references--;
  return SUCCESS;
}
EXPORT int cuCtxSetCurrent(void* context) {
  ENTER("cuCtxSetCurrent");
  if (context != nullptr && context != &the_context) return INVALID_CONTEXT;
  current_context = context;
  return SUCCESS;
}
EXPORT int cuCtxGetCurrent(void** context) {
  ENTER("cuCtxGetCurrent");
  *context = current_context;
  return SUCCESS;
}
EXPORT int cuCtxGetDevice(int* device) {
  ENTER("cuCtxGetDevice");
  *device = 0;
  return current_context != nullptr ? SUCCESS : INVALID_CONTEXT;
}
EXPORT int cuCtxSynchronize() {
  ENTER_SYNCHRONISING("cuCtxSynchronize");
  return SUCCESS;
}

struct Error { int code; const char* name; const char* text; };
static const Error ERRORS[] = {
  {SUCCESS, "CUDA_SUCCESS", "no error"},
  {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
  {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
  {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
  {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
  {INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
  {INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
  {INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
  {ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
  {NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
  {NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
  {ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
  {LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
  {NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
  {CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
  {CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
};
EXPORT int cuGetErrorName(int code, const char** text) {
  for (const Error& e : ERRORS)
    if (e.code == code) return *text = e.name, SUCCESS;
  *text = nullptr;
  return INVALID_VALUE;
}
EXPORT int cuGetErrorString(int code, const char** text) {
  for (const Error& e : ERRORS)
    if (e.code == code) return *text = e.text, SUCCESS;
  *text = nullptr;
  return INVALID_VALUE;
}

}  // namespace simulator
