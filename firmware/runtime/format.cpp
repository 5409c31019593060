#include "runtime/format.h"

#include <stdint.h>

#include "runtime/diagnosis.h"

namespace tinydeploy {
namespace {

class Writer {
 public:
  Writer(char* out, size_t capacity) : out_(out), capacity_(capacity) {}

  void Put(char c) {
    if (length_ + 1 < capacity_) out_[length_++] = c;
  }
  void Put(const char* text) {
    while (*text != '\0') Put(*text++);
  }
  // Of numbers wider than a pointer the lower part: a division of 64 bits would cost 1.4 KB.
  void PutNumber(uintptr_t value, unsigned base) {
    char digits[20];
    int count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count > 0) Put(digits[--count]);
  }
  void PutSigned(intptr_t value) {
    if (value < 0) Put('-');
    PutNumber(value < 0 ? 0 - static_cast<uintptr_t>(value) : static_cast<uintptr_t>(value), 10);
  }
  int Finish() {
    if (capacity_ > 0) out_[length_] = '\0';
    return static_cast<int>(length_);
  }

 private:
  char* out_;
  size_t capacity_;
  size_t length_ = 0;
};

bool IsFlagOrWidth(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == ' ' || c == '#' || c == '.' ||
         c == 'h';
}

}  // namespace

int FormatText(char* out, size_t capacity, const char* format, va_list args) {
  Writer writer(out, capacity);
  for (const char* p = format; *p != '\0'; ++p) {
    if (*p != '%') {
      writer.Put(*p);
      continue;
    }
    ++p;
    while (IsFlagOrWidth(*p)) ++p;
    int longs = 0;
    for (; *p == 'l' || *p == 'z'; ++p) ++longs;
    const bool wide = longs > 1 || (longs == 1 && sizeof(long) > sizeof(int));
    switch (*p) {
      case 'd':
      case 'i':
        writer.PutSigned(wide ? static_cast<intptr_t>(va_arg(args, int64_t)) : va_arg(args, int));
        break;
      case 'u':
      case 'x':
      case 'X':
        writer.PutNumber(
            wide ? static_cast<uintptr_t>(va_arg(args, uint64_t)) : va_arg(args, unsigned),
            *p == 'u' ? 10 : 16);
        break;
      case 'c':
        writer.Put(static_cast<char>(va_arg(args, int)));
        break;
      case 's': {
        const char* text = va_arg(args, const char*);
        writer.Put(text == nullptr ? "(null)" : text);
        break;
      }
      case 'p':
        writer.Put("0x");
        writer.PutNumber(reinterpret_cast<uintptr_t>(va_arg(args, void*)), 16);
        break;
      case 'f':
      case 'e':
      case 'g':
        static_cast<void>(va_arg(args, double));  // printing floats would cost kilobytes
        writer.Put("(float)");
        break;
      case '\0':
        return writer.Finish();
      default:
        writer.Put(*p);
    }
  }
  return writer.Finish();
}

Status Diagnosis::FailV(const char* format, va_list args) {
  FormatText(reason, sizeof(reason), format, args);
  return Status::kError;
}

Status Diagnosis::Fail(const char* format, ...) {
  va_list args;
  va_start(args, format);
  const Status status = FailV(format, args);
  va_end(args);
  return status;
}

}  // namespace tinydeploy
