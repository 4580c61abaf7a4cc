// EVOLVE-BLOCK-START
constexpr int THREADS = 256;
constexpr int EACH = 4;

// One block goes over the whole array, a tile at a time, and carries the sum so far along.
template <typename T>
__global__ void scan_kernel(const T* x, T* out, long long length) {
  __shared__ T sums[THREADS];
  T carried = 0;
  for (long long start = 0; start < length; start += THREADS * EACH) {
    long long first = start + threadIdx.x * EACH;
    T own[EACH];
    T total = 0;
    for (int i = 0; i < EACH; ++i) {
      total += first + i < length ? x[first + i] : T(0);
      own[i] = total;
    }
    sums[threadIdx.x] = total;
    __syncthreads();
    for (int step = 1; step < THREADS; step *= 2) {
      T before = threadIdx.x >= step ? sums[threadIdx.x - step] : T(0);
      __syncthreads();
      sums[threadIdx.x] += before;
      __syncthreads();
    }
    T left = carried + (threadIdx.x ? sums[threadIdx.x - 1] : T(0));
    for (int i = 0; i < EACH; ++i) {
      if (first + i < length) out[first + i] = left + own[i];
    }
    carried += sums[THREADS - 1];
    __syncthreads();
  }
}

template <typename T>
static int scan(void** tensors, long long length, cudaStream_t stream) {
  scan_kernel<T><<<1, THREADS, 0, stream>>>(static_cast<const T*>(tensors[0]), static_cast<T*>(tensors[1]), length);
  return cudaGetLastError();
}
// EVOLVE-BLOCK-END

extern "C" int prefix_sum(void** tensors, const long long* sizes, void* stream) {
  cudaStream_t own = static_cast<cudaStream_t>(stream);
  return sizes[1] ? scan<float>(tensors, sizes[0], own) : scan<int>(tensors, sizes[0], own);
}
