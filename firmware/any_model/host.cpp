// Reads requests on stdin (a Request, the model, the inputs) and writes replies on stdout (a Reply,
// the reason, the outputs) until end of file. Its argument: CPU seconds for each request, 0: no
// limit.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "any_model/any_model.h"

namespace {

using tinydeploy::any_model::Reply;
using tinydeploy::any_model::Request;

// Exactly as long as asked for, so that the address sanitizer sees every access past the end.
struct Block {
  explicit Block(size_t size) : data(static_cast<uint8_t*>(malloc(size))), bytes(size) {
    memset(data, 0xA5, size);
  }
  ~Block() { free(data); }
  uint8_t* data;
  size_t bytes;
};

uint8_t* g_outputs;

uint8_t* MakeOutputs(uint32_t bytes) {
  g_outputs = static_cast<uint8_t*>(malloc(bytes == 0 ? 1 : bytes));
  return g_outputs;
}

void ReadExactly(void* to, size_t bytes) {
  if (bytes != 0 && fread(to, 1, bytes, stdin) != bytes) exit(0);
}

void Write(const void* from, size_t bytes) {
  if (bytes != 0) fwrite(from, 1, bytes, stdout);
}

void Answer(const Request& request) {
  Block model(request.model_bytes);
  Block inputs(request.input_bytes);
  ReadExactly(model.data, model.bytes);
  ReadExactly(inputs.data, inputs.bytes);
  Block arena(request.arena_bytes);
  char reason[96] = {};
  const Reply reply = tinydeploy::any_model::Run(
      request, {model.data, inputs.data, arena.data, MakeOutputs}, reason);
  Write(&reply, sizeof(reply));
  Write(reason, reply.reason_bytes);
  Write(g_outputs, reply.output_bytes);
  free(g_outputs);
  g_outputs = nullptr;
  fflush(stdout);
}

}  // namespace

// SIGVTALRM ends the process when a model takes longer than `seconds`.
static void Limit(long seconds) {
  const itimerval timer = {{0, 0}, {seconds, 0}};
  setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

int main(int argc, char** argv) {
  const long limit_s = argc > 1 ? strtol(argv[1], nullptr, 10) : 0;
  for (;;) {
    Limit(limit_s);
    Request request;
    ReadExactly(&request, sizeof(request));
    Answer(request);
  }
}
