// SOFTMAX of int16: exp and 1/(1+x) by tables of 512 straight pieces, as TFLM has them.
#include <math.h>

#include "kernels/softmax/softmax.h"

namespace tinydeploy {
namespace {

constexpr int kPieces = 512;
constexpr float kRange = 65535.0f;  // of an int16
constexpr float kReach = 10.0f;     // exp(-10) counts as nothing

// After the params.
struct Curves {
  int16_t exp[kPieces + 1];         // of [-10, 0]
  int16_t reciprocal[kPieces + 1];  // 1 / (1 + x) for x in [0, 1]
};

float Reciprocal(float x) { return 1.0f / (1.0f + x); }

int16_t Saturated(float x) { return static_cast<int16_t>(Clamp<float>(x, INT16_MIN, INT16_MAX)); }

// Of a function on [lowest, highest] with values up to 1. Each entry gives way by half of what a
// straight line from the middle of its piece is off.
void Fill(float (*function)(float), float lowest, float highest, int16_t* table) {
  constexpr float kScale = (kRange + 1.0f) / 2.0f;
  const float step = (highest - lowest) / kPieces;
  for (int i = 0; i < kPieces; ++i) {
    const float x = lowest + static_cast<float>(i) * step;
    const float here = roundf(function(x) * kScale);
    const float next = function(lowest + static_cast<float>(i + 1) * step) * kScale;
    const float line = roundf((next + here) / 2.0f);
    const float middle = roundf(function(x + step / 2.0f) * kScale);
    table[i] = Saturated(here - roundf((line - middle) / 2.0f));
  }
  table[kPieces] = Saturated(roundf(function(highest) * kScale));
}

// The table's function at x in [-32768, 32767], which stands for its whole range.
int32_t Look(const int16_t* table, int32_t x) {
  const int16_t* piece = table + kPieces / 2 + (x >> 7);
  const int32_t slope = static_cast<int16_t>(piece[1] - piece[0]);
  return static_cast<int16_t>(piece[0] + ((slope * (x & 0x7F) + 64) >> 7));
}

int32_t ToInt16(int32_t x) { return Clamp<int32_t>(x, INT16_MIN, INT16_MAX); }

int32_t Exp(const SoftmaxParams& p, const Curves& curves, int32_t difference) {
  return Look(curves.exp, ToInt16(AddWrapping(Rescale(difference, p.input_scale), INT16_MAX)));
}

void Row(const SoftmaxParams& p, const Curves& curves, const int16_t* input, int16_t* output) {
  int32_t largest = input[0];
  for (int32_t i = 1; i < p.depth; ++i) largest = Max<int32_t>(largest, input[i]);
  int32_t sum = 0;
  for (int32_t i = 0; i < p.depth; ++i) {
    output[i] = static_cast<int16_t>(Exp(p, curves, input[i] - largest));
    sum = AddWrapping(sum, output[i]);
  }
  // The largest is exp(0): the sum is at least 2^14, so that there are bits to shift off.
  const int headroom = __builtin_clz(static_cast<uint32_t>(sum)) - 1;
  const auto shifted =
      static_cast<int32_t>(((static_cast<int64_t>(sum) << headroom) + (1 << 13)) >> 14);
  const int32_t scale = Look(curves.reciprocal, ToInt16(shifted - (1 << 15) - (1 << 16)));
  const int shift = 30 - headroom;
  const int32_t half = 1 << (shift - 1);
  for (int32_t i = 0; i < p.depth; ++i) {
    output[i] =
        static_cast<int16_t>(Clamp<int32_t>((output[i] * scale + half) >> shift, 0, INT16_MAX));
  }
}

}  // namespace

uint32_t SoftmaxTableBytes() { return sizeof(Curves); }

bool PrepareSoftmaxInt16(float beta, float scale, SoftmaxParams* params) {
  auto* curves = reinterpret_cast<Curves*>(params + 1);
  Fill(expf, -kReach, 0.0f, curves->exp);
  Fill(Reciprocal, 0.0f, 1.0f, curves->reciprocal);
  constexpr double kStep = 10.0 / 65535.0;
  return QuantizeProduct(scale, beta, kStep, &params->input_scale) &&
         params->input_scale.shift < 15;
}

Status EvalSoftmaxInt16(const void* params, void* const* args) {
  const auto& p = *static_cast<const SoftmaxParams*>(params);
  const auto& curves = *reinterpret_cast<const Curves*>(&p + 1);
  const auto* input = static_cast<const int16_t*>(args[0]);
  auto* output = static_cast<int16_t*>(args[1]);
  for (int32_t r = 0; r < p.rows && p.depth > 0; ++r, input += p.depth, output += p.depth) {
    Row(p, curves, input, output);
  }
  return Status::kOk;
}

}  // namespace tinydeploy
