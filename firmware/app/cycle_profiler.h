// Counts the cycles of each operator, and lets the link breathe between operators.
#ifndef TINYDEPLOY_APP_CYCLE_PROFILER_H_
#define TINYDEPLOY_APP_CYCLE_PROFILER_H_

#include <stdint.h>

#include "tensorflow/lite/micro/micro_profiler_interface.h"

namespace tinydeploy {

class CycleProfiler final : public tflite::MicroProfilerInterface {
 public:
  // `between_ops` is called before each operator. `cycles` has room for `capacity` operators; those
  // of further ones are not kept.
  CycleProfiler(void (*between_ops)(), uint32_t* cycles, int capacity)
      : between_ops_(between_ops), cycles_(cycles), capacity_(capacity) {}

  // Operators are counted from `first_op` on.
  void Start(int first_op);
  // Cycles since Start without those spent here and in `between_ops`.
  uint32_t Stop();

  uint32_t BeginEvent(const char* tag) override;
  void EndEvent(uint32_t handle) override;

  int next_op() const { return next_op_; }  // running, or about to run
  int ops_run() const { return next_op_ - first_op_; }
  // Of the last run that included it.
  uint32_t cycles(int op) const { return cycles_[op]; }
  int capacity() const { return capacity_; }

 private:
  void (*between_ops_)();
  int first_op_ = 0;
  volatile int next_op_ = 0;  // read by the fault handler
  uint32_t run_start_ = 0;
  uint32_t op_start_ = 0;
  uint32_t own_cycles_ = 0;
  uint32_t* cycles_;
  int capacity_;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_CYCLE_PROFILER_H_
