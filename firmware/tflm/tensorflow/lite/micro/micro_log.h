#ifndef TENSORFLOW_LITE_MICRO_MICRO_LOG_H_
#define TENSORFLOW_LITE_MICRO_MICRO_LOG_H_

// A line of log text. Knows %d %u %x %c %s %p and %%; where it goes is up to DebugLog.
void MicroPrintf(const char* format, ...) __attribute__((format(printf, 1, 2)));

#endif  // TENSORFLOW_LITE_MICRO_MICRO_LOG_H_
