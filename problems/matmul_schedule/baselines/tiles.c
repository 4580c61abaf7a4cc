#include "schedule.h"

// Four rows of c at once, along rows of b: each element of b that is loaded is used four times.
#define SPAN 128

void multiply(int n, const double *restrict a, const double *restrict b, double *restrict c) {
  for (int k0 = 0; k0 < n; k0 += SPAN) {
    const int k1 = k0 + SPAN < n ? k0 + SPAN : n;
    int i = 0;
    for (; i + 4 <= n; i += 4) {
      double *restrict c0 = c + i * n, *restrict c1 = c0 + n, *restrict c2 = c1 + n, *restrict c3 = c2 + n;
      for (int k = k0; k < k1; ++k) {
        const double a0 = a[i * n + k], a1 = a[(i + 1) * n + k], a2 = a[(i + 2) * n + k], a3 = a[(i + 3) * n + k];
        const double *restrict row = b + k * n;
        for (int j = 0; j < n; ++j) {
          const double x = row[j];
          c0[j] += a0 * x;
          c1[j] += a1 * x;
          c2[j] += a2 * x;
          c3[j] += a3 * x;
        }
      }
    }
    for (; i < n; ++i)
      for (int k = k0; k < k1; ++k)
        for (int j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
  }
}
