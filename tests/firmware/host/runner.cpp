// Runs models with the firmware's own runtime on the PC, as an application of the TFLM API would.
// Reads requests on stdin and writes replies on stdout until end of file; all integers
// little-endian.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace {

constexpr int kAllOps = 0
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) +1
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
    ;
using Resolver = tflite::MicroMutableOpResolver<kAllOps>;

struct Request {
  uint32_t model_bytes;
  uint32_t arena_bytes;
  uint32_t preserve_tensors;
  uint32_t runs;         // inferences; the inputs of each follow one another
  uint32_t input_bytes;  // of all runs
};

struct Reply {
  uint32_t ok;
  uint32_t arena_used;
  int32_t op_index;
  int32_t builtin_code;
  uint32_t reason_bytes;
  uint32_t output_bytes;
};

// Exactly as long as asked for, so that the address sanitizer sees every access behind the end.
struct Block {
  explicit Block(size_t size) : data(static_cast<uint8_t*>(malloc(size))), bytes(size) {
    memset(data, 0xA5, size);
  }
  ~Block() { free(data); }
  uint8_t* data;
  size_t bytes;
};

void ReadExactly(void* to, size_t bytes) {
  if (bytes != 0 && fread(to, 1, bytes, stdin) != bytes) exit(0);
}

void Write(const void* from, size_t bytes) {
  if (bytes != 0) fwrite(from, 1, bytes, stdout);
}

Resolver& AllOps() {
  static Resolver resolver;
  if (resolver.GetRegistrationLength() == 0) {
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) \
  if (resolver.Add##Name() != kTfLiteOk) abort();
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
  }
  return resolver;
}

size_t OutputBytes(tflite::MicroInterpreter& interpreter) {
  size_t bytes = 0;
  for (size_t i = 0; i < interpreter.outputs_size(); ++i) bytes += interpreter.output(i)->bytes;
  return bytes;
}

size_t InputBytes(tflite::MicroInterpreter& interpreter) {
  size_t bytes = 0;
  for (size_t i = 0; i < interpreter.inputs_size(); ++i) bytes += interpreter.input(i)->bytes;
  return bytes;
}

void CopyIn(tflite::MicroInterpreter& interpreter, const uint8_t* from) {
  for (size_t i = 0; i < interpreter.inputs_size(); ++i) {
    TfLiteTensor* tensor = interpreter.input(i);
    if (tensor->bytes != 0) memcpy(tensor->data.raw, from, tensor->bytes);
    from += tensor->bytes;
  }
}

uint8_t* CopyOut(tflite::MicroInterpreter& interpreter, uint8_t* to) {
  for (size_t i = 0; i < interpreter.outputs_size(); ++i) {
    const TfLiteTensor* tensor = interpreter.output(i);
    if (tensor->bytes != 0) memcpy(to, tensor->data.raw, tensor->bytes);
    to += tensor->bytes;
  }
  return to;
}

// Inputs that are cut short are filled up with zeros: mutated models ask for any size.
bool RunAll(tflite::MicroInterpreter& interpreter, const Request& request, const Block& inputs,
            Block& outputs) {
  const size_t step = InputBytes(interpreter);
  uint8_t* to = outputs.data;
  for (uint32_t run = 0; run < request.runs; ++run) {
    Block input(step);
    memset(input.data, 0, step);
    const size_t begin = run * step;
    if (begin < inputs.bytes) {
      const size_t rest = inputs.bytes - begin;
      memcpy(input.data, inputs.data + begin, rest < step ? rest : step);
    }
    CopyIn(interpreter, input.data);
    if (interpreter.Invoke() != kTfLiteOk) return false;
    to = CopyOut(interpreter, to);
  }
  return true;
}

void Answer(const Request& request) {
  Block model(request.model_bytes);
  Block inputs(request.input_bytes);
  ReadExactly(model.data, model.bytes);
  ReadExactly(inputs.data, inputs.bytes);
  Block arena(request.arena_bytes);
  tflite::MicroInterpreter interpreter(tflite::GetModel(model.data), AllOps(), arena.data,
                                       arena.bytes, nullptr, nullptr,
                                       request.preserve_tensors != 0);
  interpreter.engine().set_model_bytes(request.model_bytes);
  bool ok = interpreter.AllocateTensors() == kTfLiteOk;
  const size_t output_bytes = ok ? OutputBytes(interpreter) * request.runs : 0;
  Block outputs(output_bytes);
  ok = ok && RunAll(interpreter, request, inputs, outputs);
  const tinydeploy::Diagnosis& diagnosis = interpreter.engine().diagnosis();
  const Reply reply = {ok,
                       static_cast<uint32_t>(interpreter.arena_used_bytes()),
                       diagnosis.op_index,
                       diagnosis.builtin_code,
                       static_cast<uint32_t>(strlen(diagnosis.reason)),
                       ok ? static_cast<uint32_t>(output_bytes) : 0};
  Write(&reply, sizeof(reply));
  Write(diagnosis.reason, reply.reason_bytes);
  Write(outputs.data, reply.output_bytes);
  fflush(stdout);
}

}  // namespace

int main() {
  for (;;) {
    Request request;
    ReadExactly(&request, sizeof(request));
    Answer(request);
  }
}
