#include "kernels/common/dot.h"
#include "kernels/common/dot_bytes.h"
#include "kernels/common/dot_floats.h"
#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/fully_connected/fully_connected.h"
#include "runtime/tensor.h"

namespace tinydeploy {
namespace {

// Calls finish(unit, input row, weight row) for each output value in order.
template <class Input, class Weight, class Finish>
void ForEachOutput(const FullyConnectedGeometry& g, void* const* args, Finish finish) {
  const auto* input = static_cast<const Input*>(args[fully_connected_arg::kInput]);
  const auto* weights = static_cast<const Weight*>(args[fully_connected_arg::kWeights]);
  auto* output = static_cast<Input*>(args[fully_connected_arg::kOutput]);
  for (int32_t b = 0; b < g.batches; ++b, input += g.depth) {
    const Weight* row = weights;
    for (int32_t unit = 0; unit < g.units; ++unit, row += g.depth) {
      *output++ = finish(unit, input, row);
    }
  }
}

template <class Acc, class Input>
Acc Sum(const FullyConnectedParams& p, const Input* input, const int8_t* row) {
  if (p.weight_offset == 0) return Dot<Acc>(0, input, row, p.geometry.depth, p.input_offset);
  Acc acc = 0;
  for (int32_t i = 0; i < p.geometry.depth; ++i) {
    acc = Accumulated(acc, static_cast<Acc>(input[i] + p.input_offset) *
                               static_cast<Acc>(row[i] + p.weight_offset));
  }
  return acc;
}

template <class T, class Acc>
T Finish(const FullyConnectedParams& p, int32_t unit, Acc acc) {
  const int32_t multiplier = p.per_channel ? Multipliers(p)[unit] : p.factor.multiplier;
  const int shift = p.per_channel ? Shifts(p, p.geometry.units)[unit] : p.factor.shift;
  const int32_t scaled = RescaleSum(acc, multiplier, shift);
  return static_cast<T>(
      Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest));
}

template <class T, class Acc, class Bias>
void EvalQuantized(const FullyConnectedParams& p, void* const* args) {
  const auto* bias = static_cast<const Bias*>(args[fully_connected_arg::kBias]);
  ForEachOutput<T, int8_t>(p.geometry, args, [&](int32_t unit, const T* input, const int8_t* row) {
    Acc acc = Sum<Acc>(p, input, row);
    if (bias != nullptr) acc = Accumulated(acc, static_cast<Acc>(bias[unit]));
    return Finish<T>(p, unit, acc);
  });
}

// Int8, units [unit, unit + kCount) of one row of inputs.
template <int kCount>
void Units(const FullyConnectedParams& p, void* const* args, const int8_t* input, int32_t unit,
           int8_t* output) {
  const int32_t depth = p.geometry.depth;
  const auto* weights = static_cast<const int8_t*>(args[fully_connected_arg::kWeights]);
  const auto* bias = static_cast<const int32_t*>(args[fully_connected_arg::kBias]);
  ByteSums<kCount> sums;
  sums.Add(input, weights + unit * depth, depth, depth, OffsetLanes(p.input_offset));
  for (int k = 0; k < kCount; ++k) {
    auto acc = static_cast<int32_t>(sums.sums[k]);
    if (bias != nullptr) acc = AddWrapping(acc, bias[unit + k]);
    output[unit + k] = Finish<int8_t>(p, unit + k, acc);
  }
}

void EvalSymmetricWeights(const FullyConnectedParams& p, void* const* args) {
  constexpr int kTogether = 4;
  const FullyConnectedGeometry& g = p.geometry;
  const auto* input = static_cast<const int8_t*>(args[fully_connected_arg::kInput]);
  auto* output = static_cast<int8_t*>(args[fully_connected_arg::kOutput]);
  for (int32_t b = 0; b < g.batches; ++b, input += g.depth, output += g.units) {
    int32_t unit = 0;
    for (; unit + kTogether <= g.units; unit += kTogether) {
      Units<kTogether>(p, args, input, unit, output);
    }
    for (; unit < g.units; ++unit) Units<1>(p, args, input, unit, output);
  }
}

}  // namespace

Status EvalFullyConnectedInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const FullyConnectedParams*>(params);
  if (p.weight_offset == 0) {
    EvalSymmetricWeights(p, args);
  } else {
    EvalQuantized<int8_t, int32_t, int32_t>(p, args);
  }
  return Status::kOk;
}

Status EvalFullyConnectedInt4(const void* params, void* const* args) {
  const FullyConnectedGeometry& g = static_cast<const FullyConnectedParams*>(params)->geometry;
  return EvalUnpacked(EvalFullyConnectedInt8, params, args, g.units * g.depth);
}

Status EvalFullyConnectedInt16(const void* params, void* const* args) {
  EvalQuantized<int16_t, int64_t, Int64>(*static_cast<const FullyConnectedParams*>(params), args);
  return Status::kOk;
}

namespace {

// Units [unit, unit + kCount) of one row of inputs.
template <int kCount>
void FloatUnits(const FullyConnectedFloatParams& p, void* const* args, const float* input,
                int32_t unit, float* output) {
  const int32_t depth = p.geometry.depth;
  const auto* weights = static_cast<const float*>(args[fully_connected_arg::kWeights]);
  const auto* bias = static_cast<const float*>(args[fully_connected_arg::kBias]);
  FloatSums<kCount> sums;
  sums.Add({input, weights + unit * depth, depth, 1, 0, 0}, depth);
  for (int k = 0; k < kCount; ++k) {
    const float sum = bias == nullptr ? sums.sums[k] : sums.sums[k] + bias[unit + k];
    output[unit + k] = Clamp(sum, p.range.lowest, p.range.highest);
  }
}

}  // namespace

Status EvalFullyConnectedFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const FullyConnectedFloatParams*>(params);
  const FullyConnectedGeometry& g = p.geometry;
  const auto* input = static_cast<const float*>(args[fully_connected_arg::kInput]);
  auto* output = static_cast<float*>(args[fully_connected_arg::kOutput]);
  for (int32_t b = 0; b < g.batches; ++b, input += g.depth, output += g.units) {
    int32_t unit = 0;
    for (; unit + kFloatsTogether <= g.units; unit += kFloatsTogether) {
      FloatUnits<kFloatsTogether>(p, args, input, unit, output);
    }
    for (; unit < g.units; ++unit) FloatUnits<1>(p, args, input, unit, output);
  }
  return Status::kOk;
}

}  // namespace tinydeploy
