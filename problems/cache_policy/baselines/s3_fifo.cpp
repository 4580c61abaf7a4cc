// S3-FIFO (Yang et al., SOSP 2023): a small queue for newcomers, a main one for what was used, a list of ghosts.
#include "cache.hpp"

#include <deque>
#include <unordered_map>
#include <unordered_set>

static std::size_t small_size, ghosts_kept;
static std::deque<Key> newcomers, regulars, ghosts;
static std::unordered_map<Key, int> uses;
static std::unordered_set<Key> ghost;

void start(std::uint32_t capacity) {
  small_size = capacity / 10 > 0 ? capacity / 10 : 1;
  ghosts_kept = capacity - small_size;
}

void on_hit(Key key) {
  int& count = uses[key];
  if (count < 3) ++count;
}

static Key take(std::deque<Key>& queue) {
  Key key = queue.front();
  queue.pop_front();
  return key;
}

static void remember(Key key) {
  ghosts.push_back(key);
  ghost.insert(key);
  if (ghosts.size() > ghosts_kept) ghost.erase(take(ghosts));
}

Key choose_victim(Key) {
  while (true) {
    if (newcomers.size() >= small_size || regulars.empty()) {
      while (!newcomers.empty()) {
        Key key = take(newcomers);
        if (uses[key] == 0) {
          uses.erase(key);
          remember(key);
          return key;
        }
        uses[key] = 0;
        regulars.push_back(key);
      }
    }
    Key key = take(regulars);
    if (uses[key] == 0) {
      uses.erase(key);
      return key;
    }
    --uses[key];
    regulars.push_back(key);
  }
}

void on_insert(Key key) {
  uses[key] = 0;
  (ghost.count(key) ? regulars : newcomers).push_back(key);
}
