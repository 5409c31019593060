// The firmware's frame code as a filter: frames come in, the same frames go out. A dropped one goes
// out as a NAK with the reason. With an argument: prints the argument's CRC-32.
#include <stdio.h>
#include <string.h>

#include "link/crc32.h"
#include "link/frame.h"

namespace {

void Write(const uint8_t* data, size_t bytes) { fwrite(data, 1, bytes, stdout); }

}  // namespace

int main(int argc, char** argv) {
  using namespace tinydeploy;
  if (argc == 2) {
    printf("%08x\n", static_cast<unsigned>(Crc32(0, argv[1], strlen(argv[1]))));
    return 0;
  }
  FrameDecoder decoder;
  for (int byte = getchar(); byte != EOF; byte = getchar()) {
    const FrameDecoder::Event event = decoder.Feed(static_cast<uint8_t>(byte));
    if (event == FrameDecoder::Event::kNone) continue;
    Frame frame = decoder.frame();
    if (event == FrameDecoder::Event::kDropped) {
      frame.header = {static_cast<uint8_t>(abi::Command::kNak),
                      static_cast<uint8_t>(decoder.reason()), 0, 0, 0};
    }
    SendFrame(frame, Write);
  }
}
