#include "sort.hpp"

std::vector<int> order(int n, const Less& less) {
  // EVOLVE-BLOCK-START
  // Insertion, from the end.
  std::vector<int> sorted;
  for (int item = 0; item < n; ++item) {
    auto place = sorted.end();
    while (place != sorted.begin() && less(item, *(place - 1))) --place;
    sorted.insert(place, item);
  }
  return sorted;
  // EVOLVE-BLOCK-END
}
