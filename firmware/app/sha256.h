#ifndef TINYDEPLOY_APP_SHA256_H_
#define TINYDEPLOY_APP_SHA256_H_

#include <stdint.h>

namespace tinydeploy {

// SHA-256 (FIPS 180-4) of `bytes` bytes.
void Sha256(const uint8_t* data, uint32_t bytes, uint8_t digest[32]);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_SHA256_H_
