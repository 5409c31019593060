// CAST between number types. Integers wrap; float32 to integers truncates and saturates at 32 bits.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

struct CastParams {
  int32_t count;
  Type from;
  Type to;
};

bool IsInteger(Type type) {
  switch (type) {
    case Type::kBool:
    case Type::kInt8:
    case Type::kUInt8:
    case Type::kInt16:
    case Type::kInt32:
    case Type::kUInt32:
    case Type::kInt64:
      return true;
    default:
      return false;
  }
}

int64_t Load(Type type, const void* data, int32_t i) {
  switch (type) {
    case Type::kBool:
    case Type::kUInt8:
      return static_cast<const uint8_t*>(data)[i];
    case Type::kInt8:
      return static_cast<const int8_t*>(data)[i];
    case Type::kInt16:
      return static_cast<const int16_t*>(data)[i];
    case Type::kInt32:
      return static_cast<const int32_t*>(data)[i];
    case Type::kUInt32:
      return static_cast<const uint32_t*>(data)[i];
    default:
      return static_cast<const Int64*>(data)[i];
  }
}

void Store(Type type, int64_t value, void* data, int32_t i) {
  switch (type) {
    case Type::kBool:
      static_cast<uint8_t*>(data)[i] = value != 0;
      return;
    case Type::kInt8:
    case Type::kUInt8:
      static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(value);
      return;
    case Type::kInt16:
      static_cast<int16_t*>(data)[i] = static_cast<int16_t>(value);
      return;
    case Type::kInt32:
    case Type::kUInt32:
      static_cast<uint32_t*>(data)[i] = static_cast<uint32_t>(value);
      return;
    default:
      static_cast<Int64*>(data)[i] = {static_cast<uint32_t>(value),
                                      static_cast<int32_t>(value >> 32)};
  }
}

int64_t Truncated(float x) {
  if (!(x > -2147483648.0f)) return x <= -2147483648.0f ? INT32_MIN : 0;
  return x >= 2147483648.0f ? INT32_MAX : static_cast<int32_t>(x);
}

int64_t TruncatedUnsigned(float x) {
  if (!(x > 0.0f)) return 0;
  return x >= 4294967296.0f ? UINT32_MAX : static_cast<uint32_t>(x);
}

Status EvalIntegers(const void* params, void* const* args) {
  const auto& p = *static_cast<const CastParams*>(params);
  for (int32_t i = 0; i < p.count; ++i) Store(p.to, Load(p.from, args[0], i), args[1], i);
  return Status::kOk;
}

Status EvalToFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const CastParams*>(params);
  auto* output = static_cast<float*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) output[i] = static_cast<float>(Load(p.from, args[0], i));
  return Status::kOk;
}

Status EvalFromFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const CastParams*>(params);
  const auto* input = static_cast<const float*>(args[0]);
  for (int32_t i = 0; i < p.count; ++i) {
    const int64_t value = p.to == Type::kBool     ? input[i] != 0.0f
                          : p.to == Type::kUInt32 ? TruncatedUnsigned(input[i])
                                                  : Truncated(input[i]);
    Store(p.to, value, args[1], i);
  }
  return Status::kOk;
}

Status EvalFloats(const void* params, void* const* args) {
  const auto& p = *static_cast<const CastParams*>(params);
  if (args[1] != args[0] && p.count > 0) {
    memcpy(args[1], args[0], static_cast<size_t>(p.count) * sizeof(float));
  }
  return Status::kOk;
}

EvalFn ChooseEval(Type from, Type to) {
  if (IsInteger(from) && IsInteger(to)) return EvalIntegers;
  if (IsInteger(from) && to == Type::kFloat32) return EvalToFloat;
  if (from == Type::kFloat32 && to == from) return EvalFloats;
  return from == Type::kFloat32 && IsInteger(to) ? EvalFromFloat : nullptr;
}

}  // namespace

Status PrepareCast(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const EvalFn eval = ChooseEval(input.type, output.type);
  if (eval == nullptr) return RefuseTypes(context);
  if (input.shape.elements() != output.shape.elements()) return RefuseShapes(context);
  auto* params = context.Params<CastParams>();
  if (params == nullptr) return kNoMemory;
  *params = {output.shape.elements(), input.type, output.type};
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace tinydeploy
