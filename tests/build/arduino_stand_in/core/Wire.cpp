// The real one calls overloads that C++17 takes for ambiguous.
#include <Arduino.h>
#if __cplusplus > 201402L
#error "the core's Wire.cpp does not compile as C++17"
#endif
