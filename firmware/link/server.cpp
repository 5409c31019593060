#include "link/server.h"

#include <string.h>

namespace tinydeploy {
namespace {

using abi::Command;
using abi::Status;

bool Is(const abi::FrameHeader& header, Command command) {
  return header.type == static_cast<uint8_t>(command);
}

}  // namespace

void Server::Poll() {
  uint8_t byte;
  // One at a time: a handler may poll again, and the bytes must stay in order.
  while (wire_.read(&byte, 1) == 1) {
    switch (decoder_.Feed(byte)) {
      case FrameDecoder::Event::kNone:
        break;
      case FrameDecoder::Event::kFrame:
        ++frames_ok_;
        Answer();
        break;
      case FrameDecoder::Event::kDropped:
        ++frames_dropped_;
        SendNak();
        break;
    }
  }
}

void Server::Answer() {
  const Frame& frame = decoder_.frame();
  const Request request = {frame.header, frame.bytes};
  // Answers and events are not for us; to answer them could go on for ever.
  if (request.header.type >= static_cast<uint8_t>(Command::kFault)) return;
  if (fault_ != nullptr && !Is(request.header, Command::kReset)) return SendFault();
  if (!Accept(request.header)) return Refuse(request, Status::kNoSession);
  const Handler* handler = Find(request.header.type);
  if (handler == nullptr) return Refuse(request, Status::kUnknownCommand);
  if (running_ != nullptr && !handler->while_busy) {
    // The host lost patience and repeated what is still running: that gets its answer at the end.
    return IsRunning(request.header) ? void() : Refuse(request, Status::kBusy);
  }
  Reply reply = {reply_.bytes};
  const Status status = Run(*handler, request, reply);
  SendReply(request.header, status, status == Status::kOk ? reply.bytes : uint16_t{0});
  if (reply.then != nullptr) reply.then();
}

// HELLO opens a session, which all that follows must name. A RESET after a fault needs none:
// the host may be a new one.
bool Server::Accept(const abi::FrameHeader& header) {
  if (Is(header, Command::kHello) || fault_ != nullptr) session_ = header.session;
  return header.session == session_ && session_ != 0;
}

Status Server::Run(const Handler& handler, const Request& request, Reply& reply) {
  const uint16_t bytes = request.header.payload_bytes;
  if (bytes < handler.min_bytes || bytes > handler.max_bytes) return Status::kBadLength;
  const abi::FrameHeader* outer = running_;
  running_ = &request.header;
  const Status status = handler.run(request, reply);
  running_ = outer;
  return status;
}

void Server::Refuse(const Request& request, Status status) { SendReply(request.header, status, 0); }

void Server::SendReply(const abi::FrameHeader& request, Status status, uint16_t bytes) {
  reply_.header = request;
  reply_.header.type = static_cast<uint8_t>(request.type | abi::kReply);
  reply_.header.status = static_cast<uint8_t>(status);
  reply_.header.payload_bytes = bytes;
  SendFrame(reply_, wire_.write);
}

void Server::SendEvent(Command event, uint8_t status, const void* payload, uint16_t bytes) {
  reply_.header = {static_cast<uint8_t>(event), status, 0, session_, bytes};
  if (bytes != 0) memcpy(reply_.bytes, payload, bytes);
  SendFrame(reply_, wire_.write);
}

void Server::SendNak() {
  const uint32_t overruns = wire_.overruns();
  const bool overrun = overruns != overruns_seen_;
  overruns_seen_ = overruns;
  const abi::NakReason reason = overrun ? abi::NakReason::kOverrun : decoder_.reason();
  SendEvent(Command::kNak, static_cast<uint8_t>(reason), nullptr, 0);
}

void Server::ReportFault(const abi::FaultReport* report) {
  fault_ = report;
  running_ = nullptr;
  decoder_.Reset();
  SendFault();
}

void Server::SendFault() { SendEvent(Command::kFault, 0, fault_, sizeof(*fault_)); }

const Handler* Server::Find(uint8_t type) const {
  for (int i = 0; i < table_.count; ++i) {
    const Handler& handler = table_.handlers[i];
    if (static_cast<uint8_t>(handler.command) == type) return &handler;
  }
  return nullptr;
}

bool Server::IsRunning(const abi::FrameHeader& header) const {
  return running_->sequence == header.sequence && running_->session == header.session &&
         running_->type == header.type;
}

}  // namespace tinydeploy
