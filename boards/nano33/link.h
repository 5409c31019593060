#ifndef TINYDEPLOY_BOARDS_NANO33_LINK_H_
#define TINYDEPLOY_BOARDS_NANO33_LINK_H_

namespace tinydeploy {
namespace nano33 {

void StartLink();
void DrainLink();  // waits until what was written is out

}  // namespace nano33
}  // namespace tinydeploy

#endif  // TINYDEPLOY_BOARDS_NANO33_LINK_H_
