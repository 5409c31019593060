// Cuts what the fuzzer makes into records.
#ifndef TINYDEPLOY_FUZZ_RECORDS_H_
#define TINYDEPLOY_FUZZ_RECORDS_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace fuzz {

struct Records {
  const uint8_t* at;
  size_t left;

  bool done() const { return left == 0; }
  // The next byte; 0 at the end.
  uint8_t Byte() {
    if (left == 0) return 0;
    --left;
    return *at++;
  }
  // Up to `bytes` of what is left.
  const uint8_t* Take(size_t* bytes) {
    if (*bytes > left) *bytes = left;
    const uint8_t* taken = at;
    at += *bytes;
    left -= *bytes;
    return taken;
  }
};

}  // namespace fuzz
}  // namespace tinydeploy

#endif  // TINYDEPLOY_FUZZ_RECORDS_H_
