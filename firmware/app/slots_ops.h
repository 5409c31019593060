// Every operator of kernels/ops.def: a model that comes later may need any of them.
#ifndef TINYDEPLOY_APP_SLOTS_OPS_H_
#define TINYDEPLOY_APP_SLOTS_OPS_H_

#include "tensorflow/lite/micro/micro_op_resolver.h"

namespace tinydeploy {
namespace slots {

const tflite::MicroOpResolver& AllOps();

}  // namespace slots
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_SLOTS_OPS_H_
