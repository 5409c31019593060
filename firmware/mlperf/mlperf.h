// MLPerf Tiny: the text commands of its runner, on the same line as the frames. Built in only where
// the flavour is MLPERF (`--mode mlperf`).
#ifndef TINYDEPLOY_MLPERF_MLPERF_H_
#define TINYDEPLOY_MLPERF_MLPERF_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace mlperf {

// Says that the firmware is ready, as the runner expects it in place of a READY frame.
void Greet();

// Stands in for board::Read: runs the commands that have arrived and passes on what are frames.
size_t Read(uint8_t* data, size_t capacity);

// Runs one command, without its '%'; changes `line`. The answer ends with m-ready.
void Run(char* line);

}  // namespace mlperf
}  // namespace tinydeploy

#endif  // TINYDEPLOY_MLPERF_MLPERF_H_
