// Feeds a trace to the policy and prints whom it evicts: capacity, length and keys in, victims out, all as 4 bytes.
#include <cstdio>
#include <unordered_set>
#include <vector>

#include "cache.hpp"

int main() {
  std::uint32_t head[2];
  if (std::fread(head, sizeof head[0], 2, stdin) != 2) return 2;
  std::vector<Key> keys(head[1]), victims;
  if (std::fread(keys.data(), sizeof(Key), keys.size(), stdin) != keys.size()) return 2;
  std::unordered_set<Key> cached;
  start(head[0]);
  for (Key key : keys) {
    if (cached.count(key)) {
      on_hit(key);
      continue;
    }
    if (cached.size() == head[0]) {
      Key victim = choose_victim(key);
      victims.push_back(victim);
      cached.erase(victim);
    }
    cached.insert(key);
    on_insert(key);
  }
  std::fwrite(victims.data(), sizeof(Key), victims.size(), stdout);
  return 0;
}
