// Sorts each list as far as its answers go; prints the next question or the order.
#include <cstdio>
#include <cstring>

#include "sort.hpp"

struct Question {
  int first, second;
};

int main() {
  int lists, n;
  char answers[20000];
  if (std::scanf("%d", &lists) != 1) return 2;
  while (lists-- > 0) {
    if (std::scanf("%d %19999s", &n, answers) != 2) return 2;
    std::size_t used = 0, known = answers[0] == '-' ? 0 : std::strlen(answers);
    try {
      std::vector<int> items = order(n, [&](int a, int b) {
        if (used == known) throw Question{a, b};
        return answers[used++] == '1';
      });
      std::printf("!");
      for (int item : items) std::printf(" %d", item);
      std::printf("\n");
    } catch (const Question& next) {
      std::printf("? %d %d\n", next.first, next.second);
    }
  }
}
