// RAM as it is after a reset: all static memory of the program, put back. For programs whose
// sanitizers have theirs elsewhere (GCC's, in shared libraries).
#ifndef TINYDEPLOY_FUZZ_PRISTINE_H_
#define TINYDEPLOY_FUZZ_PRISTINE_H_

namespace tinydeploy {
namespace fuzz {

// Notes what the static memory holds now.
void KeepMemory();
// Puts it back.
void RestoreMemory();

}  // namespace fuzz
}  // namespace tinydeploy

#endif  // TINYDEPLOY_FUZZ_PRISTINE_H_
