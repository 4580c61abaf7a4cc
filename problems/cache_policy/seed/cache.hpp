// What policy.cpp defines and main.cpp calls.
#pragma once
#include <cstdint>

using Key = std::uint32_t;

// Once, before the first access.
void start(std::uint32_t capacity);

// The key was in the cache.
void on_hit(Key key);

// The cache is full and `incoming` is not in it: which key goes?
Key choose_victim(Key incoming);

// The key has come into the cache, after the victim, if there was one, has left.
void on_insert(Key key);
