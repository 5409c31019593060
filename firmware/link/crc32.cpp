#include "link/crc32.h"

namespace tinydeploy {
namespace {

// Remainder of each 4-bit value. Four bits a step: a fifteenth of the flash of the usual 256-entry
// table, and at about 15 cycles a byte still forty times faster than 1 Mbaud delivers.
constexpr uint32_t kNibble[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

}  // namespace

uint32_t Crc32(uint32_t crc, const void* data, size_t bytes) {
  const uint8_t* next = static_cast<const uint8_t*>(data);
  uint32_t rest = ~crc;
  for (; bytes != 0; --bytes) {
    rest ^= *next++;
    rest = kNibble[rest & 15] ^ (rest >> 4);
    rest = kNibble[rest & 15] ^ (rest >> 4);
  }
  return ~rest;
}

}  // namespace tinydeploy
