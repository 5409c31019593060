#include "tensorflow/lite/c/common.h"

const char* TfLiteTypeGetName(TfLiteType type) {
  static const char* const kNames[] = {
      "NOTYPE",   "FLOAT32",   "INT32",  "UINT8",   "INT64",   "STRING",     "BOOL",
      "INT16",    "COMPLEX64", "INT8",   "FLOAT16", "FLOAT64", "COMPLEX128", "UINT64",
      "RESOURCE", "VARIANT",   "UINT32", "UINT16",  "INT4",    "BFLOAT16",
  };
  const auto index = static_cast<unsigned>(type);
  return index < sizeof(kNames) / sizeof(kNames[0]) ? kNames[index] : "UNKNOWN";
}
