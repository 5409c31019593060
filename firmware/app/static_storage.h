// Objects in static memory that are constructed when the program says so: no static constructors,
// no heap, no destructors at exit.
#ifndef TINYDEPLOY_APP_STATIC_STORAGE_H_
#define TINYDEPLOY_APP_STATIC_STORAGE_H_

#include <stddef.h>

namespace tinydeploy {

struct InPlace {
  void* at;
};

// Room for one T.
template <class T>
class StaticStorage {
 public:
  template <class... Args>
  T* Make(Args&&... args);

 private:
  alignas(T) unsigned char bytes_[sizeof(T)];
};

}  // namespace tinydeploy

// The tag keeps clear of <new>, which a freestanding target does not have and Arduino does.
inline void* operator new(size_t, tinydeploy::InPlace place) noexcept { return place.at; }
inline void operator delete(void*, tinydeploy::InPlace) noexcept {}

template <class T>
template <class... Args>
T* tinydeploy::StaticStorage<T>::Make(Args&&... args) {
  return new (InPlace{bytes_}) T(static_cast<Args&&>(args)...);
}

#endif  // TINYDEPLOY_APP_STATIC_STORAGE_H_
