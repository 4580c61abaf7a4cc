// Binary insertion.
#include <algorithm>

#include "sort.hpp"

std::vector<int> order(int n, const Less& less) {
  std::vector<int> sorted;
  for (int item = 0; item < n; ++item) sorted.insert(std::upper_bound(sorted.begin(), sorted.end(), item, less), item);
  return sorted;
}
