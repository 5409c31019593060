// As much of the Arduino core and of Nordic's registers as boards/nano33_arduino/board.cpp touches.
#ifndef ARDUINO_H_
#define ARDUINO_H_

#include <stddef.h>
#include <stdint.h>

struct StandInSerial {
  void begin(unsigned long) {}
  int available() { return 0; }
  int read() { return -1; }
  size_t write(const uint8_t*, size_t bytes) { return bytes; }
  void flush() {}
};
extern StandInSerial Serial;

struct StandInRegisters {
  uint32_t DEMCR, CYCCNT, CTRL, RESETREAS, GPREGRET, DEVICEADDR[2];
};
extern StandInRegisters g_registers;
#define CoreDebug (&g_registers)
#define DWT (&g_registers)
#define NRF_POWER (&g_registers)
#define NRF_FICR (&g_registers)
#define CoreDebug_DEMCR_TRCENA_Msk 1u
#define DWT_CTRL_CYCCNTENA_Msk 1u

extern uint32_t SystemCoreClock;
enum { LOW, HIGH, OUTPUT, LED_BUILTIN, LEDR };
inline void pinMode(int, int) {}
inline void digitalWrite(int, int) {}
inline void yield() {}
inline void NVIC_SystemReset() {}

#endif  // ARDUINO_H_
