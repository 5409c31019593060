#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/recurrent/lstm.h"

namespace tinydeploy {
namespace {

namespace option {
enum : int { kActivation, kCellClip, kProjectionClip, kTimeMajor };
}
constexpr int kTanhActivation = 4;  // ActivationFunctionType
constexpr float kGateScale = 1.0f / 4096;
constexpr float kUnit = 1.0f / 32768;  // scale of what the nonlinearities give

Status CheckInputs(PrepareContext& context) {
  const auto refuse = [&](int first, int count, const char* what) {
    for (int i = first; i < first + count; ++i) {
      if (context.has_input(i)) return context.Fail("%s is not supported", what);
    }
    return Status::kOk;
  };
  TINYDEPLOY_TRY(refuse(lstm_arg::kPeephole, 3, "peephole"));
  TINYDEPLOY_TRY(refuse(lstm_arg::kProjection, 2, "projection"));
  TINYDEPLOY_TRY(refuse(lstm_arg::kLayerNorm, 4, "layer normalization"));
  for (int i = 0; i <= lstm_arg::kCell; ++i) {
    const bool needed = i < lstm_arg::kPeephole || i >= lstm_arg::kHidden ||
                        (i >= lstm_arg::kBias && i < lstm_arg::kProjection);
    if (needed && !context.has_input(i)) return context.Fail("input %d is missing", i);
  }
  const bool kept =
      context.input(lstm_arg::kHidden).is_variable && context.input(lstm_arg::kCell).is_variable;
  return kept ? Status::kOk : context.Fail("the states must be variables");
}

EvalFn ChooseEval(const PrepareContext& context) {
  const Type type = context.input(lstm_arg::kInput).type;
  const bool is_float = type == Type::kFloat32;
  const Type weights = is_float ? type : Type::kInt8;
  const Type bias = is_float ? type : type == Type::kInt16 ? Type::kInt64 : Type::kInt32;
  for (int gate = 0; gate < kLstmGates; ++gate) {
    if (context.input(lstm_arg::kInputWeights + gate).type != weights ||
        context.input(lstm_arg::kRecurrentWeights + gate).type != weights ||
        context.input(lstm_arg::kBias + gate).type != bias) {
      return nullptr;
    }
  }
  if (context.input(lstm_arg::kHidden).type != type || context.output(0).type != type ||
      context.input(lstm_arg::kCell).type != (is_float ? type : Type::kInt16)) {
    return nullptr;
  }
  return is_float               ? EvalLstmFloat
         : type == Type::kInt8  ? EvalLstmInt8
         : type == Type::kInt16 ? EvalLstmInt16
                                : nullptr;
}

bool IsMatrix(const TensorView& view, int32_t rows, int32_t columns) {
  return view.shape.rank == 2 && view.shape[0] == rows && view.shape[1] == columns;
}

bool Measure(const PrepareContext& context, LstmGeometry* geometry) {
  const Shape input = context.input(lstm_arg::kInput).shape;
  const Shape hidden = context.input(lstm_arg::kHidden).shape;
  const Shape output = context.output(0).shape;
  if (input.rank != 3 || output.rank != 3 || hidden.rank != 2) return false;
  LstmGeometry& g = *geometry;
  g.time_major = context.options().get<uint8_t>(option::kTimeMajor, 0) != 0;
  g.batches = input[g.time_major ? 1 : 0];
  g.steps = input[g.time_major ? 0 : 1];
  g.input_size = input[2];
  g.units = hidden[1];
  for (int gate = 0; gate < kLstmGates; ++gate) {
    if (!IsMatrix(context.input(lstm_arg::kInputWeights + gate), g.units, g.input_size) ||
        !IsMatrix(context.input(lstm_arg::kRecurrentWeights + gate), g.units, g.units) ||
        context.input(lstm_arg::kBias + gate).shape.elements() != g.units) {
      return false;
    }
  }
  return IsMatrix(context.input(lstm_arg::kHidden), g.batches, g.units) &&
         IsMatrix(context.input(lstm_arg::kCell), g.batches, g.units) && output[0] == input[0] &&
         output[1] == input[1] && output[2] == g.units;
}

bool FillGate(const PrepareContext& context, int index, LstmGate* gate) {
  const TensorView weights = context.input(lstm_arg::kInputWeights + index);
  const TensorView recurrent = context.input(lstm_arg::kRecurrentWeights + index);
  gate->input_weight_offset = -weights.zero_point();
  gate->recurrent_weight_offset = -recurrent.zero_point();
  const float input = context.input(lstm_arg::kInput).scale();
  const float hidden = context.input(lstm_arg::kHidden).scale();
  return QuantizeProduct(input, weights.scale(), kGateScale, &gate->input) &&
         QuantizeProduct(hidden, recurrent.scale(), kGateScale, &gate->recurrent);
}

// The cell's scale must be a power of two of at most 2^-9; the table of tanh wants steps of
// 1 / (3 * 2^12).
bool FillCell(float scale, float clip, LstmParams* params) {
  int exponent;
  if (!(scale > 0.0f) || Frexp(static_cast<double>(scale), &exponent) != 0.5) return false;
  const int power = exponent - 1;
  if (power > -9 || power < -31) return false;
  const int left = power + 12;
  params->tanh_multiplier = left >= 0 ? 3 << left : 3;
  params->tanh_shift = left >= 0 ? 0 : -left;
  const float steps = clip / scale;
  params->cell_clip = steps > 0.0f ? static_cast<int32_t>(Min(steps, 32767.0f)) : 0;
  return true;
}

bool FillProducts(float cell, float hidden, LstmParams* params) {
  return QuantizeProduct(kUnit, cell, cell, &params->forget) &&
         QuantizeProduct(kUnit, kUnit, cell, &params->input) &&
         QuantizeProduct(kUnit, kUnit, hidden, &params->output);
}

Status PrepareQuantized(PrepareContext& context, const LstmGeometry& geometry, float clip) {
  auto* params = context.Params<LstmParams>();
  if (params == nullptr) return kNoMemory;
  const TensorView hidden = context.input(lstm_arg::kHidden);
  const TensorView cell = context.input(lstm_arg::kCell);
  params->geometry = geometry;
  params->input_offset = -context.input(lstm_arg::kInput).zero_point();
  params->hidden_offset = -hidden.zero_point();
  bool sound =
      FillCell(cell.scale(), clip, params) && FillProducts(cell.scale(), hidden.scale(), params);
  for (int i = 0; i < kLstmGates; ++i) sound = sound && FillGate(context, i, &params->gates[i]);
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace

Status PrepareUnidirectionalSequenceLSTM(PrepareContext& context) {
  TINYDEPLOY_TRY(CheckInputs(context));
  const EvalFn eval = ChooseEval(context);
  if (eval == nullptr) return RefuseTypes(context);
  const float clip = context.options().get<float>(option::kCellClip, 0.0f);
  if (context.options().get<int8_t>(option::kActivation, 0) != kTanhActivation || !(clip >= 0.0f)) {
    return RefuseOptions(context);
  }
  LstmGeometry geometry;
  if (!Measure(context, &geometry)) return RefuseShapes(context);
  context.SetEval(eval);
  if (eval != EvalLstmFloat) return PrepareQuantized(context, geometry, clip);
  auto* params = context.Params<LstmFloatParams>();
  if (params == nullptr) return kNoMemory;
  *params = {geometry, clip};
  return Status::kOk;
}

}  // namespace tinydeploy
