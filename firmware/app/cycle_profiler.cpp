#include "app/cycle_profiler.h"

#include "board.h"

namespace tinydeploy {

void CycleProfiler::Start(int first_op) {
  first_op_ = next_op_ = first_op;
  own_cycles_ = 0;
  run_start_ = board::Cycles();
}

uint32_t CycleProfiler::Stop() { return board::Cycles() - run_start_ - own_cycles_; }

uint32_t CycleProfiler::BeginEvent(const char*) {
  const uint32_t entered = board::Cycles();
  between_ops_();
  op_start_ = board::Cycles();
  own_cycles_ += op_start_ - entered;
  return 0;
}

void CycleProfiler::EndEvent(uint32_t) {
  const uint32_t ended = board::Cycles();
  const int op = next_op_;
  if (op < capacity_) cycles_[op] = ended - op_start_;
  next_op_ = op + 1;
  own_cycles_ += board::Cycles() - ended;
}

}  // namespace tinydeploy
