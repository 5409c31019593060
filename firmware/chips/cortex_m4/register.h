#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_REGISTER_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_REGISTER_H_

#include <stdint.h>

namespace tinydeploy {

// A 32-bit memory-mapped register. Each use in the source is one access on the bus.
class Register {
 public:
  constexpr explicit Register(uint32_t address) : address_(address) {}

  uint32_t read() const { return *at(); }
  void write(uint32_t value) const { *at() = value; }
  void set(uint32_t bits) const { write(read() | bits); }
  void clear(uint32_t bits) const { write(read() & ~bits); }
  bool has(uint32_t bits) const { return (read() & bits) == bits; }

 private:
  volatile uint32_t* at() const { return reinterpret_cast<volatile uint32_t*>(address_); }

  uint32_t address_;
};

// The `index`th of registers that lie `stride` bytes apart.
constexpr Register Nth(uint32_t base, uint32_t index, uint32_t stride = 4) {
  return Register(base + index * stride);
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_REGISTER_H_
