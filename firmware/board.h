// The hardware abstraction layer (HAL): all that the application knows of the machine it runs on.
// Each chip implements it in firmware/chips/<chip>/board.cpp, for the board that board_config.h
// describes.
#ifndef TINYDEPLOY_BOARD_H_
#define TINYDEPLOY_BOARD_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace board {

// Clocks, cycle counter and LEDs. First call of the program.
void Init();

const char* Name();  // the board's id, as in boards/<id>.json
uint32_t CpuHz();    // what Cycles() counts in a second
uint32_t Cycles();   // wraps at 2^32
bool CyclesAreCpuCycles();

// The link: a byte stream to the host.
size_t Read(uint8_t* data, size_t capacity);    // what has arrived, without waiting
void Write(const uint8_t* data, size_t bytes);  // returns when the data may be overwritten
void Idle();                                    // sleeps until there may be something to read
uint32_t Overruns();                            // bytes lost on the way in since start-up
void StartLink();                               // once, after Init
// Brings the link up again from whatever state a fault interrupted it in. Read and Write then work
// with all interrupts blocked.
void RecoverLink();

void SetBusyLed(bool on);
void SetFaultLed(bool on);

void UniqueId(uint8_t id[8]);
uint32_t ResetReason();  // the chip's reset status as found at start-up

[[noreturn]] void Restart();
bool HasBootloaderEntry();
[[noreturn]] void EnterBootloader();

// Flash for models, apart from the image, which survives a restart; only builds for hot swap use
// it. Erased flash reads 0xFF; writing clears bits. The caller reads the flash back to see
// whether it was done. Words that hold their value already are left alone.
struct ModelFlash {
  const uint8_t* start;  // of a page
  uint32_t bytes;
  uint32_t page_bytes;  // what one erase clears
};
ModelFlash Models();
void EraseModelPage(const uint8_t* page);
void WriteModelWords(const uint8_t* at, const uint32_t* words, size_t count);  // from RAM

// RAM figures in bytes; 0 where unknown.
struct MemoryUse {
  uint32_t stack_bytes;
  uint32_t stack_used_bytes;  // deepest so far
  uint32_t static_bytes;      // .data and .bss, without stack and arena
};
MemoryUse Memory();

}  // namespace board
}  // namespace tinydeploy

#endif  // TINYDEPLOY_BOARD_H_
