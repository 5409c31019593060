// Reads the index of a plan, the size of an arena, `fresh` and the arena on stdin, runs the plan on
// it and writes it to stdout, until end of file.
#include <stdio.h>
#include <stdlib.h>

#include "any_model/any_plan.h"

namespace {

void ReadExactly(void* to, size_t bytes) {
  if (bytes != 0 && fread(to, 1, bytes, stdin) != bytes) exit(0);
}

}  // namespace

int main() {
  for (;;) {
    uint32_t head[3];
    ReadExactly(head, sizeof(head));
    auto* arena = static_cast<uint8_t*>(malloc(head[1]));  // aligned to 16
    ReadExactly(arena, head[1]);
    RunPlan(head[0], arena, head[2]);
    fwrite(arena, 1, head[1], stdout);
    fflush(stdout);
    free(arena);
  }
}
