// The new hidden state goes to the output first: all gates of a step read the old one. So no
// scratch memory is needed.
#include <string.h>

#include "kernels/activations/sigmoid_float.h"
#include "kernels/activations/sigmoid_table.h"
#include "kernels/common/dot.h"
#include "kernels/recurrent/lstm.h"
#include "runtime/tensor.h"

namespace tinydeploy {
namespace {

// Calls unit(u, input row, hidden row, cell value, output value) for each unit of each step.
template <class T, class Cell, class Unit>
Status ForEachUnit(const LstmGeometry& g, void* const* args, Unit unit) {
  const auto* input = static_cast<const T*>(args[lstm_arg::kInput]);
  auto* output = static_cast<T*>(args[lstm_arg::kOutput]);
  for (int32_t b = 0; b < g.batches; ++b) {
    T* hidden = static_cast<T*>(args[lstm_arg::kHidden]) + b * g.units;
    Cell* cell = static_cast<Cell*>(args[lstm_arg::kCell]) + b * g.units;
    for (int32_t step = 0; step < g.steps; ++step) {
      const int32_t row = g.row(b, step);
      T* next = output + row * g.units;
      for (int32_t u = 0; u < g.units; ++u) {
        unit(u, input + row * g.input_size, hidden, cell[u], next[u]);
      }
      memcpy(hidden, next, static_cast<size_t>(g.units) * sizeof(T));
    }
  }
  return Status::kOk;
}

int32_t ToInt16(int32_t value) { return Clamp<int32_t>(value, INT16_MIN, INT16_MAX); }

template <class Acc, class T>
Acc WeightedSum(Acc start, const T* values, const int8_t* weights, int32_t count, int32_t offset,
                int32_t weight_offset) {
  if (weight_offset == 0) return Dot(start, values, weights, count, offset);
  Acc acc = start;
  for (int32_t i = 0; i < count; ++i) {
    acc = Accumulated(
        acc, static_cast<Acc>(values[i] + offset) * static_cast<Acc>(weights[i] + weight_offset));
  }
  return acc;
}

// A gate's sum with 12 fraction bits, before its nonlinearity.
template <class Acc, class Bias, class T>
int32_t GateSum(const LstmParams& p, void* const* args, int gate, int32_t unit, const T* input,
                const T* hidden) {
  const LstmGeometry& g = p.geometry;
  const LstmGate& factors = p.gates[gate];
  const auto* weights = static_cast<const int8_t*>(args[lstm_arg::kInputWeights + gate]);
  const auto* recurrent = static_cast<const int8_t*>(args[lstm_arg::kRecurrentWeights + gate]);
  const auto* bias = static_cast<const Bias*>(args[lstm_arg::kBias + gate]);
  const Acc start = bias == nullptr ? Acc(0) : static_cast<Acc>(bias[unit]);
  const Acc of_input = WeightedSum(start, input, weights + unit * g.input_size, g.input_size,
                                   p.input_offset, factors.input_weight_offset);
  const Acc of_hidden = WeightedSum(Acc(0), hidden, recurrent + unit * g.units, g.units,
                                    p.hidden_offset, factors.recurrent_weight_offset);
  const Multiplier& a = factors.input;
  const Multiplier& b = factors.recurrent;
  return ToInt16(ToInt16(RescaleSum(of_input, a.multiplier, a.shift)) +
                 ToInt16(RescaleSum(of_hidden, b.multiplier, b.shift)));
}

// The tables take steps of 1 / (3 * 2^12).
int32_t LogisticOfGate(int32_t sum) { return LogisticInt16(3 * sum, 0); }
int32_t TanhOfGate(int32_t sum) { return TanhInt16(3 * sum, 0); }

int32_t NextCell(const LstmParams& p, int32_t cell, int32_t kept, int32_t added) {
  const int32_t next = ToInt16(ToInt16(Rescale(kept * cell, p.forget)) + added);
  return p.cell_clip > 0 ? Clamp(next, -p.cell_clip, p.cell_clip) : next;
}

template <class T, class Acc, class Bias>
Status EvalQuantized(const void* params, void* const* args) {
  const auto& p = *static_cast<const LstmParams*>(params);
  return ForEachUnit<T, int16_t>(
      p.geometry, args, [&](int32_t u, const T* input, const T* hidden, int16_t& cell, T& output) {
        const auto sum = [&](int gate) {
          return GateSum<Acc, Bias>(p, args, gate, u, input, hidden);
        };
        const int32_t forget = LogisticOfGate(sum(kLstmForgetGate));
        const int32_t update = LogisticOfGate(sum(kLstmInputGate));
        const int32_t candidate = TanhOfGate(sum(kLstmCellGate));
        const int32_t gate = LogisticOfGate(sum(kLstmOutputGate));
        const int32_t added = ToInt16(Rescale(update * candidate, p.input));
        cell = static_cast<int16_t>(NextCell(p, cell, forget, added));
        const int32_t bounded = TanhInt16(cell * p.tanh_multiplier, p.tanh_shift);
        const int32_t value = AddWrapping(Rescale(bounded * gate, p.output), -p.hidden_offset);
        output =
            static_cast<T>(Clamp<int32_t>(value, TypeLimit<T>::kLowest, TypeLimit<T>::kHighest));
      });
}

float GateSum(const LstmGeometry& g, void* const* args, int gate, int32_t unit, const float* input,
              const float* hidden) {
  const auto* weights = static_cast<const float*>(args[lstm_arg::kInputWeights + gate]);
  const auto* recurrent = static_cast<const float*>(args[lstm_arg::kRecurrentWeights + gate]);
  const auto* bias = static_cast<const float*>(args[lstm_arg::kBias + gate]);
  const float sum = Dot(0.0f, input, weights + unit * g.input_size, g.input_size, 0.0f);
  const float biased = bias == nullptr ? sum : sum + bias[unit];
  return biased + Dot(0.0f, hidden, recurrent + unit * g.units, g.units, 0.0f);
}

}  // namespace

Status EvalLstmInt8(const void* params, void* const* args) {
  return EvalQuantized<int8_t, int32_t, int32_t>(params, args);
}

Status EvalLstmInt16(const void* params, void* const* args) {
  return EvalQuantized<int16_t, int64_t, Int64>(params, args);
}

Status EvalLstmFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const LstmFloatParams*>(params);
  return ForEachUnit<float, float>(
      p.geometry, args,
      [&](int32_t u, const float* input, const float* hidden, float& cell, float& output) {
        const auto sum = [&](int gate) {
          return GateSum(p.geometry, args, gate, u, input, hidden);
        };
        const float kept = Logistic(sum(kLstmForgetGate)) * cell;
        const float added = Logistic(sum(kLstmInputGate)) * Tanh(sum(kLstmCellGate));
        const float next = kept + added;
        cell = p.cell_clip > 0.0f ? Clamp(next, -p.cell_clip, p.cell_clip) : next;
        output = Logistic(sum(kLstmOutputGate)) * Tanh(cell);
      });
}

}  // namespace tinydeploy
