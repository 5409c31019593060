// A program that has all kernels and is given plans while it runs: for fuzzers. See
// scripts/tinydeploy/fuzz/resident.py.
#ifndef TINYDEPLOY_ANY_MODEL_RESIDENT_H_
#define TINYDEPLOY_ANY_MODEL_RESIDENT_H_

#include "compiled/plan.h"

// As RunPlan of any_plan.h.
extern "C" void RunGivenPlan(const tinydeploy::compiled::Plan* plan, uint8_t* arena,
                             uint32_t fresh);

#endif  // TINYDEPLOY_ANY_MODEL_RESIDENT_H_
