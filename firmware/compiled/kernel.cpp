#include "compiled/kernel.h"

namespace tinydeploy {
namespace compiled {

bool g_refused = false;

}  // namespace compiled
}  // namespace tinydeploy
