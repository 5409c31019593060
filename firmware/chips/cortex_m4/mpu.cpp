#include "chips/cortex_m4/mpu.h"

#include "mpu_regions.h"

namespace tinydeploy {

// Nothing is left of what a bootloader had set: regions that are not used are switched off.
void ProtectMemory() {
  for (const MpuRegion& region : kMpuRegions) {
    core::kMpuBase.write(region.base);
    core::kMpuAttributes.write(region.attributes);
  }
  core::kMpuCtrl.write(core::kMpuEnable);
  core::Dsb();
  core::Isb();
}

}  // namespace tinydeploy
