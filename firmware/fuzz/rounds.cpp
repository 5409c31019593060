// A device that is switched on again and again: with any flash, under any frames. Reads on stdin,
// until end of file, the models that it may run, then jobs; writes what came of each. Whatever goes
// wrong ends the process with words on stderr.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "app/app.h"
#include "app/static_storage.h"
#include "fuzz/device.h"
#include "fuzz/frames.h"
#include "fuzz/pristine.h"

namespace tinydeploy {
namespace fuzz {
namespace {

constexpr uint32_t kPageBytes = 1024, kMostBurst = 6, kMostBatch = 40, kSlotRequests = 8;
constexpr uint32_t kHashBytes = 32;

struct Job {
  uint64_t seed;
  uint32_t frames;  // to send; 0: some requests about slots
  uint32_t forged;  // the flash may hold a model with all its hashes that never passed
};

struct Result {
  uint64_t frames, answers, naks, restarts, check_ups;
  uint8_t hash[kHashBytes];  // of what ran at first
};

// What outlasts a reset of the device: on the heap.
struct Round {
  Job job;
  KnownModels known;
  uint8_t* flash;
  uint32_t flash_bytes;
  FrameMaker maker;
  Result result;
};

void Read(void* to, size_t bytes) {
  if (bytes != 0 && fread(to, 1, bytes, stdin) != bytes) exit(0);
}

uint8_t* ReadBlock(size_t bytes) {
  auto* block = static_cast<uint8_t*>(malloc(bytes));
  Read(block, bytes);
  return block;
}

KnownModels ReadKnown() {
  uint32_t count;
  Read(&count, sizeof(count));
  auto* models = static_cast<Known*>(calloc(count, sizeof(Known)));
  for (uint32_t i = 0; i < count; ++i) {
    Read(models[i].hash, kHashBytes);
    Read(&models[i].input_bytes, sizeof(uint32_t));
    Read(&models[i].output_bytes, sizeof(uint32_t));
    models[i].input = ReadBlock(models[i].input_bytes);
    models[i].output = ReadBlock(models[i].output_bytes);
  }
  return {models, count};
}

void TakeCounts(Round& round) {
  const Sent sent = TakeSent();
  round.result.answers += sent.frames;
  round.result.naks += sent.naks;
}

// The power fails and comes back: of the device only its flash lasts.
void SwitchOn(Round& round) {
  TakeCounts(round);
  RestoreMemory();
  SetFlash({round.flash, round.flash_bytes, kPageBytes});
  app::Start();
}

void Look(Round& round, uint8_t hash[kHashBytes]) {
  CheckUp(round.known, round.job.forged != 0, hash);
  ++round.result.check_ups;
}

// Some frames at once, so that some come while the device is at work.
void SendBurst(Round& round) {
  for (uint32_t left = 1 + round.maker.chance().Below(kMostBurst); left != 0; --left) {
    round.maker.PutNext();
    ++round.result.frames;
  }
  Serve();
}

void SendFrames(Round& round) {
  uint8_t hash[kHashBytes];
  while (round.result.frames < round.job.frames) {
    const uint64_t until = round.result.frames + 1 + round.maker.chance().Below(kMostBatch);
    if (setjmp(g_restart) != 0) {
      ++round.result.restarts;
      SwitchOn(round);
      continue;
    }
    if (round.maker.chance().OneIn(2)) PutHello();  // or the frames may lack a session
    while (round.result.frames < until) SendBurst(round);
    Look(round, hash);
  }
}

void AskAboutSlots(Round& round) {
  uint8_t hash[kHashBytes];
  PutHello();
  for (uint32_t i = 0; i < kSlotRequests; ++i) {
    round.maker.PutSlotRequest();
    ++round.result.frames;
    Serve();
  }
  Look(round, hash);
  SwitchOn(round);
  ++round.result.restarts;
  Look(round, hash);
}

void Run(Round& round) {
  SwitchOn(round);
  Look(round, round.result.hash);
  round.job.frames != 0 ? SendFrames(round) : AskAboutSlots(round);
  TakeCounts(round);
}

void Limit(long seconds) {
  const itimerval timer = {{0, 0}, {seconds, 0}};
  setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

}  // namespace
}  // namespace fuzz
}  // namespace tinydeploy

int main(int argc, char** argv) {
  using namespace tinydeploy::fuzz;
  const long limit_s = argc > 1 ? strtol(argv[1], nullptr, 10) : 0;
  const KnownModels known = ReadKnown();
  uint32_t flash_bytes;
  Read(&flash_bytes, sizeof(flash_bytes));
  uint8_t* const flash = static_cast<uint8_t*>(malloc(flash_bytes));
  const tinydeploy::InPlace room = {malloc(sizeof(Round))};
  KeepMemory();
  for (;;) {
    Job job;
    Read(&job, sizeof(job));
    Read(flash, flash_bytes);
    Round* round = new (room) Round{job, known, flash, flash_bytes, FrameMaker(job.seed), {}};
    Limit(limit_s);
    Run(*round);
    fwrite(&round->result, sizeof(round->result), 1, stdout);
    fflush(stdout);
  }
}
