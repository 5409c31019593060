#include "runtime/prepare_context.h"

#include "runtime/planner.h"

namespace tinydeploy {
namespace {

constexpr uint32_t kMaxScratchBytes = 1u << 28;  // as for tensors

}  // namespace

PrepareContext::PrepareContext(const Subgraph& graph, int op_index, Arena& arena,
                               Diagnosis& diagnosis)
    : graph_(graph),
      op_(graph.op(op_index)),
      op_index_(op_index),
      arena_(arena),
      diagnosis_(diagnosis) {}

Status PrepareContext::Scratch(uint32_t bytes) {
  if (bytes > kMaxScratchBytes) return Fail("%u bytes of scratch", static_cast<unsigned>(bytes));
  auto* buffer = static_cast<Buffer*>(arena_.Temporary(sizeof(Buffer)));
  if (buffer == nullptr) return Status::kError;
  const auto op = static_cast<int16_t>(op_index_);
  *buffer = {bytes, kUnplaced, op, op};
  ++scratch_count_;
  return Status::kOk;
}

Status PrepareContext::Fail(const char* format, ...) {
  va_list args;
  va_start(args, format);
  const Status status = diagnosis_.FailV(format, args);
  va_end(args);
  return status;
}

}  // namespace tinydeploy
