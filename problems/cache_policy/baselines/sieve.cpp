// SIEVE (Zhang et al., NSDI 2024): a queue in order of insertion and a hand that passes over, and marks as unused,
// what was used since it last came by.
#include "cache.hpp"

#include <list>
#include <unordered_map>

struct Entry {
  Key key;
  bool used;
};

static std::list<Entry> queue;  // newest first
static std::unordered_map<Key, std::list<Entry>::iterator> place;
static auto hand = queue.end();

void start(std::uint32_t) {}

void on_hit(Key key) { place[key]->used = true; }

static void step() { hand = hand == queue.begin() ? std::prev(queue.end()) : std::prev(hand); }

Key choose_victim(Key) {
  if (hand == queue.end()) hand = std::prev(queue.end());
  while (hand->used) {
    hand->used = false;
    step();
  }
  Key victim = hand->key;
  auto gone = hand;
  hand = hand == queue.begin() ? queue.end() : std::prev(hand);
  queue.erase(gone);
  place.erase(victim);
  return victim;
}

void on_insert(Key key) {
  queue.push_front({key, false});
  place[key] = queue.begin();
}
