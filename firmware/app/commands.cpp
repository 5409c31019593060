#include "app/commands.h"

#include <string.h>

#include "abi/slot_protocol.h"
#include "app/engine.h"
#include "app/program.h"
#include "board.h"
#ifdef TINYDEPLOY_HOT_SWAP
#include "app/slots_commands.h"
constexpr bool kHotSwap = true;
#else
constexpr bool kHotSwap = false;
#endif

namespace tinydeploy {
namespace app {
namespace {

using abi::Command;
using abi::Status;

// The answer to the last INVOKE, kept for the case that it got lost: the host repeats the request,
// and the model must not run twice on inputs that the first run has overwritten.
struct LastInvoke {
  bool valid;
  uint16_t session;
  uint16_t sequence;
  Status status;
  abi::InvokeReply reply;
};
LastInvoke g_last;
uint32_t g_invokes;

uint16_t State() {
  if (engine::CurrentOp() != abi::kAllOps) return static_cast<uint16_t>(abi::State::kInvoking);
  return static_cast<uint16_t>(engine::ready() ? abi::State::kIdle : abi::State::kNoModel);
}

uint32_t Capabilities() {
  uint32_t bits = static_cast<uint32_t>(abi::Capability::kProfile);
  if (engine::CanRunRanges()) bits |= static_cast<uint32_t>(abi::Capability::kPerOp);
  if (kHotSwap) bits |= static_cast<uint32_t>(abi::Capability::kHotSwap);
  if (kHotSwap && program::PushKey() != nullptr) {
    bits |= static_cast<uint32_t>(abi::Capability::kPushKey);
  }
  if (board::CyclesAreCpuCycles()) bits |= static_cast<uint32_t>(abi::Capability::kCycles);
  if (board::Memory().stack_bytes != 0) bits |= static_cast<uint32_t>(abi::Capability::kStack);
  return bits;
}

// Copies text into a field that is zeroed already, keeping a zero at its end.
template <size_t kBytes>
void SetText(char (&field)[kBytes], const char* text) {
  for (size_t i = 0; i + 1 < kBytes && text[i] != 0; ++i) field[i] = text[i];
}

Status Hello(const Request&, Reply& reply) {
  auto& me = reply.put<abi::HelloReply>();
  me.abi_hash = abi::kAbiHash;
  me.protocol_version = static_cast<uint16_t>(abi::kProtocolVersion);
  me.max_payload_bytes = static_cast<uint16_t>(abi::kMaxPayloadBytes);
  me.capabilities = Capabilities();
  me.cpu_hz = board::CpuHz();
  SetText(me.board, board::Name());
  SetText(me.engine, engine::Name());
  memcpy(me.build_id, program::BuildId(), sizeof(me.build_id));
  memcpy(me.model_hash, engine::Loaded().hash, sizeof(me.model_hash));
  board::UniqueId(me.device_id);
  me.model_bytes = engine::Loaded().bytes;
  me.op_count = static_cast<uint16_t>(engine::OpCount());
  me.input_count = static_cast<uint16_t>(engine::InputCount());
  me.output_count = static_cast<uint16_t>(engine::OutputCount());
  me.state = State();
  return Status::kOk;
}

Status GetStatus(const Request&, Reply& reply) {
  auto& status = reply.put<abi::StatusReply>();
  const LinkCounters counters = Counters();
  status.state = State();
  status.op_index = static_cast<uint16_t>(engine::CurrentOp());
  status.invokes = g_invokes;
  status.frames_ok = counters.frames_ok;
  status.frames_dropped = counters.frames_dropped;
  status.overruns = board::Overruns();
  status.reset_reason = board::ResetReason();
  return Status::kOk;
}

Status GetMemory(const Request&, Reply& reply) {
  auto& memory = reply.put<abi::MemoryReply>();
  const board::MemoryUse use = board::Memory();
  memory.arena_bytes = static_cast<uint32_t>(program::ArenaBytes());
  memory.arena_used_bytes = engine::ArenaUsedBytes();
  memory.arena_planned_bytes = engine::ArenaPlannedBytes();
  memory.stack_bytes = use.stack_bytes;
  memory.stack_used_bytes = use.stack_used_bytes;
  memory.static_bytes = use.static_bytes;
  return Status::kOk;
}

// An address of this PC, where the firmware runs there, may not fit.
uint32_t Address(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  return address == static_cast<uint32_t>(address) ? static_cast<uint32_t>(address) : 0;
}

Status DescribeTensor(const Request& request, Reply& reply) {
  const auto& which = request.as<abi::TensorRequest>();
  engine::Tensor tensor;
  const Status found = engine::Find(static_cast<abi::TensorKind>(which.kind), which.index, &tensor);
  if (found != Status::kOk) return found;
  tensor.description.address = Address(tensor.data);
  reply.put<abi::TensorReply>() = tensor.description;
  return found;
}

// Whether [offset, offset + bytes) lies in the tensor; written so that no sum can wrap.
bool Fits(const engine::Tensor& tensor, uint32_t offset, uint32_t bytes) {
  const uint32_t size = tensor.description.bytes;
  return offset <= size && bytes <= size - offset;
}

Status LoadInput(const Request& request, Reply&) {
  const auto& where = request.as<abi::LoadRequest>();
  engine::Tensor tensor;
  const Status found = engine::Find(abi::TensorKind::kInput, where.index, &tensor);
  if (found != Status::kOk) return found;
  const uint32_t bytes = static_cast<uint32_t>(request.header.payload_bytes - sizeof(where));
  if (!Fits(tensor, where.offset, bytes)) return Status::kOutOfRange;
  if (tensor.data == nullptr) return Status::kNotAvailable;
  memcpy(tensor.data + where.offset, request.payload + sizeof(where), bytes);
  return Status::kOk;
}

Status ReadTensor(const Request& request, Reply& reply) {
  const auto& what = request.as<abi::ReadRequest>();
  engine::Tensor tensor;
  const Status found = engine::Find(static_cast<abi::TensorKind>(what.kind), what.index, &tensor);
  if (found != Status::kOk) return found;
  if (!Fits(tensor, what.offset, what.bytes) || what.bytes > abi::kMaxPayloadBytes) {
    return Status::kOutOfRange;
  }
  if (tensor.data == nullptr || !tensor.valid) return Status::kNotAvailable;
  memcpy(reply.payload, tensor.data + what.offset, what.bytes);
  reply.bytes = static_cast<uint16_t>(what.bytes);
  return Status::kOk;
}

bool IsRepetition(const abi::FrameHeader& header) {
  return g_last.valid && g_last.session == header.session && g_last.sequence == header.sequence;
}

Status CheckRange(int first, int count) {
  if (!engine::ready()) return Status::kNoModel;
  if (count == static_cast<int>(abi::kAllOps)) return first == 0 ? Status::kOk : Status::kBadIndex;
  if (!engine::CanRunRanges()) return Status::kUnsupported;
  return first + count <= engine::OpCount() ? Status::kOk : Status::kBadIndex;
}

void RunModel(const Request& request, int first, int count) {
  board::SetBusyLed(true);
  const engine::Outcome outcome = engine::Run(first, count);
  board::SetBusyLed(false);
  g_invokes += outcome.ok;
  g_last = {true,
            request.header.session,
            request.header.sequence,
            outcome.ok ? Status::kOk : Status::kInvokeFailed,
            {outcome.cycles, static_cast<uint16_t>(outcome.ops_run), 0}};
}

Status Invoke(const Request& request, Reply& reply) {
  const abi::InvokeRequest range = request.as<abi::InvokeRequest>();
  if (!IsRepetition(request.header)) {
    const Status allowed = CheckRange(range.first_op, range.op_count);
    if (allowed != Status::kOk) return allowed;
    RunModel(request, range.first_op, range.op_count);
  }
  reply.put<abi::InvokeReply>() = g_last.reply;
  return g_last.status;
}

Status Profile(const Request& request, Reply& reply) {
  const abi::ProfileRequest range = request.as<abi::ProfileRequest>();
  if (!engine::ready()) return Status::kNoModel;
  if (range.first_op + range.op_count > engine::ProfiledOps()) return Status::kBadIndex;
  if (range.op_count > abi::kMaxPayloadBytes / sizeof(uint32_t)) return Status::kOutOfRange;
  for (int i = 0; i < range.op_count; ++i) {
    const uint32_t cycles = engine::OpCycles(range.first_op + i);
    memcpy(reply.payload + reply.bytes, &cycles, sizeof(cycles));
    reply.bytes = static_cast<uint16_t>(reply.bytes + sizeof(cycles));
  }
  return Status::kOk;
}

Status Diagnose(const Request&, Reply& reply) {
  engine::Explain(&reply.put<abi::DiagnoseReply>());
  return Status::kOk;
}

Status Echo(const Request& request, Reply& reply) {
  memcpy(reply.payload, request.payload, request.header.payload_bytes);
  reply.bytes = request.header.payload_bytes;
  return Status::kOk;
}

Status Reset(const Request& request, Reply& reply) {
  const auto kind = static_cast<abi::ResetKind>(request.as<abi::ResetRequest>().kind);
  if (kind == abi::ResetKind::kRestart) {
    reply.then = board::Restart;
    return Status::kOk;
  }
  if (kind == abi::ResetKind::kState) {
    return engine::ResetState() ? Status::kOk : Status::kBusy;
  }
  if (kind != abi::ResetKind::kBootloader || !board::HasBootloaderEntry()) {
    return Status::kUnsupported;
  }
  reply.then = board::EnterBootloader;
  return Status::kOk;
}

constexpr uint16_t kMost = abi::kMaxPayloadBytes;

// A handler for a request of exactly one struct.
template <class T>
constexpr Handler Fixed(Command command, Status (*run)(const Request&, Reply&), bool while_busy) {
  return {command, sizeof(T), sizeof(T), while_busy, run};
}

constexpr Handler kHandlers[] = {
    Fixed<abi::HelloRequest>(Command::kHello, Hello, true),
    {Command::kStatus, 0, 0, true, GetStatus},
    {Command::kMemory, 0, 0, false, GetMemory},
    Fixed<abi::TensorRequest>(Command::kTensor, DescribeTensor, false),
    {Command::kLoadInput, sizeof(abi::LoadRequest), kMost, false, LoadInput},
    Fixed<abi::InvokeRequest>(Command::kInvoke, Invoke, false),
    Fixed<abi::ReadRequest>(Command::kRead, ReadTensor, false),
    Fixed<abi::ProfileRequest>(Command::kProfile, Profile, false),
    {Command::kDiagnose, 0, 0, false, Diagnose},
    {Command::kEcho, 0, kMost, false, Echo},
    Fixed<abi::ResetRequest>(Command::kReset, Reset, true),
#ifdef TINYDEPLOY_HOT_SWAP
    {Command::kOperators, 0, 0, false, slots::Operators},
    Fixed<abi::SlotRequest>(Command::kSlotInfo, slots::Info, false),
    Fixed<abi::SlotEraseRequest>(Command::kSlotErase, slots::ErasePage, false),
    {Command::kSlotWrite, sizeof(abi::SlotWriteRequest), kMost, false, slots::WritePart},
    Fixed<abi::SlotRequest>(Command::kSlotVerify, slots::VerifyModel, false),
    Fixed<abi::SlotRequest>(Command::kSlotActivate, slots::ActivateModel, false),
    Fixed<abi::SlotRollbackRequest>(Command::kSlotRollback, slots::UndoActivation, false),
    Fixed<abi::SlotPagesRequest>(Command::kSlotPages, slots::PageChecksums, false),
#endif
};

}  // namespace

const HandlerTable kCommands = {kHandlers, sizeof(kHandlers) / sizeof(kHandlers[0])};

}  // namespace app
}  // namespace tinydeploy
