#include <cub/cub.cuh>

template <typename T>
static int scan(void** tensors, long long length, cudaStream_t stream) {
  const T* x = static_cast<const T*>(tensors[0]);
  T* out = static_cast<T*>(tensors[1]);
  void* scratch = nullptr;
  size_t bytes = 0;
  cub::DeviceScan::InclusiveSum(scratch, bytes, x, out, length, stream);
  if (cudaMallocAsync(&scratch, bytes, stream)) return 1;
  cub::DeviceScan::InclusiveSum(scratch, bytes, x, out, length, stream);
  cudaFreeAsync(scratch, stream);
  return cudaGetLastError();
}

extern "C" int prefix_sum(void** tensors, const long long* sizes, void* stream) {
  cudaStream_t own = static_cast<cudaStream_t>(stream);
  return sizes[1] ? scan<float>(tensors, sizes[0], own) : scan<int>(tensors, sizes[0], own);
}
