#include "kernels/common/refuse.h"

namespace tinydeploy {

Status RefuseTypes(PrepareContext& context) {
  const char* output = context.output_count() > 0 ? TypeName(context.output(0).type) : "nothing";
  const char* first = context.has_input(0) ? TypeName(context.input(0).type) : "nothing";
  return context.has_input(1) ? context.Fail("types %s x %s -> %s are not supported", first,
                                             TypeName(context.input(1).type), output)
                              : context.Fail("types %s -> %s are not supported", first, output);
}

Status RefuseShapes(PrepareContext& context) { return context.Fail("shapes do not fit together"); }

Status RefuseQuantization(PrepareContext& context) {
  return context.Fail("quantization is missing or out of range");
}

Status RefuseOptions(PrepareContext& context) {
  return context.Fail("options are missing or not supported");
}

Status RefuseSize(PrepareContext& context, int32_t size, int32_t most) {
  return context.Fail("a size of %d, where at most %d is supported", static_cast<int>(size),
                      static_cast<int>(most));
}

Status RefuseVariable(PrepareContext& context, int input) {
  return context.Fail("input %d must be a constant", input);
}

}  // namespace tinydeploy
