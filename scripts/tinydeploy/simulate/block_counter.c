/* The hooks of cycles.BlockCounter, compiled: the same counts, without Python in the loop.
 *
 * Python is called for a block that is not in the table and for a check that fails. native.py
 * builds this with Zig and fills `Counter` in; the layouts must stay equal to its ctypes
 * structures. */
#include <stdint.h>

enum { kTakenBranchCycles = 2, kProbes = 16 };
enum { kCheckDivide = 2, kCheckAlign = 8 };
enum { kItState = 0x0600FC00 }; /* in xPSR */

typedef struct Block {
  uint32_t address;
  uint32_t size; /* bytes; 0 marks an empty entry */
  uint32_t cycles;
  uint32_t instructions;
} Block;

typedef struct Watch {
  uint32_t address; /* 0 marks an empty entry */
  int32_t cycles;
  uint32_t check;
  int32_t reg; /* Unicorn's number */
} Watch;

typedef struct Counter {
  uint64_t cycles;
  uint64_t instructions;
  uint64_t deadline;
  uint32_t last_address;
  uint32_t last_size;
  uint32_t stopped;
  uint32_t checks;
  uint32_t block_mask; /* entries - 1, a power of two; the same for the others */
  uint32_t watch_mask;
  uint32_t filter_mask;
  Block* blocks;
  Watch* watches;
  const uint8_t* filter; /* not 0 where the halfword at this index may be watched */
  int (*emu_stop)(void* uc);
  int (*reg_read)(void* uc, int reg, void* value);
  int (*find_block)(uint32_t address, uint32_t size); /* puts it into the table; 0: stop */
  void (*on_check)(uint32_t failed);
  uint32_t flash_end; /* 0: no wait states; see flash_timing.py for these */
  uint32_t wait_cycles;
  uint32_t line_shift;
  uint32_t set_mask;
  uint32_t ways;
  uint32_t caches_data;
  uint32_t* lines; /* sets x ways: number of the line + 1, the one used last in front */
  int xpsr;        /* Unicorn's number */
  int (*reg_write)(void* uc, int reg, const void* value);
} Counter;

static void Stop(void* uc, Counter* counter) {
  counter->stopped = 1;
  counter->emu_stop(uc);
}

static uint32_t Hash(uint32_t address) { return (address >> 1) * 2654435761u >> 12; }

static const Block* FindBlock(const Counter* counter, uint32_t address, uint32_t size) {
  uint32_t slot = Hash(address);
  for (uint32_t probe = 0; probe < kProbes; ++probe, ++slot) {
    const Block* block = &counter->blocks[slot & counter->block_mask];
    if (block->address == address && block->size == size) return block;
    if (block->size == 0) break;
  }
  return 0;
}

/* Puts a block into the first free entry, or over the first where none is near. */
void AddBlock(Counter* counter, const Block* block) {
  const uint32_t home = Hash(block->address);
  for (uint32_t probe = 0; probe < kProbes; ++probe) {
    Block* entry = &counter->blocks[(home + probe) & counter->block_mask];
    if (entry->size == 0) {
      *entry = *block;
      return;
    }
  }
  counter->blocks[home & counter->block_mask] = *block;
}

static void TouchLine(Counter* counter, uint32_t line) {
  uint32_t* const set = counter->lines + (line & counter->set_mask) * counter->ways;
  uint32_t way = 0;
  while (way < counter->ways - 1 && set[way] != line + 1) ++way;
  if (set[way] != line + 1) counter->cycles += counter->wait_cycles;
  for (; way > 0; --way) set[way] = set[way - 1];
  set[0] = line + 1;
}

static void Fetch(Counter* counter, uint32_t address, uint32_t size) {
  const uint32_t last = (address + size - 1) >> counter->line_shift;
  for (uint32_t line = address >> counter->line_shift; line <= last; ++line) {
    TouchLine(counter, line);
  }
}

/* Before it calls a hook for a load, Unicorn puts the ITSTATE of the instruction into xPSR, where
 * it keeps 0 while translated code runs; left there it would be that of the next block. */
static void ClearItState(void* uc, const Counter* counter) {
  uint32_t xpsr = 0;
  counter->reg_read(uc, counter->xpsr, &xpsr);
  if ((xpsr & kItState) == 0) return;
  xpsr &= ~(uint32_t)kItState;
  counter->reg_write(uc, counter->xpsr, &xpsr);
}

/* A load from flash; hooked only where there are wait states. */
void Load(void* uc, int type, uint64_t address, int size, int64_t value, Counter* counter) {
  (void)type, (void)size, (void)value;
  ClearItState(uc, counter);
  if (counter->caches_data) {
    TouchLine(counter, (uint32_t)address >> counter->line_shift);
  } else {
    counter->cycles += counter->wait_cycles;
  }
}

void EnterBlock(void* uc, uint64_t address64, uint32_t size, Counter* counter) {
  const uint32_t address = (uint32_t)address64;
  if (counter->cycles >= counter->deadline) {
    Stop(uc, counter);
    return;
  }
  const Block* block = FindBlock(counter, address, size);
  if (block == 0) {
    if (!counter->find_block(address, size)) {
      Stop(uc, counter);
      return;
    }
    block = FindBlock(counter, address, size);
  }
  if (address != counter->last_address + counter->last_size) counter->cycles += kTakenBranchCycles;
  if (address < counter->flash_end) Fetch(counter, address, size);
  counter->cycles += block->cycles;
  counter->instructions += block->instructions;
  counter->last_address = address;
  counter->last_size = size;
}

static uint32_t Failed(void* uc, const Counter* counter, const Watch* watch) {
  uint32_t failed = watch->check & counter->checks;
  if (failed & (kCheckDivide | kCheckAlign)) {
    uint32_t value = 0;
    counter->reg_read(uc, watch->reg, &value);
    if (value != 0) failed &= ~(uint32_t)kCheckDivide;
    if ((value & 3) == 0) failed &= ~(uint32_t)kCheckAlign;
  }
  return failed;
}

/* Unicorn does not call this for an instruction whose IT condition fails. */
void ExecuteInstruction(void* uc, uint64_t address64, uint32_t size, Counter* counter) {
  const uint32_t address = (uint32_t)address64;
  (void)size;
  if (counter->filter[address >> 1 & counter->filter_mask] == 0) return;
  uint32_t slot = Hash(address);
  const Watch* watch = &counter->watches[slot & counter->watch_mask];
  while (watch->address != address) {
    if (watch->address == 0) return;
    watch = &counter->watches[++slot & counter->watch_mask];
  }
  counter->cycles += (uint64_t)(int64_t)watch->cycles;
  const uint32_t failed = Failed(uc, counter, watch);
  if (failed != 0) counter->on_check(failed);
}
