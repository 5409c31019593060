#ifndef TINYDEPLOY_RUNTIME_STATUS_H_
#define TINYDEPLOY_RUNTIME_STATUS_H_

namespace tinydeploy {

// What went wrong is in the Diagnosis of the interpreter.
// kStopped: an operator ended the run early because there is nothing to compute yet.
enum class [[nodiscard]] Status : int { kOk = 0, kError = 1, kStopped = 2 };

}  // namespace tinydeploy

// Returns from the calling function unless `expression` is Status::kOk.
#define TINYDEPLOY_TRY(expression)                            \
  do {                                                        \
    const ::tinydeploy::Status status_ = (expression);        \
    if (status_ != ::tinydeploy::Status::kOk) return status_; \
  } while (false)

#endif  // TINYDEPLOY_RUNTIME_STATUS_H_
