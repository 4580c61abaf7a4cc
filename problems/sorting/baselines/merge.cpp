// Merge sort, as the standard library has it.
#include <algorithm>
#include <numeric>

#include "sort.hpp"

static void merge_sort(std::vector<int>& items, int begin, int end, const Less& less) {
  if (end - begin < 2) return;
  int middle = (begin + end) / 2;
  merge_sort(items, begin, middle, less);
  merge_sort(items, middle, end, less);
  std::inplace_merge(items.begin() + begin, items.begin() + middle, items.begin() + end, less);
}

std::vector<int> order(int n, const Less& less) {
  std::vector<int> items(n);
  std::iota(items.begin(), items.end(), 0);
  merge_sort(items, 0, n, less);
  return items;
}
