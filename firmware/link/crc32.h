#ifndef TINYDEPLOY_LINK_CRC32_H_
#define TINYDEPLOY_LINK_CRC32_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {

// CRC-32 as in zlib (polynomial 0x04C11DB7 reflected, inverted at both ends), continued from `crc`;
// 0 starts a new one. "123456789" gives 0xCBF43926.
uint32_t Crc32(uint32_t crc, const void* data, size_t bytes);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_LINK_CRC32_H_
