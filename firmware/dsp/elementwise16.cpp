#include "dsp/elementwise16.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

// Lanes times 2^16.
int32_t Lower(uint32_t lanes) { return static_cast<int32_t>(lanes << 16); }
int32_t Upper(uint32_t lanes) { return static_cast<int32_t>(lanes & 0xffff0000); }

int32_t Twice(int32_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x) << 1); }

// sum + (lane * factor >> 16)
int32_t AddBottom(int32_t sum, uint32_t lanes, int32_t factor) {
#if defined(__ARM_FEATURE_DSP)
  return __smlawb(factor, static_cast<int32_t>(lanes), sum);
#else
  return sum + static_cast<int32_t>((static_cast<int64_t>(factor) * Bottom(lanes)) >> 16);
#endif
}

int32_t AddTop(int32_t sum, uint32_t lanes, int32_t factor) {
#if defined(__ARM_FEATURE_DSP)
  return __smlawt(factor, static_cast<int32_t>(lanes), sum);
#else
  return sum + static_cast<int32_t>((static_cast<int64_t>(factor) * Top(lanes)) >> 16);
#endif
}

// multiplier / 2^(31 + shift), rounding to nearest after 31 bits and, halves away from zero, after
// the others.
class Factor {
 public:
  Factor(int32_t multiplier, uint32_t shift)
      : multiplier_(multiplier), half_(1 << (shift - 1)), shift_(shift) {}

  // twice: the number, times two. minus: -1 if it is negative, else 0; where the first rounding
  // makes it 0 both give 0.
  int32_t Times(int32_t twice, int32_t minus) const {
    return (MultiplyHighAdd(twice, multiplier_, half_) + minus) >> shift_;
  }
  int32_t Times(int32_t twice) const { return Times(twice, twice >> 31); }

 private:
  int32_t multiplier_, half_;
  uint32_t shift_;
};

// The clamp of an activation.
class Limits {
 public:
  template <class Params>
  explicit Limits(const Params& p)
      : lowest_(Lanes(p.lowest, p.lowest)), highest_(Lanes(p.highest, p.highest)) {}

  uint32_t Of(int32_t bottom, int32_t top) const {
    const uint32_t lanes = Lanes(Saturated16(bottom), Saturated16(top));
    return MinHalves(MaxHalves(lanes, lowest_), highest_);
  }

 private:
  uint32_t lowest_, highest_;
};

template <bool kSubtracts>
class Adder {
 public:
  explicit Adder(const AddParams16& p)
      : limits_(p),
        fine_(p.fine_multiplier, p.fine_shift),
        output_(p.output_multiplier, p.output_shift),
        coarse_factor_(p.coarse_factor) {}

  uint32_t operator()(uint32_t fine, uint32_t coarse) const {
    const int32_t bottom = AddBottom(Term(Lower(fine)), coarse, coarse_factor_);
    const int32_t top = AddTop(Term(Upper(fine)), coarse, coarse_factor_);
    return limits_.Of(output_.Times(Twice(bottom)), output_.Times(Twice(top)));
  }

 private:
  int32_t Term(int32_t fine) const { return kSubtracts ? -fine_.Times(fine) : fine_.Times(fine); }

  Limits limits_;
  Factor fine_, output_;
  int32_t coarse_factor_;
};

// Opposites on the way: twice 2^30 would not fit.
class Multiplier {
 public:
  explicit Multiplier(const MultiplyParams16& p) : limits_(p), opposite_(-p.multiplier, p.shift) {}

  uint32_t operator()(uint32_t a, uint32_t b) const {
    return limits_.Of(Scaled(Bottom(a) * Bottom(b)), Scaled(Top(a) * Top(b)));
  }

 private:
  int32_t Scaled(int32_t product) const { return opposite_.Times(-2 * product, product >> 31); }

  Limits limits_;
  Factor opposite_;
};

// output = combine(a, b) for pairs of lanes. Out of line: with the loop over rows around it there
// would be no registers left.
template <class Combine>
[[gnu::noinline]] void ForEachPair(const Combine& combine, const int16_t* a, const int16_t* b,
                                   int16_t* output, uint32_t pairs) {
  const Combine held = combine;  // in registers: what is stored cannot change it
  for (const int16_t* const end = output + 2 * pairs; output < end; a += 2, b += 2, output += 2) {
    StoreWord(output, held(LoadWord(a), LoadWord(b)));
  }
}

// every(a, b, output, pairs) for each row; steps in elements, 0 where an input repeats.
template <class Params, class Every>
void ForEachRow(const Params& p, const int16_t* a, uint32_t a_step, const int16_t* b,
                uint32_t b_step, int16_t* output, Every every) {
  const uint32_t odd = p.length & 1, pairs = p.length / 2;
  for (uint32_t row = 0; row < p.rows; ++row, a += a_step, b += b_step, output += p.length) {
    every(a, b, output, pairs);
    if (odd) {
      const int16_t last_a[2] = {a[2 * pairs], 0}, last_b[2] = {b[2 * pairs], 0};
      int16_t last[2];
      every(last_a, last_b, last, 1);
      output[2 * pairs] = last[0];
    }
  }
}

}  // namespace

extern "C" {

#if !defined(__ARM_FEATURE_DSP)
void td_add_pairs16_clamped(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
                            int16_t* output, uint32_t pairs) {
  ForEachPair(Adder<false>(*params), fine, coarse, output, pairs);
}

// Their limits are in the params too.
void td_add_pairs16_signed(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
                           int16_t* output, uint32_t pairs) {
  td_add_pairs16_clamped(params, fine, coarse, output, pairs);
}

void td_add_pairs16_positive(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
                             int16_t* output, uint32_t pairs) {
  td_add_pairs16_clamped(params, fine, coarse, output, pairs);
}
#endif

void td_add16(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
              int16_t* output, AddPairs16* pairs) {
  const AddParams16& p = *params;
  ForEachRow(p, fine, p.fine_step, coarse, p.coarse_step, output,
             [=](const int16_t* a, const int16_t* b, int16_t* out, uint32_t count) {
               pairs(params, a, b, out, count);
             });
}

void td_subtract16(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
                   int16_t* output) {
  const AddParams16& p = *params;
  const Adder<true> combine(p);
  ForEachRow(p, fine, p.fine_step, coarse, p.coarse_step, output,
             [&](const int16_t* a, const int16_t* b, int16_t* out, uint32_t count) {
               ForEachPair(combine, a, b, out, count);
             });
}

void td_multiply16(const MultiplyParams16* params, const int16_t* a, const int16_t* b,
                   int16_t* output) {
  const MultiplyParams16& p = *params;
  const Multiplier combine(p);
  ForEachRow(p, a, p.a_step, b, p.b_step, output,
             [&](const int16_t* x, const int16_t* y, int16_t* out, uint32_t count) {
               ForEachPair(combine, x, y, out, count);
             });
}

}  // extern "C"
}  // namespace tinydeploy
