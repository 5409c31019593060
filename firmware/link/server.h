// The device's side of the link: takes requests, finds their handler, sends the answer.
#ifndef TINYDEPLOY_LINK_SERVER_H_
#define TINYDEPLOY_LINK_SERVER_H_

#include <stddef.h>
#include <stdint.h>

#include "abi/protocol.h"
#include "link/frame.h"

namespace tinydeploy {

// Where the bytes come from and go to.
struct Wire {
  size_t (*read)(uint8_t* data, size_t capacity);
  WriteFn write;
  uint32_t (*overruns)();
};

struct Request {
  abi::FrameHeader header;  // a copy: the payload's buffer is used again by nested requests
  const uint8_t* payload;

  template <class T>
  const T& as() const {
    return *reinterpret_cast<const T*>(payload);
  }
};

struct Reply {
  uint8_t* payload;  // room for kMaxPayloadBytes, aligned to 4
  uint16_t bytes = 0;
  void (*then)() = nullptr;  // called when the answer has been sent

  // Lays a zeroed T over the payload and counts it.
  template <class T>
  T& put() {
    for (size_t i = 0; i < sizeof(T); ++i) payload[i] = 0;
    bytes = sizeof(T);
    return *reinterpret_cast<T*>(payload);
  }
};

struct Handler {
  abi::Command command;
  uint16_t min_bytes;  // of the payload
  uint16_t max_bytes;
  bool while_busy;  // may run inside another handler, that is during an inference
  abi::Status (*run)(const Request& request, Reply& reply);
};

struct HandlerTable {
  const Handler* handlers;
  int count;
};

class Server {
 public:
  constexpr Server(const Wire& wire, const HandlerTable& table) : wire_(wire), table_(table) {}

  // Answers what has arrived. May be called from inside a handler; then only handlers marked
  // `while_busy` run, the others are refused, and a repetition of the running request waits.
  void Poll();
  void SendEvent(abi::Command event, uint8_t status, const void* payload, uint16_t bytes);
  // After a CPU fault: reports it now and in answer to every request but RESET. `report` must stay.
  void ReportFault(const abi::FaultReport* report);

  uint32_t frames_ok() const { return frames_ok_; }
  uint32_t frames_dropped() const { return frames_dropped_; }

 private:
  void Answer();
  void Refuse(const Request& request, abi::Status status);
  abi::Status Run(const Handler& handler, const Request& request, Reply& reply);
  void SendReply(const abi::FrameHeader& request, abi::Status status, uint16_t bytes);
  void SendNak();
  void SendFault();
  const Handler* Find(uint8_t type) const;
  bool Accept(const abi::FrameHeader& header);
  bool IsRunning(const abi::FrameHeader& header) const;

  Wire wire_;
  const HandlerTable& table_;
  FrameDecoder decoder_ = {};
  Frame reply_ = {};
  const abi::FrameHeader* running_ = nullptr;
  const abi::FaultReport* fault_ = nullptr;
  uint16_t session_ = 0;  // 0: none yet
  uint32_t frames_ok_ = 0;
  uint32_t frames_dropped_ = 0;
  uint32_t overruns_seen_ = 0;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_LINK_SERVER_H_
