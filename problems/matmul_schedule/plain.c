#include "schedule.h"

void multiply(int n, const double *restrict a, const double *restrict b, double *restrict c) {
  // EVOLVE-BLOCK-START
  // Three loops over tiles, three within them; one tile is all of the matrix here.
  const int rows = 1024, inner = 1024, columns = 1024;
  for (int i0 = 0; i0 < n; i0 += rows) {
    for (int j0 = 0; j0 < n; j0 += columns) {
      for (int k0 = 0; k0 < n; k0 += inner) {
        const int i1 = i0 + rows < n ? i0 + rows : n;
        const int j1 = j0 + columns < n ? j0 + columns : n;
        const int k1 = k0 + inner < n ? k0 + inner : n;
        for (int i = i0; i < i1; ++i)
          for (int j = j0; j < j1; ++j)
            for (int k = k0; k < k1; ++k)
              c[i * n + j] += a[i * n + k] * b[k * n + j];
      }
    }
  }
  // EVOLVE-BLOCK-END
}
