#ifndef TINYDEPLOY_RUNTIME_DIAGNOSIS_H_
#define TINYDEPLOY_RUNTIME_DIAGNOSIS_H_

#include <stdarg.h>

#include "runtime/status.h"

namespace tinydeploy {

// Why the last call failed.
struct Diagnosis {
  int op_index = -1;      // -1: not the fault of one operator
  int builtin_code = -1;  // the schema's BuiltinOperator, -1 if unknown
  char reason[96] = {};   // one line, empty if nothing failed

  // Writes the reason; returns Status::kError for `return diagnosis.Fail(...)`.
  Status Fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
  Status FailV(const char* format, va_list args);
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_DIAGNOSIS_H_
