// HARD_SWISH and ELU.
#include <math.h>

#include "kernels/common/refuse.h"
#include "kernels/elementwise/unary.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

// ---- HARD_SWISH: x * relu6(x + 3) / 6. Int8 in 16-bit arithmetic, rounding where TFLM does. ----

int32_t RoundingDoublingHighMul16(int32_t a, int32_t b) {
  if (a == INT16_MIN && b == INT16_MIN) return INT16_MAX;
  const int32_t product = a * b;
  return (product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15);
}

int32_t DoublingHighMul16(int32_t a, int32_t b) {
  return a == INT16_MIN && b == INT16_MIN ? INT16_MAX : a * b / (1 << 15);
}

int32_t SaturatingShiftLeft16(int32_t x, int amount) {
  return static_cast<int32_t>(
      Clamp<int64_t>(x * (static_cast<int64_t>(1) << Min(amount, 31)), INT16_MIN, INT16_MAX));
}

// At 16 bits: from 2^16 on the mask of the rest is all ones, which counts as -1, and so the rest of
// 0 and more is above half of it.
int32_t RoundingShiftRight16(int32_t x, int exponent) {
  if (exponent < 16) return RoundingShiftRight(x, exponent);
  return x < 0 ? -1 : 1;
}

// `positive` leads to the output's scale, `negative` to the one on which 3 is 2^15.
int32_t HardSwish(const UnaryParams& p, int32_t x) {
  const int32_t fine = (x + p.input_offset) * (1 << 7);
  const int32_t on_output = RoundingDoublingHighMul16(fine, p.positive.multiplier);
  int32_t gate = fine;
  if (p.negative.shift > 0) gate = SaturatingShiftLeft16(gate, p.negative.shift - 1);
  gate = RoundingDoublingHighMul16(gate, p.negative.multiplier);
  if (p.negative.shift > 0) gate = SaturatingShiftLeft16(gate, 1);
  if (p.negative.shift < 0) gate = RoundingShiftRight16(gate, -p.negative.shift);
  gate = (gate + (1 << 15)) >> 1;
  const int32_t product = DoublingHighMul16(gate, on_output);
  const int32_t value = RoundingShiftRight16(product, -p.positive.shift) + p.output_offset;
  return Clamp(value, p.range.lowest, p.range.highest);
}

Status EvalHardSwishInt8(const void* params, void* const* args) {
  return EvalEach<int8_t>(params, args, HardSwish);
}

Status EvalHardSwishFloat(const void* params, void* const* args) {
  return EvalEach<float>(params, args, [](const UnaryParams&, float x) {
    return x * Clamp(x + 3.0f, 0.0f, 6.0f) / 6.0f;
  });
}

bool Multiplier16(double real, Multiplier* out) {
  if (!QuantizeMultiplier(real, out)) return false;
  const bool largest = out->multiplier >= INT32_MAX - (1 << 15);
  out->multiplier = largest ? INT16_MAX : (out->multiplier + (1 << 15)) >> 16;
  return true;
}

// ---- ELU: x for x >= 0, else exp(x) - 1. Int8 by a table after the params. ----

float Elu(float x) { return x < 0.0f ? expf(x) - 1.0f : x; }

Status EvalEluFloat(const void* params, void* const* args) {
  return EvalEach<float>(params, args, [](const UnaryParams&, float x) { return Elu(x); });
}

Status EvalEluInt8(const void* params, void* const* args) {
  return EvalEach<int8_t>(params, args, [](const UnaryParams& p, int32_t x) -> int32_t {
    return reinterpret_cast<const int8_t*>(&p + 1)[x & 0xFF];
  });
}

void FillEluTable(const TensorView& input, const TensorView& output, int8_t* table) {
  const float inverse = 1.0f / output.scale();
  for (int32_t x = INT8_MIN; x <= INT8_MAX; ++x) {
    const float real = Elu(input.scale() * static_cast<float>(x - input.zero_point()));
    const int32_t steps = RoundToInt32(roundf(real * inverse));
    const int32_t value = AddWrapping(steps, output.zero_point());
    table[x & 0xFF] = static_cast<int8_t>(Clamp<int32_t>(value, INT8_MIN, INT8_MAX));
  }
}

}  // namespace

Status PrepareHardSwish(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kInt8, EvalHardSwishInt8},
                                  {Type::kFloat32, EvalHardSwishFloat}};
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, kEvals, &params));
  if (context.input(0).type == Type::kFloat32) return Status::kOk;
  const double fine = static_cast<double>(context.input(0).scale()) / 128.0;
  const auto output = static_cast<double>(context.output(0).scale());
  constexpr auto kThree = static_cast<double>(3.0f / 32768.0f);
  const bool sound = Multiplier16(fine / output, &params->positive) &&
                     Multiplier16(fine / kThree, &params->negative) && params->positive.shift <= 0;
  return sound ? Status::kOk : RefuseQuantization(context);
}

Status PrepareElu(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const bool is_int8 = input.type == Type::kInt8;
  if ((!is_int8 && input.type != Type::kFloat32) || output.type != input.type) {
    return RefuseTypes(context);
  }
  if (input.shape.elements() != output.shape.elements()) return RefuseShapes(context);
  auto* params = context.Params<UnaryParams>(is_int8 ? 256 : 0);
  if (params == nullptr) return kNoMemory;
  params->count = input.shape.elements();
  context.SetEval(is_int8 ? EvalEluInt8 : EvalEluFloat);
  if (!is_int8) return Status::kOk;
  if (!(output.scale() > 0.0f)) return RefuseQuantization(context);
  FillEluTable(input, output, reinterpret_cast<int8_t*>(params + 1));
  return Status::kOk;
}

}  // namespace tinydeploy
