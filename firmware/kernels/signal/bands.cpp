// SignalFilterBankSquareRoot, SignalFilterBankSpectralSubtraction, SignalPCAN, SignalFilterBankLog:
// from the energy in bands to features.
#include <string.h>

#include "kernels/common/fixed_point.h"
#include "kernels/kernels.h"
#include "kernels/signal/log_table.h"
#include "kernels/signal/signal.h"

namespace tinydeploy {
namespace {

// ---- SignalFilterBankSquareRoot: sqrt(input), rounded, / 2^scale_bits ----

struct RootParams {
  int32_t count;
};

// Nearest integer, except for the largest result of the width.
uint32_t SquareRoot(uint64_t x, int bits) {
  uint64_t root = 0;
  for (uint64_t bit = static_cast<uint64_t>(1) << (bits - 2); bit != 0; bit >>= 2) {
    const bool fits = x >= root + bit;
    if (fits) x -= root + bit;
    root = (root >> 1) + (fits ? bit : 0);
  }
  const uint64_t largest = (static_cast<uint64_t>(1) << (bits / 2)) - 1;
  return static_cast<uint32_t>(x > root && root != largest ? root + 1 : root);
}

Status EvalSquareRoot(const void* params, void* const* args) {
  const int32_t count = static_cast<const RootParams*>(params)->count;
  const auto* input = static_cast<const uint8_t*>(args[0]);
  const int32_t shift = *static_cast<const int32_t*>(args[1]);
  auto* output = static_cast<uint32_t*>(args[2]);
  if (!IsIn(shift, 0, 31)) return Status::kError;
  for (int32_t i = 0; i < count; ++i, input += sizeof(uint64_t)) {
    uint64_t value;
    memcpy(&value, input, sizeof(value));
    output[i] = SquareRoot(value, value >> 32 == 0 ? 32 : 64) >> shift;
  }
  return Status::kOk;
}

// ---- SignalFilterBankSpectralSubtraction: less a slow average, the noise. ----

struct SubtractionParams {
  int32_t count;
  int32_t smoothing_bits;
  int32_t fraction_bits;
  int32_t clamping;
  uint32_t floor;         // share of the signal that always stays
  uint32_t smoothing[2];  // of even and odd channels
  uint32_t rest[2];       // one minus that
};

Status EvalSubtraction(const void* params, void* const* args) {
  const auto& p = *static_cast<const SubtractionParams*>(params);
  const auto* input = static_cast<const uint32_t*>(args[0]);
  auto* output = static_cast<uint32_t*>(args[1]);
  auto* noise_output = static_cast<uint32_t*>(args[2]);
  auto* noise = static_cast<uint32_t*>(args[3]);
  for (int32_t i = 0; i < p.count; ++i) {
    const uint32_t signal = input[i] << p.smoothing_bits;
    const uint64_t average = static_cast<uint64_t>(signal) * p.smoothing[i & 1] +
                             static_cast<uint64_t>(noise[i]) * p.rest[i & 1];
    uint32_t estimate = static_cast<uint32_t>(average >> p.fraction_bits);
    if (p.clamping) estimate = Min(estimate, signal);
    noise[i] = noise_output[i] = estimate;
    const uint64_t least = (static_cast<uint64_t>(input[i]) * p.floor) >> p.fraction_bits;
    const uint32_t subtracted = (signal - Min(estimate, signal)) >> p.smoothing_bits;
    output[i] = Max(static_cast<uint32_t>(least), subtracted);
  }
  return Status::kOk;
}

// ---- SignalPCAN: a gain that falls with the noise, then a root-like compression. ----

struct PcanParams {
  int32_t count;
  int32_t snr_shift;
};
constexpr int32_t kGainEntries = 125;  // for 32-bit inputs

// A table with a quadratic piece for each power of two.
int32_t Gain(uint32_t x, const int16_t* table) {
  if (x <= 2) return table[x];
  const int bits = BitLength(x);
  const int16_t* piece = table + 4 * bits - 6;
  const uint32_t aligned = bits < 11 ? x << (11 - bits) : x >> (bits - 11);
  const auto fraction = static_cast<int32_t>(aligned & 0x3FF);
  int32_t result = (piece[2] * fraction) >> 5;
  result = MulWrapping(AddWrapping(result, piece[1] * 32), fraction);
  result = AddWrapping(result, 1 << 14) >> 15;
  return static_cast<int16_t>(result + piece[0]);
}

uint32_t Compressed(uint32_t snr) {
  constexpr int kSnrBits = 12;
  constexpr int kOutputBits = 6;
  if (snr < 2u << kSnrBits) return (snr * snr) >> (2 + 2 * kSnrBits - kOutputBits);
  return (snr >> (kSnrBits - kOutputBits)) - (1u << kOutputBits);
}

Status EvalPcan(const void* params, void* const* args) {
  const auto& p = *static_cast<const PcanParams*>(params);
  const auto* input = static_cast<const uint32_t*>(args[0]);
  const auto* noise = static_cast<const uint32_t*>(args[1]);
  const auto* table = static_cast<const int16_t*>(args[2]);
  auto* output = static_cast<uint32_t*>(args[3]);
  for (int32_t i = 0; i < p.count; ++i) {
    const auto gain = static_cast<uint32_t>(Gain(noise[i], table));
    const uint64_t product = static_cast<uint64_t>(input[i]) * gain;
    output[i] = Compressed(static_cast<uint32_t>(product >> p.snr_shift));
  }
  return Status::kOk;
}

// ---- SignalFilterBankLog: output_scale * ln(input * 2^correction_bits) ----

struct LogParams {
  int32_t count;
  uint32_t output_scale;
  int32_t correction_bits;
};

// log2 with 16 fraction bits: a straight line between powers of two, corrected by the table.
uint32_t Log2(uint32_t x) {
  const int whole = BitLength(x) - 1;
  const uint32_t rest = x - (1u << whole);
  const uint32_t fraction = whole < 16 ? rest << (16 - whole) : rest >> (whole - 16);
  const uint32_t segment = fraction >> (16 - kLogSegmentBits);
  const int32_t low = kLogCorrection[segment];
  const int32_t high = kLogCorrection[segment + 1];
  const auto inside = static_cast<int32_t>(fraction - (segment << (16 - kLogSegmentBits)));
  const int32_t correction = low + (((high - low) * inside) >> 16);
  return (static_cast<uint32_t>(whole) << 16) + fraction + static_cast<uint32_t>(correction);
}

uint32_t ScaledLog(uint32_t x, uint32_t scale) {
  constexpr uint64_t kLn2 = 45426;  // 16 fraction bits
  constexpr uint64_t kHalf = 1 << 15;
  const auto natural = static_cast<uint32_t>((kLn2 * Log2(x) + kHalf) >> 16);
  return (scale * natural + static_cast<uint32_t>(kHalf)) >> 16;  // wraps in 32 bits, as TFLM's
}

Status EvalLog(const void* params, void* const* args) {
  const auto& p = *static_cast<const LogParams*>(params);
  const auto* input = static_cast<const uint32_t*>(args[0]);
  auto* output = static_cast<int16_t*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) {
    const uint32_t x = input[i] << p.correction_bits;
    const uint32_t value = x > 1 ? ScaledLog(x, p.output_scale) : 0;
    output[i] = static_cast<int16_t>(Min<uint32_t>(value, INT16_MAX));
  }
  return Status::kOk;
}

}  // namespace

Status PrepareFilterBankSquareRoot(PrepareContext& context) {
  if (!HasTypes(context, Type::kUInt64, Type::kUInt32) || context.input(1).type != Type::kInt32) {
    return RefuseTypes(context);
  }
  const int32_t count = context.input(0).shape.elements();
  if (context.output(0).shape.elements() != count || context.input(1).shape.elements() != 1) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<RootParams>();
  if (params == nullptr) return kNoMemory;
  params->count = count;
  context.SetEval(EvalSquareRoot);
  return Status::kOk;
}

Status PrepareFilterBankSpectralSubtraction(PrepareContext& context) {
  if (!HasTypes(context, Type::kUInt32, Type::kUInt32) || context.output(1).type != Type::kUInt32) {
    return RefuseTypes(context);
  }
  const FlexMap options(context.custom_options());
  const int32_t count = options.integer("num_channels", 0);
  const int32_t smoothing_bits = options.integer("smoothing_bits", -1);
  const int32_t fraction_bits = options.integer("spectral_subtraction_bits", -1);
  if (!IsIn(smoothing_bits, 0, 31) || !IsIn(fraction_bits, 0, 31)) return RefuseOptions(context);
  if (context.input(0).shape.elements() != count || context.output(0).shape.elements() != count ||
      context.output(1).shape.elements() != count) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<SubtractionParams>();
  if (params == nullptr) return kNoMemory;
  const auto share = [&](const char* key) {
    return static_cast<uint32_t>(options.integer(key, 0));
  };
  *params = {count,
             smoothing_bits,
             fraction_bits,
             options.integer("clamping", 0),
             share("min_signal_remaining"),
             {share("smoothing"), share("alternate_smoothing")},
             {share("one_minus_smoothing"), share("alternate_one_minus_smoothing")}};
  context.SetEval(EvalSubtraction);
  return context.State(static_cast<uint32_t>(count) * sizeof(uint32_t));
}

Status PreparePCAN(PrepareContext& context) {
  if (!HasTypes(context, Type::kUInt32, Type::kUInt32) || context.input(1).type != Type::kUInt32 ||
      context.input(2).type != Type::kInt16) {
    return RefuseTypes(context);
  }
  const int32_t shift = FlexMap(context.custom_options()).integer("snr_shift", -1);
  if (!IsIn(shift, 0, 63)) return RefuseOptions(context);
  const int32_t count = context.input(0).shape.elements();
  if (context.input(1).shape.elements() != count || context.output(0).shape.elements() != count ||
      context.input(2).shape.elements() < kGainEntries) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<PcanParams>();
  if (params == nullptr) return kNoMemory;
  *params = {count, shift};
  context.SetEval(EvalPcan);
  return Status::kOk;
}

Status PrepareFilterBankLog(PrepareContext& context) {
  if (!HasTypes(context, Type::kUInt32, Type::kInt16)) return RefuseTypes(context);
  const FlexMap options(context.custom_options());
  const int32_t scale = options.integer("output_scale", -1);
  const int32_t bits = options.integer("input_correction_bits", -1);
  if (scale < 0 || !IsIn(bits, 0, 31)) return RefuseOptions(context);
  const int32_t count = context.input(0).shape.elements();
  if (context.output(0).shape.elements() != count) return RefuseShapes(context);
  auto* params = context.Params<LogParams>();
  if (params == nullptr) return kNoMemory;
  *params = {count, static_cast<uint32_t>(scale), bits};
  context.SetEval(EvalLog);
  return Status::kOk;
}

}  // namespace tinydeploy
