// What a kernel trusts the host to have checked against abi/limits.h, checked again in programs
// that are built to find mistakes: those for this PC, with TINYDEPLOY_CHECK_LIMITS.
#ifndef TINYDEPLOY_DSP_WITHIN_H_
#define TINYDEPLOY_DSP_WITHIN_H_

#include "abi/limits.h"

#if defined(TINYDEPLOY_CHECK_LIMITS)
#define TINYDEPLOY_WITHIN(condition) ((condition) ? static_cast<void>(0) : __builtin_trap())
#else
#define TINYDEPLOY_WITHIN(condition) static_cast<void>(0)
#endif

#endif  // TINYDEPLOY_DSP_WITHIN_H_
