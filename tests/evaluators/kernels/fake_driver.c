// The calls of the CUDA driver that judge and shim make, on memory of this machine. It checks what it is given.
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef unsigned long long pointer;
typedef struct { int type, id; } Location;
typedef struct { int type, handles; Location location; void *windows; unsigned char flags[8]; } Allocation;
typedef struct { Location location; int flags; } Access;
typedef struct { char reserved[64]; } Handle;

enum { OK = 0, INVALID = 1, GRANULARITY = 2 << 20 };
static int started, current;
static long streams;

int cuInit(unsigned flags) { started = 1; return flags ? INVALID : OK; }
int cuDeviceGetCount(int *count) { *count = 1; return started ? OK : INVALID; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal ? INVALID : OK; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "a fake GPU", size); return device ? INVALID : OK; }
int cuDriverGetVersion(int *version) { *version = 13000; return OK; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)&current; return device ? INVALID : OK; }
int cuDevicePrimaryCtxRelease_v2(int device) { return device ? INVALID : OK; }
int cuCtxSetCurrent(void *context) { return context == (void *)&current ? OK : INVALID; }
int cuCtxSynchronize(void) { return OK; }
int cuCtxResetPersistingL2Cache(void) { return OK; }
int cuGetErrorString(int code, const char **words) { *words = code == INVALID ? "invalid value" : "?"; return OK; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 38 ? 1 << 20 : attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 103 ? 1 : 1000000;
  return device ? INVALID : OK;
}
int cuStreamCreate(void **stream, unsigned flags) { *stream = (void *)&streams; return flags == 1 ? OK : INVALID; }
int cuStreamSynchronize(void *stream) { return stream == (void *)&streams ? OK : INVALID; }
int cuStreamDestroy_v2(void *stream) { return stream == (void *)&streams ? OK : INVALID; }
int cuMemAlloc_v2(pointer *address, size_t size) { *address = (pointer)malloc(size); return size ? OK : INVALID; }
int cuMemFree_v2(pointer address) { free((void *)address); return OK; }
int cuMemcpyHtoD_v2(pointer to, const void *from, size_t size) { memcpy((void *)to, from, size); return OK; }
int cuMemcpyDtoH_v2(void *to, pointer from, size_t size) { memcpy(to, (void *)from, size); return OK; }
int cuMemcpyDtoDAsync_v2(pointer to, pointer from, size_t size, void *stream) {
  memcpy((void *)to, (void *)from, size);
  return cuStreamSynchronize(stream);
}
int cuMemsetD8Async(pointer to, unsigned char byte, size_t size, void *stream) {
  memset((void *)to, byte, size);
  return cuStreamSynchronize(stream);
}
int cuMemGetAllocationGranularity(size_t *size, const Allocation *wanted, int option) {
  *size = GRANULARITY;
  return sizeof *wanted == 32 && wanted->location.type == 1 && option == 0 ? OK : INVALID;
}
int cuMemCreate(pointer *handle, size_t size, const Allocation *wanted, pointer flags) {
  int descriptor = memfd_create("fake", 0);
  if (size % GRANULARITY || flags || wanted->type != 1 || wanted->handles != 1 || getenv("FAKE_NO_EXPORT")) return INVALID;
  *handle = descriptor;
  return ftruncate(descriptor, size) ? INVALID : OK;
}
int cuMemExportToShareableHandle(int *descriptor, pointer handle, int type, pointer flags) {
  *descriptor = dup((int)handle);
  return type == 1 && !flags ? OK : INVALID;
}
int cuMemImportFromShareableHandle(pointer *handle, void *descriptor, int type) {
  *handle = dup((int)(long)descriptor);
  return type == 1 && (long)*handle > 0 ? OK : INVALID;
}
int cuMemAddressReserve(pointer *address, size_t size, size_t alignment, pointer wanted, pointer flags) {
  *address = (pointer)mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return alignment || wanted || flags || size % GRANULARITY ? INVALID : OK;
}
int cuMemMap(pointer address, size_t size, size_t offset, pointer handle, pointer flags) {
  void *mapped = mmap((void *)address, size, PROT_NONE, MAP_SHARED | MAP_FIXED, (int)handle, offset);
  return mapped == (void *)address && !flags ? OK : INVALID;
}
int cuMemSetAccess(pointer address, size_t size, const Access *access, size_t count) {
  if (count != 1 || access->location.type != 1 || access->flags != 3) return INVALID;
  return mprotect((void *)address, size, PROT_READ | PROT_WRITE) ? INVALID : OK;
}
int cuMemUnmap(pointer address, size_t size) { return munmap((void *)address, size) ? INVALID : OK; }
int cuMemRelease(pointer handle) { return close((int)handle) ? INVALID : OK; }
int cuMemAddressFree(pointer address, size_t size) { return address && size ? OK : INVALID; }
int cuIpcGetMemHandle(Handle *handle, pointer address) { memcpy(handle, &address, sizeof address); return OK; }
int cuIpcOpenMemHandle_v2(pointer *address, Handle handle, unsigned flags) {
  memcpy(address, &handle, sizeof *address);
  return flags == 1 ? OK : INVALID;
}
