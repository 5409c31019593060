// MINIMUM, MAXIMUM, the comparisons and the logical operators on two inputs.
#include "kernels/common/refuse.h"
#include "kernels/elementwise/binary.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

// Same quantization everywhere: the stored values can be compared.
struct Smaller {
  template <class T>
  static T Of(T a, T b) {
    return a < b ? a : b;
  }
};
struct Larger {
  template <class T>
  static T Of(T a, T b) {
    return a > b ? a : b;
  }
};

template <class T, class Op>
Status EvalSame(const void* params, void* const* args) {
  return EvalPairs<T, T>(params, args, [](const BinaryParams&, T a, T b) { return Op::Of(a, b); });
}

template <class Op>
Status PrepareExtreme(PrepareContext& context) {
  constexpr BinaryEval kEvals[] = {{Type::kInt8, Type::kInt8, EvalSame<int8_t, Op>},
                                   {Type::kInt16, Type::kInt16, EvalSame<int16_t, Op>},
                                   {Type::kInt32, Type::kInt32, EvalSame<int32_t, Op>},
                                   {Type::kInt64, Type::kInt64, EvalSame<Int64, Op>},
                                   {Type::kFloat32, Type::kFloat32, EvalSame<float, Op>}};
  BinaryParams* params;
  return PrepareBinary(context, kEvals, &params);
}

struct Less {
  template <class T>
  static bool Of(T a, T b) {
    return a < b;
  }
};
struct LessOrEqual {
  template <class T>
  static bool Of(T a, T b) {
    return a <= b;
  }
};
struct Equal {
  template <class T>
  static bool Of(T a, T b) {
    return a == b;
  }
};

// op(a, b) == wanted, or op(b, a) == wanted: six comparisons from three.
template <class T, class Op, bool kSwapped, bool kWanted>
Status EvalCompare(const void* params, void* const* args) {
  return EvalPairs<T, bool>(params, args, [](const BinaryParams&, T a, T b) {
    return (kSwapped ? Op::Of(b, a) : Op::Of(a, b)) == kWanted;
  });
}

// Integers of different scales, with 8 bits of headroom, rounded to steps of the larger scale.
template <class T, class Op, bool kSwapped, bool kWanted>
Status EvalCompareQuantized(const void* params, void* const* args) {
  return EvalPairs<T, bool>(params, args, [](const BinaryParams& p, int32_t a, int32_t b) {
    const int32_t x = Common(p, 0, a);
    const int32_t y = Common(p, 1, b);
    return (kSwapped ? Op::Of(y, x) : Op::Of(x, y)) == kWanted;
  });
}

template <class Op, bool kSwapped, bool kWanted>
Status PrepareComparison(PrepareContext& context) {
  constexpr BinaryEval kEvals[] = {
      {Type::kBool, Type::kBool, EvalCompare<Bool, Op, kSwapped, kWanted>},
      {Type::kFloat32, Type::kBool, EvalCompare<float, Op, kSwapped, kWanted>},
      {Type::kInt32, Type::kBool, EvalCompare<int32_t, Op, kSwapped, kWanted>},
      {Type::kInt64, Type::kBool, EvalCompare<Int64, Op, kSwapped, kWanted>},
      {Type::kInt8, Type::kBool, EvalCompareQuantized<int8_t, Op, kSwapped, kWanted>},
      {Type::kInt16, Type::kBool, EvalCompareQuantized<int16_t, Op, kSwapped, kWanted>}};
  BinaryParams* params;
  TINYDEPLOY_TRY(PrepareBinary(context, kEvals, &params));
  const Type type = context.input(0).type;
  if (type != Type::kInt8 && type != Type::kInt16) return Status::kOk;
  params->left_shift = 8;
  for (int i = 0; i < 2; ++i) {
    if (!QuantizeMultiplier(static_cast<double>(context.input(i).scale()), &params->input[i])) {
      return RefuseQuantization(context);
    }
  }
  return Status::kOk;
}

template <bool (*kOp)(bool, bool)>
Status EvalLogical(const void* params, void* const* args) {
  return EvalPairs<Bool, bool>(params, args,
                               [](const BinaryParams&, bool a, bool b) { return kOp(a, b); });
}

template <bool (*kOp)(bool, bool)>
Status PrepareLogical(PrepareContext& context) {
  constexpr BinaryEval kEvals[] = {{Type::kBool, Type::kBool, EvalLogical<kOp>}};
  BinaryParams* params;
  return PrepareBinary(context, kEvals, &params);
}

bool And(bool a, bool b) { return a && b; }
bool Or(bool a, bool b) { return a || b; }

}  // namespace

Status PrepareMinimum(PrepareContext& context) { return PrepareExtreme<Smaller>(context); }
Status PrepareMaximum(PrepareContext& context) { return PrepareExtreme<Larger>(context); }

Status PrepareEqual(PrepareContext& c) { return PrepareComparison<Equal, false, true>(c); }
Status PrepareNotEqual(PrepareContext& c) { return PrepareComparison<Equal, false, false>(c); }
Status PrepareLess(PrepareContext& c) { return PrepareComparison<Less, false, true>(c); }
Status PrepareLessEqual(PrepareContext& c) {
  return PrepareComparison<LessOrEqual, false, true>(c);
}
Status PrepareGreater(PrepareContext& c) { return PrepareComparison<Less, true, true>(c); }
Status PrepareGreaterEqual(PrepareContext& c) {
  return PrepareComparison<LessOrEqual, true, true>(c);
}

Status PrepareLogicalAnd(PrepareContext& context) { return PrepareLogical<And>(context); }
Status PrepareLogicalOr(PrepareContext& context) { return PrepareLogical<Or>(context); }

}  // namespace tinydeploy
