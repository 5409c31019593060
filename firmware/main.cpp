// A TensorFlow Lite Micro application: loads the model that the build put in, and serves it over
// the link. The same sources build on tinydeploy's runtime and on upstream's under Arduino.
#include "app/app.h"
#include "board.h"

namespace {

void Start() {
  tinydeploy::board::Init();
  tinydeploy::board::StartLink();
  tinydeploy::app::Start();
}

void Serve() {
  tinydeploy::app::Poll();
  tinydeploy::board::Idle();
}

}  // namespace

#ifdef ARDUINO

void setup() { Start(); }
void loop() { Serve(); }

#else

int main() {
  Start();
  for (;;) Serve();
}

#endif
