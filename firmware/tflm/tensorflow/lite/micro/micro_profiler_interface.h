#ifndef TENSORFLOW_LITE_MICRO_MICRO_PROFILER_INTERFACE_H_
#define TENSORFLOW_LITE_MICRO_MICRO_PROFILER_INTERFACE_H_

#include "runtime/profiler.h"

namespace tflite {

// Called around each operator: BeginEvent(tag) returns a handle that EndEvent gets back.
class MicroProfilerInterface : public tinydeploy::Profiler {};

}  // namespace tflite

#endif  // TENSORFLOW_LITE_MICRO_MICRO_PROFILER_INTERFACE_H_
