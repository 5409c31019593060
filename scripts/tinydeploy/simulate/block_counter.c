/* The block hook of cycles.BlockCounter, compiled: the same counts, without Python in the loop.
 *
 * Python is called for a block that is not in the table, and to stop. native.py builds this with
 * Zig and fills `Counter` in; the layouts must stay equal to its ctypes structures. */
#include <stdint.h>

enum { kTakenBranchCycles = 2, kProbes = 16 };

typedef struct Block {
  uint32_t address;
  uint32_t size; /* bytes; 0 marks an empty entry */
  uint32_t cycles;
  uint32_t instructions;
} Block;

typedef struct Counter {
  uint64_t cycles;
  uint64_t instructions;
  uint64_t deadline;
  uint32_t last_address;
  uint32_t last_size;
  uint32_t stopped;
  uint32_t table_mask; /* entries - 1, a power of two */
  Block* table;
  int (*emu_stop)(void* uc);
  int (*reg_read)(void* uc, int reg, void* value);
  int (*find_block)(uint32_t address, uint32_t size, Block* found); /* 0: stop before the block */
  int32_t xpsr;                                                     /* Unicorn's register number */
} Counter;

typedef struct Watch {
  Counter* counter;
  uint32_t condition; /* ARM condition code */
  uint32_t cycles;
} Watch;

static void Stop(void* uc, Counter* counter) {
  counter->stopped = 1;
  counter->emu_stop(uc);
}

/* The entry of a block, or the one to put it into. */
static Block* Look(const Counter* counter, uint32_t address, uint32_t size) {
  const uint32_t home = (address >> 1) * 2654435761u >> 12;
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    Block* block = &counter->table[(home + probe) & counter->table_mask];
    if (block->size == 0 || (block->address == address && block->size == size)) return block;
  }
  return &counter->table[home & counter->table_mask];
}

void EnterBlock(void* uc, uint64_t address64, uint32_t size, Counter* counter) {
  const uint32_t address = (uint32_t)address64;
  if (counter->cycles >= counter->deadline) {
    Stop(uc, counter);
    return;
  }
  Block* block = Look(counter, address, size);
  if (block->address != address || block->size != size) {
    Block found;
    if (!counter->find_block(address, size, &found)) {
      Stop(uc, counter);
      return;
    }
    *block = found;
  }
  if (address != counter->last_address + counter->last_size) counter->cycles += kTakenBranchCycles;
  counter->cycles += block->cycles;
  counter->instructions += block->instructions;
  counter->last_address = address;
  counter->last_size = size;
}

static int Holds(uint32_t condition, uint32_t xpsr) {
  const uint32_t n = xpsr >> 31 & 1, z = xpsr >> 30 & 1, c = xpsr >> 29 & 1, v = xpsr >> 28 & 1;
  const uint32_t outcomes[8] = {z, c, n, v, c & !z, n == v, (n == v) & !z, 1};
  const uint32_t inverted = condition & 1 && condition != 15;
  return outcomes[condition >> 1 & 7] != inverted;
}

void ExecuteWatched(void* uc, uint64_t address, uint32_t size, const Watch* watch) {
  (void)address;
  (void)size;
  uint32_t xpsr = 0;
  watch->counter->reg_read(uc, watch->counter->xpsr, &xpsr);
  if (Holds(watch->condition, xpsr)) watch->counter->cycles += watch->cycles;
}
