#include "chips/nrf52840/flash.h"

#include "chips/cortex_m4/mpu.h"
#include "chips/nrf52840/registers.h"

namespace tinydeploy {
namespace nrf52840 {
namespace {

// Bounded, so that a controller that never gets ready does not hang the firmware: who changes flash
// looks at it afterwards. An erase takes 85 ms at most, 5.4 million cycles; a turn at least 3.
void AwaitReady() {
  for (int32_t i = 0; i < 4000000 && nvmc::kReady.read() == 0; ++i) {
  }
}

// Lets the flash be changed in one way for a scope; outside of it a stray store is a fault.
class Permission {
 public:
  explicit Permission(uint32_t mode) {
    AwaitReady();
    nvmc::kConfig.write(mode);
    AwaitReady();
  }
  ~Permission() {
    AwaitReady();
    nvmc::kConfig.write(nvmc::kReadOnly);
    AwaitReady();
  }
  Permission(const Permission&) = delete;
  Permission& operator=(const Permission&) = delete;
};

}  // namespace

void FlashErase(const uint8_t* page) {
  Permission erase(nvmc::kErase);
  nvmc::kErasePage.write(reinterpret_cast<uint32_t>(page));
}

void FlashWrite(const uint8_t* at, const uint32_t* words, size_t count) {
  Permission write(nvmc::kWrite);
  auto address = reinterpret_cast<uint32_t>(at);
  for (const uint32_t* const end = words + count; words != end;) {
    const uint32_t page = address / kFlashPageBytes * kFlashPageBytes;
    WritablePage writable(page, kFlashPageBytes);
    for (; words != end && address - page < kFlashPageBytes; address += sizeof(*words), ++words) {
      const Register word(address);
      if (word.read() == *words) continue;
      word.write(*words);
      AwaitReady();
    }
  }
}

}  // namespace nrf52840
}  // namespace tinydeploy
