#include "sort.hpp"

std::vector<int> order(int n, const Less& less) {
  // EVOLVE-BLOCK-START
  // Insertion, from the end: back by a stride at a time, then by one.
  const int stride = 8;
  std::vector<int> sorted;
  for (int item = 0; item < n; ++item) {
    int place = sorted.size();
    while (place >= stride && less(item, sorted[place - stride])) place -= stride;
    while (place > 0 && less(item, sorted[place - 1])) place -= 1;
    sorted.insert(sorted.begin() + place, item);
  }
  return sorted;
  // EVOLVE-BLOCK-END
}
