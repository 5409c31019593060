// UNIDIRECTIONAL_SEQUENCE_LSTM: four gates, no peephole, projection or layer normalization.
#ifndef TINYDEPLOY_KERNELS_RECURRENT_LSTM_H_
#define TINYDEPLOY_KERNELS_RECURRENT_LSTM_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"
#include "runtime/status.h"

namespace tinydeploy {

enum : int { kLstmInputGate, kLstmForgetGate, kLstmCellGate, kLstmOutputGate, kLstmGates };

namespace lstm_arg {
// Weights and biases: one for each gate, in the order above.
enum : int {
  kInput = 0,
  kInputWeights = 1,
  kRecurrentWeights = 5,
  kPeephole = 9,
  kBias = 12,
  kProjection = 16,
  kHidden = 18,
  kCell = 19,
  kLayerNorm = 20,
  kInputs = 24,
  kOutput = kInputs,
};
}  // namespace lstm_arg

struct LstmGeometry {
  int32_t batches;
  int32_t steps;
  int32_t input_size;
  int32_t units;
  int32_t time_major;  // [steps, batches, ...] instead of [batches, steps, ...]

  // Position of a step in the input's and output's rows.
  int32_t row(int32_t batch, int32_t step) const {
    return time_major ? step * batches + batch : batch * steps + step;
  }
};

struct LstmGate {
  int32_t input_weight_offset;  // -zero point
  int32_t recurrent_weight_offset;
  Multiplier input;  // scales: input * weights / 2^-12
  Multiplier recurrent;
};

struct LstmParams {
  LstmGeometry geometry;
  int32_t input_offset;   // -zero point
  int32_t hidden_offset;  // -zero point
  LstmGate gates[kLstmGates];
  Multiplier forget;        // forget gate * cell -> cell
  Multiplier input;         // input gate * cell gate -> cell
  Multiplier output;        // output gate * tanh(cell) -> hidden
  int32_t tanh_multiplier;  // of the cell, to the steps of the table
  int32_t tanh_shift;       // to the right
  int32_t cell_clip;        // 0: none
};

struct LstmFloatParams {
  LstmGeometry geometry;
  float cell_clip;  // 0: none
};

Status EvalLstmInt8(const void* params, void* const* args);
Status EvalLstmInt16(const void* params, void* const* args);
Status EvalLstmFloat(const void* params, void* const* args);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_RECURRENT_LSTM_H_
