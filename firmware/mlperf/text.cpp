#include "mlperf/text.h"

#include <string.h>

#include "board.h"

namespace tinydeploy {
namespace mlperf {

void Put(const char* text) { board::Write(reinterpret_cast<const uint8_t*>(text), strlen(text)); }

void PutLine(const char* text) {
  Put(text);
  Put("\r\n");
}

void PutPrintable(const char* text) {
  for (; *text != 0; ++text) {
    const char shown[] = {*text >= ' ' && *text <= '~' ? *text : '?', 0};
    Put(shown);
  }
}

void PutNumber(uint64_t value) {
  char digits[21];
  char* at = digits + sizeof(digits) - 1;
  *at = 0;
  do {
    *--at = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  Put(at);
}

void PutHex(uint8_t byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  const char text[] = {kDigits[byte >> 4], kDigits[byte & 15], 0};
  Put(text);
}

void PutDecimal(float value) {
  if (value != value) return Put("nan");
  if (value < 0) {
    Put("-");
    value = -value;
  }
  constexpr float kLargest = 1e15f;  // thousandths of it still fit 64 bits
  const float bounded = value < kLargest ? value : kLargest;
  const uint64_t thousandths = static_cast<uint64_t>(bounded * 1000.0f + 0.5f);
  PutNumber(thousandths / 1000);
  const uint32_t rest = static_cast<uint32_t>(thousandths % 1000);
  Put(rest < 10 ? ".00" : rest < 100 ? ".0" : ".");
  PutNumber(rest);
}

char* NextWord(char** rest) {
  char* at = *rest;
  while (*at == ' ') ++at;
  char* const word = at;
  while (*at != 0 && *at != ' ') ++at;
  if (*at != 0) *at++ = 0;
  *rest = at;
  return word;
}

bool Same(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return *a == *b;
}

int32_t ReadNumber(const char* text) {
  while (*text == ' ' || (*text >= '\t' && *text <= '\r')) ++text;
  const bool negative = *text == '-';
  if (*text == '-' || *text == '+') ++text;
  int64_t sum = 0;
  for (; *text >= '0' && *text <= '9'; ++text) {
    sum = 10 * sum + (*text - '0');
    if (sum > INT32_MAX) sum = INT32_MAX;
  }
  return static_cast<int32_t>(negative ? -sum : sum);
}

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char lower = static_cast<char>(digit | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace mlperf
}  // namespace tinydeploy
