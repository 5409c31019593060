// The entry for a bare CPU: its simulator writes `g_job`, calls `RunJob` and reads `g_reply`.
#include "any_model/any_model.h"

namespace {

struct Job {
  tinydeploy::any_model::Request request;
  const uint8_t* model;
  const uint8_t* inputs;
  uint8_t* arena;
  uint8_t* outputs;
  uint32_t output_room;
};

}  // namespace

extern "C" {

Job g_job;
tinydeploy::any_model::Reply g_reply;
char g_reason[96];

static uint8_t* Outputs(uint32_t bytes) {
  return bytes <= g_job.output_room ? g_job.outputs : nullptr;
}

void RunJob() {
  g_reply = tinydeploy::any_model::Run(g_job.request,
                                       {g_job.model, g_job.inputs, g_job.arena, Outputs}, g_reason);
}
}
