#include "compiled/kernel.h"

namespace tinydeploy {
namespace compiled {

bool g_eval_failed = false;

}  // namespace compiled
}  // namespace tinydeploy
