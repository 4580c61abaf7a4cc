// Least recently used.
#include "cache.hpp"

#include <list>
#include <unordered_map>

static std::list<Key> by_use;
static std::unordered_map<Key, std::list<Key>::iterator> place;

void start(std::uint32_t) {}

void on_hit(Key key) { by_use.splice(by_use.begin(), by_use, place[key]); }

Key choose_victim(Key) {
  Key oldest = by_use.back();
  by_use.pop_back();
  place.erase(oldest);
  return oldest;
}

void on_insert(Key key) {
  by_use.push_front(key);
  place[key] = by_use.begin();
}
