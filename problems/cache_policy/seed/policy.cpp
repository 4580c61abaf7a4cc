#include "cache.hpp"

#include <deque>

// EVOLVE-BLOCK-START
// First in, first out.
static std::deque<Key> waiting;

void start(std::uint32_t) {}

void on_hit(Key) {}

Key choose_victim(Key) {
  Key oldest = waiting.front();
  waiting.pop_front();
  return oldest;
}

void on_insert(Key key) { waiting.push_back(key); }
// EVOLVE-BLOCK-END
