// SignalFftAutoScale, SignalEnergy, SignalFilterBank: from samples to the energy in bands.
#include "kernels/common/fixed_point.h"
#include "kernels/kernels.h"
#include "kernels/signal/signal.h"

namespace tinydeploy {
namespace {

// ---- SignalFftAutoScale: shifted left as far as 16 bits allow. ----

struct CountParams {
  int32_t count;
};

// -32768 has no positive counterpart: TFLM starts over after it, and so does this.
int32_t LargestMagnitude(const int16_t* values, int32_t count) {
  int16_t largest = 0;
  for (int32_t i = 0; i < count; ++i) {
    const int16_t value = values[i];
    if (value > largest) {
      largest = value;
    } else if (-value > largest) {
      largest = static_cast<int16_t>(-value);
    }
  }
  return largest;
}

Status EvalFftAutoScale(const void* params, void* const* args) {
  const int32_t count = static_cast<const CountParams*>(params)->count;
  const auto* input = static_cast<const int16_t*>(args[0]);
  auto* output = static_cast<int16_t*>(args[1]);
  const int bits = Max(15 - BitLength(static_cast<uint32_t>(LargestMagnitude(input, count))), 0);
  for (int32_t i = 0; i < count; ++i) output[i] = static_cast<int16_t>(input[i] * (1 << bits));
  *static_cast<int32_t*>(args[2]) = bits;
  return Status::kOk;
}

// ---- SignalEnergy: |complex|^2 in a range of the spectrum, 0 outside. ----

struct EnergyParams {
  int32_t count;
  int32_t start;
  int32_t end;
};

Status EvalEnergy(const void* params, void* const* args) {
  const auto& p = *static_cast<const EnergyParams*>(params);
  const auto* input = static_cast<const int16_t*>(args[0]);
  auto* output = static_cast<uint32_t*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) {
    const int32_t real = input[2 * i];
    const int32_t imaginary = input[2 * i + 1];
    const bool inside = i >= p.start && i < p.end;
    output[i] =
        inside ? static_cast<uint32_t>(real * real) + static_cast<uint32_t>(imaginary * imaginary)
               : 0;
  }
  return Status::kOk;
}

// ---- SignalFilterBank: overlapping triangles; what one leaves, its neighbour takes. ----

struct FilterBankParams {
  int32_t channels;
};

enum : int { kSpectrum, kWeights, kUnweights, kFrequencyStarts, kWeightStarts, kWidths, kBank };

Status EvalFilterBank(const void* params, void* const* args) {
  const auto& p = *static_cast<const FilterBankParams*>(params);
  const auto* input = static_cast<const uint32_t*>(args[kSpectrum]);
  const auto* weights = static_cast<const int16_t*>(args[kWeights]);
  const auto* unweights = static_cast<const int16_t*>(args[kUnweights]);
  const auto* frequencies = static_cast<const int16_t*>(args[kFrequencyStarts]);
  const auto* starts = static_cast<const int16_t*>(args[kWeightStarts]);
  const auto* widths = static_cast<const int16_t*>(args[kWidths]);
  auto* output = static_cast<uint64_t*>(args[kBank]);
  uint64_t left = 0;
  for (int32_t c = 0; c <= p.channels; ++c) {
    uint64_t own = left;
    left = 0;
    for (int32_t i = 0; i < widths[c]; ++i) {
      const uint64_t energy = input[frequencies[c] + i];
      own += static_cast<uint64_t>(weights[starts[c] + i]) * energy;
      left += static_cast<uint64_t>(unweights[starts[c] + i]) * energy;
    }
    if (c > 0) output[c - 1] = own;  // the first band only leaves something
  }
  return Status::kOk;
}

bool TablesFit(const PrepareContext& context, int32_t channels) {
  const int32_t bins = context.input(kSpectrum).shape.elements();
  const int32_t taps =
      Min(context.input(kWeights).shape.elements(), context.input(kUnweights).shape.elements());
  for (int i = kFrequencyStarts; i <= kWidths; ++i) {
    if (context.input(i).shape.elements() != channels + 1) return false;
  }
  for (int32_t c = 0; c <= channels; ++c) {
    const int32_t frequency = context.input(kFrequencyStarts).values<int16_t>()[c];
    const int32_t start = context.input(kWeightStarts).values<int16_t>()[c];
    const int32_t width = context.input(kWidths).values<int16_t>()[c];
    if (width < 0 || frequency < 0 || start < 0 || (width > 0 && frequency + width > bins) ||
        (width > 0 && start + width > taps)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Status PrepareFftAutoScale(PrepareContext& context) {
  if (!HasTypes(context, Type::kInt16, Type::kInt16) || context.output(1).type != Type::kInt32) {
    return RefuseTypes(context);
  }
  if (context.input(0).shape != context.output(0).shape ||
      context.output(1).shape.elements() != 1) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<CountParams>();
  if (params == nullptr) return kNoMemory;
  params->count = context.input(0).shape.elements();
  context.SetEval(EvalFftAutoScale);
  return Status::kOk;
}

Status PrepareEnergy(PrepareContext& context) {
  if (!HasTypes(context, Type::kInt16, Type::kUInt32)) return RefuseTypes(context);
  const FlexMap options(context.custom_options());
  const int32_t count = context.output(0).shape.elements();
  const int32_t start = options.integer("start_index", 0);
  const int32_t end = options.integer("end_index", 0);
  if (context.input(0).shape.elements() != 2 * count) return RefuseShapes(context);
  if (!IsIn(start, 0, count) || !IsIn(end, start, count)) return RefuseOptions(context);
  auto* params = context.Params<EnergyParams>();
  if (params == nullptr) return kNoMemory;
  *params = {count, start, end};
  context.SetEval(EvalEnergy);
  return Status::kOk;
}

Status PrepareFilterBank(PrepareContext& context) {
  if (!HasTypes(context, Type::kUInt32, Type::kUInt64)) return RefuseTypes(context);
  for (int i = kWeights; i <= kWidths; ++i) {
    if (context.input(i).type != Type::kInt16) return RefuseTypes(context);
    if (!context.input(i).is_constant()) return RefuseVariable(context, i);
  }
  const int32_t channels = FlexMap(context.custom_options()).integer("num_channels", 0);
  if (!IsIn(channels, 1, kMaxSamples)) return RefuseOptions(context);
  if (context.output(0).shape.elements() != channels || !TablesFit(context, channels)) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<FilterBankParams>();
  if (params == nullptr) return kNoMemory;
  params->channels = channels;
  context.SetEval(EvalFilterBank);
  return Status::kOk;
}

}  // namespace tinydeploy
