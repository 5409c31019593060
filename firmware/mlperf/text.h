// Text for the runner, a piece at a time; no printf, which would cost more than all the rest.
#ifndef TINYDEPLOY_MLPERF_TEXT_H_
#define TINYDEPLOY_MLPERF_TEXT_H_

#include <stdint.h>

namespace tinydeploy {
namespace mlperf {

void Put(const char* text);
void PutNumber(uint64_t value);
void PutHex(uint8_t byte);            // two lower-case digits
void PutDecimal(float value);         // with three decimals
void PutPrintable(const char* text);  // what is not printable ASCII as '?'
void PutLine(const char* text);       // and the end of the line

// Splits `*rest` at spaces: returns the next word, "" at the end.
char* NextWord(char** rest);
bool Same(const char* a, const char* b);
// As C's atoi: leading space, a sign, digits, and whatever follows is ignored; 0 if there are none.
// Stops at the ends of int32, where atoi's result is undefined.
int32_t ReadNumber(const char* text);
int HexDigit(char digit);  // -1 if it is none

}  // namespace mlperf
}  // namespace tinydeploy

#endif  // TINYDEPLOY_MLPERF_TEXT_H_
