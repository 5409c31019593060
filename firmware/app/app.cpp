#include "app/app.h"

#include "app/commands.h"
#include "app/engine.h"
#include "app/static_storage.h"
#include "board.h"
#include "link/server.h"
#ifdef TINYDEPLOY_HOT_SWAP
#include "app/slots.h"
#endif
#ifdef TINYDEPLOY_MLPERF
#include "mlperf/mlperf.h"
#endif

namespace tinydeploy {
namespace app {
namespace {

#ifdef TINYDEPLOY_MLPERF  // text commands come between the frames
constexpr Wire kWire = {mlperf::Read, board::Write, board::Overruns};
#else
constexpr Wire kWire = {board::Read, board::Write, board::Overruns};
#endif

StaticStorage<Server> g_place;  // zeroed memory instead of a kilobyte of initial data in flash
Server* g_server;

Server& TheServer() {
  if (g_server == nullptr) g_server = g_place.Make(kWire, kCommands);
  return *g_server;
}

#ifdef TINYDEPLOY_HOT_SWAP
void LoadModel() { slots::LoadNewest(); }
#else
void LoadModel() { engine::Load(program::BuiltIn()); }
#endif

}  // namespace

void Start() {
  engine::Start(Poll);
  LoadModel();
#ifdef TINYDEPLOY_MLPERF
  mlperf::Greet();
#else
  TheServer().SendEvent(abi::Command::kReady, 0, nullptr, 0);
#endif
}

void Poll() { TheServer().Poll(); }

LinkCounters Counters() { return {TheServer().frames_ok(), TheServer().frames_dropped()}; }

void ServeFault(abi::FaultReport* report) {
  board::RecoverLink();
  board::SetFaultLed(true);
  report->op_index = engine::CurrentOp();
  TheServer().ReportFault(report);
  for (;;) Poll();  // no sleep: nothing wakes a CPU from inside a fault
}

}  // namespace app
}  // namespace tinydeploy
