#include "tensorflow/lite/micro/micro_interpreter.h"

#include "tensorflow/lite/micro/micro_log.h"

namespace tflite {
namespace {

// A TfLiteTensor and what it points to, kept in the arena for each input and output.
struct Record {
  TfLiteTensor tensor;
  TfLiteAffineQuantization affine;
  int zero_point[2];  // a TfLiteIntArray of one element
};

const int kNoDims[1] = {0};  // a TfLiteIntArray without elements

// The model file numbers types from 0, the C API from 1, mostly.
TfLiteType ToTfLiteType(tinydeploy::Type type) {
  constexpr TfLiteType kTypes[] = {
      kTfLiteFloat32, kTfLiteFloat16,    kTfLiteInt32,  kTfLiteUInt8,     kTfLiteInt64,
      kTfLiteString,  kTfLiteBool,       kTfLiteInt16,  kTfLiteComplex64, kTfLiteInt8,
      kTfLiteFloat64, kTfLiteComplex128, kTfLiteUInt64, kTfLiteResource,  kTfLiteVariant,
      kTfLiteUInt32,  kTfLiteUInt16,     kTfLiteInt4,   kTfLiteBFloat16,
  };
  const auto index = static_cast<unsigned>(type);
  return index < sizeof(kTypes) / sizeof(kTypes[0]) ? kTypes[index] : kTfLiteNoType;
}

// A vector in the model file is a length and its elements, exactly what the C API's arrays are.
template <class Array, class T>
Array* AsArray(const tinydeploy::Vector<T>& vector) {
  const void* start = vector.size() == 0 ? static_cast<const void*>(kNoDims)
                                         : static_cast<const void*>(vector.data() - 1);
  return static_cast<Array*>(const_cast<void*>(start));
}

void Describe(const tinydeploy::TensorView& view, Record* record) {
  TfLiteTensor& tensor = record->tensor;
  tensor.type = ToTfLiteType(view.type);
  tensor.data.data = view.data;
  tensor.bytes = view.bytes;
  tensor.dims = AsArray<TfLiteIntArray>(view.dims);
  tensor.is_variable = view.is_variable;
  tensor.allocation_type = view.is_variable ? kTfLiteArenaRwPersistent : kTfLiteArenaRw;
  if (view.scales.size() != 1 || view.zero_points.size() != 1) return;
  tensor.params = {view.scale(), view.zero_point()};
  record->zero_point[0] = 1;
  record->zero_point[1] = view.zero_point();
  record->affine = {AsArray<TfLiteFloatArray>(view.scales),
                    reinterpret_cast<TfLiteIntArray*>(record->zero_point),
                    view.quantized_dimension};
  tensor.quantization = {kTfLiteAffineQuantization, &record->affine};
}

}  // namespace

MicroInterpreter::MicroInterpreter(const Model* model, const MicroOpResolver& resolver,
                                   uint8_t* arena, size_t arena_bytes, MicroResourceVariables*,
                                   MicroProfilerInterface* profiler, bool preserve_all_tensors)
    : engine_(model, resolver.kernels(), arena, arena_bytes) {
  engine_.set_profiler(profiler);
  engine_.set_preserve_tensors(preserve_all_tensors);
  engine_.set_io_record_bytes(sizeof(Record));
}

TfLiteStatus MicroInterpreter::Check(tinydeploy::Status status) {
  if (status == tinydeploy::Status::kOk) return kTfLiteOk;
  if (status == tinydeploy::Status::kStopped) return kTfLiteAbort;
  const tinydeploy::Diagnosis& diagnosis = engine_.diagnosis();
  if (diagnosis.op_index >= 0) {
    MicroPrintf("operator %d (builtin %d): %s", diagnosis.op_index, diagnosis.builtin_code,
                diagnosis.reason);
  } else {
    MicroPrintf("%s", diagnosis.reason);
  }
  return kTfLiteError;
}

TfLiteStatus MicroInterpreter::AllocateTensors() {
  status_ = Check(engine_.Allocate());
  if (status_ != kTfLiteOk) return status_;
  auto* record = static_cast<Record*>(engine_.io_records());
  for (int i = 0; i < engine_.input_count(); ++i) Describe(engine_.input(i), record++);
  for (int i = 0; i < engine_.output_count(); ++i) Describe(engine_.output(i), record++);
  return kTfLiteOk;
}

// As in TFLM, a run that failed leaves the tensors where they are: the next may succeed.
TfLiteStatus MicroInterpreter::Invoke() { return Check(engine_.Run()); }

TfLiteStatus MicroInterpreter::Reset() {
  engine_.ResetVariables();
  return status_;
}

TfLiteTensor* MicroInterpreter::TensorAt(size_t index, size_t first, size_t count) {
  if (status_ != kTfLiteOk || engine_.io_records() == nullptr || index >= count) return nullptr;
  return &(static_cast<Record*>(engine_.io_records()) + first + index)->tensor;
}

TfLiteTensor* MicroInterpreter::input(size_t index) { return TensorAt(index, 0, inputs_size()); }

TfLiteTensor* MicroInterpreter::output(size_t index) {
  return TensorAt(index, inputs_size(), outputs_size());
}

}  // namespace tflite
