// What order.cpp defines and main.cpp calls.
#pragma once
#include <functional>
#include <vector>

using Less = std::function<bool(int, int)>;

std::vector<int> order(int n, const Less& less);
