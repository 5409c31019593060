// Operators whose output is a walk through the input: transpose, slice, strided slice.
#ifndef TINYDEPLOY_KERNELS_SHAPE_GATHER_WALK_H_
#define TINYDEPLOY_KERNELS_SHAPE_GATHER_WALK_H_

#include <stdint.h>

#include "kernels/common/strides.h"
#include "runtime/prepare_context.h"

namespace tinydeploy {

// Checks that input 0 and the output have the same type of 1, 2, 4 or 8 bytes and that the walk has
// as many positions as the output has elements; picks the eval for `inputs` arguments.
Status PrepareWalk(PrepareContext& context, const Walk& walk);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_SHAPE_GATHER_WALK_H_
