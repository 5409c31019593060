#ifndef TINYDEPLOY_APP_HMAC_H_
#define TINYDEPLOY_APP_HMAC_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {

constexpr size_t kMacBytes = 32;
constexpr size_t kMacKeyBytes = 32;
constexpr size_t kMaxMacMessageBytes = 64;

// Whether `mac` is HMAC-SHA256 (FIPS 198-1) of at most kMaxMacMessageBytes bytes. Takes the same
// time wherever they differ.
bool IsMac(const uint8_t key[kMacKeyBytes], const void* message, size_t bytes,
           const uint8_t mac[kMacBytes]);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_HMAC_H_
