#include "app/hmac.h"

#include <string.h>

#include "app/sha256.h"

namespace tinydeploy {
namespace {

constexpr size_t kBlockBytes = 64;  // of SHA-256; the key fills the rest of one with zeros
constexpr uint8_t kInner = 0x36, kOuter = 0x5C;

// SHA-256 of the key, padded and changed by `pad`, and what follows it in `block`.
void KeyedHash(const uint8_t* key, uint8_t pad, uint8_t* block, size_t bytes, uint8_t* digest) {
  for (size_t i = 0; i < kBlockBytes; ++i) block[i] = (i < kMacKeyBytes ? key[i] : 0) ^ pad;
  Sha256(block, static_cast<uint32_t>(kBlockBytes + bytes), digest);
}

}  // namespace

bool IsMac(const uint8_t key[kMacKeyBytes], const void* message, size_t bytes,
           const uint8_t mac[kMacBytes]) {
  static_assert(kMaxMacMessageBytes >= kMacBytes, "one buffer serves both hashes");
  if (bytes > kMaxMacMessageBytes) return false;
  uint8_t block[kBlockBytes + kMaxMacMessageBytes];
  uint8_t digest[kMacBytes];
  memcpy(block + kBlockBytes, message, bytes);
  KeyedHash(key, kInner, block, bytes, digest);
  memcpy(block + kBlockBytes, digest, sizeof(digest));
  KeyedHash(key, kOuter, block, sizeof(digest), digest);
  uint8_t differing = 0;
  for (size_t i = 0; i < kMacBytes; ++i) differing |= digest[i] ^ mac[i];
  return differing == 0;
}

}  // namespace tinydeploy
