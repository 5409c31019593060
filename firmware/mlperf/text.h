// Text for the runner, a piece at a time; no printf, which would cost more than all the rest.
#ifndef TINYDEPLOY_MLPERF_TEXT_H_
#define TINYDEPLOY_MLPERF_TEXT_H_

#include <stdint.h>

namespace tinydeploy {
namespace mlperf {

void Put(const char* text);
void PutNumber(uint64_t value);
void PutHex(uint8_t byte);       // two lower-case digits
void PutDecimal(float value);    // with three decimals
void PutLine(const char* text);  // and the end of the line

// Splits `*rest` at spaces: returns the next word, "" at the end.
char* NextWord(char** rest);
bool Same(const char* a, const char* b);
// Decimal number without sign; false if it is none or above `largest`.
bool ParseNumber(const char* text, uint32_t largest, uint32_t* value);
int HexDigit(char digit);  // -1 if it is none

}  // namespace mlperf
}  // namespace tinydeploy

#endif  // TINYDEPLOY_MLPERF_TEXT_H_
