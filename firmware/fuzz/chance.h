// Numbers that follow from a seed: SplitMix64 (Steele, Lea, Flood, 2014).
#ifndef TINYDEPLOY_FUZZ_CHANCE_H_
#define TINYDEPLOY_FUZZ_CHANCE_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace fuzz {

class Chance {
 public:
  explicit Chance(uint64_t seed) : state_(seed) {}

  uint32_t Next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return static_cast<uint32_t>((mixed ^ (mixed >> 31)) >> 32);
  }
  uint32_t Below(uint32_t most) { return static_cast<uint32_t>(uint64_t{Next()} * most >> 32); }
  bool OneIn(uint32_t most) { return Below(most) == 0; }
  // Small, or at a limit, or any.
  uint16_t Number() {
    constexpr uint16_t kLimits[] = {255, 256, 512, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF};
    if (!OneIn(4)) return static_cast<uint16_t>(Below(4));
    if (OneIn(2)) return static_cast<uint16_t>(Next());
    return kLimits[Below(sizeof(kLimits) / sizeof(kLimits[0]))];
  }
  void Fill(uint8_t* data, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>(Next());
  }

 private:
  uint64_t state_;
};

}  // namespace fuzz
}  // namespace tinydeploy

#endif  // TINYDEPLOY_FUZZ_CHANCE_H_
