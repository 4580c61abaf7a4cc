#include "cache.hpp"

#include <deque>
#include <unordered_map>

// EVOLVE-BLOCK-START
// First in, first out; a key that was used goes round again while it has credit, of which there is none yet.
static const int most_credit = 0;
static const int credit_for_a_use = 1;
static std::deque<Key> waiting;
static std::unordered_map<Key, int> credit;

void start(std::uint32_t) {}

void on_hit(Key key) {
  credit[key] += credit_for_a_use;
  if (credit[key] > most_credit) credit[key] = most_credit;
}

Key choose_victim(Key) {
  while (true) {
    Key oldest = waiting.front();
    waiting.pop_front();
    if (credit[oldest] <= 0) return oldest;
    credit[oldest] -= 1;
    waiting.push_back(oldest);
  }
}

void on_insert(Key key) {
  credit[key] = 0;
  waiting.push_back(key);
}
// EVOLVE-BLOCK-END
