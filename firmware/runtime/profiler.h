#ifndef TINYDEPLOY_RUNTIME_PROFILER_H_
#define TINYDEPLOY_RUNTIME_PROFILER_H_

#include <stdint.h>

namespace tinydeploy {

// Called by the interpreter around each operator.
class Profiler {
 public:
  // `tag` is the operator's name, for example "CONV_2D"; returns a handle for EndEvent.
  virtual uint32_t BeginEvent(const char* tag) = 0;
  virtual void EndEvent(uint32_t handle) = 0;

 protected:
  virtual ~Profiler() = default;
  static void operator delete(void*) {}  // there is no heap
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_PROFILER_H_
