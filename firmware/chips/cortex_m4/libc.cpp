// What compilers call for blocks of memory, and strlen: 180 bytes of an image, where those that
// come with Zig or newlib take 770. By hand, because no compiler writes the loops as short, and
// some make a call of memcpy or memset of them.
//
// Words may lie at any address (StartProgram sees to it), so nothing here asks for alignment.
#include <stddef.h>
#include <stdint.h>

extern "C" {

// 13 cycles for 16 bytes, 7 for a word or a byte. Reads each piece before it writes it, so that
// `to` may also lie before `from` and overlap it.
__attribute__((naked)) void* memcpy(void* /*to*/, const void* /*from*/, size_t /*bytes*/) {
  asm volatile(
      "push {r0, r4, r5, lr}\n"
      "subs r2, #16\n"
      "blo 2f\n"
      "1:\n"
      "ldr r3, [r1, #4]\n"
      "ldr r4, [r1, #8]\n"
      "ldr r5, [r1, #12]\n"
      "ldr r12, [r1], #16\n"
      "str r3, [r0, #4]\n"
      "str r4, [r0, #8]\n"
      "str r5, [r0, #12]\n"
      "str r12, [r0], #16\n"
      "subs r2, #16\n"
      "bhs 1b\n"
      "2:\n"
      "adds r2, #12\n"  // no borrow any more: there is a word left
      "blo 4f\n"
      "3:\n"
      "ldr r3, [r1], #4\n"
      "str r3, [r0], #4\n"
      "subs r2, #4\n"
      "bhs 3b\n"
      "4:\n"
      "adds r2, #4\n"
      "beq 6f\n"
      "5:\n"
      "ldrb r3, [r1], #1\n"
      "strb r3, [r0], #1\n"
      "subs r2, #1\n"
      "bne 5b\n"
      "6:\n"
      "pop {r0, r4, r5, pc}\n");
}

// 8 cycles for 16 bytes, 5 for a word or a byte.
__attribute__((naked)) void* memset(void* /*to*/, int /*value*/, size_t /*bytes*/) {
  asm volatile(
      "mov r3, r0\n"
      "uxtb r1, r1\n"
      "orr r1, r1, r1, lsl #8\n"
      "orr r1, r1, r1, lsl #16\n"
      "subs r2, #16\n"
      "blo 2f\n"
      "1:\n"
      "str r1, [r3, #4]\n"
      "str r1, [r3, #8]\n"
      "str r1, [r3, #12]\n"
      "str r1, [r3], #16\n"
      "subs r2, #16\n"
      "bhs 1b\n"
      "2:\n"
      "adds r2, #12\n"
      "blo 4f\n"
      "3:\n"
      "str r1, [r3], #4\n"
      "subs r2, #4\n"
      "bhs 3b\n"
      "4:\n"
      "adds r2, #4\n"
      "beq 6f\n"
      "5:\n"
      "strb r1, [r3], #1\n"
      "subs r2, #1\n"
      "bne 5b\n"
      "6:\n"
      "bx lr\n");
}

// Where memcpy would overwrite what it has yet to read, the same from the end.
__attribute__((naked)) void* memmove(void* /*to*/, const void* /*from*/, size_t /*bytes*/) {
  asm volatile(
      "cmp r0, r1\n"
      "bls memcpy\n"
      "push {r0, r4, r5, lr}\n"
      "adds r0, r0, r2\n"
      "adds r1, r1, r2\n"
      "subs r2, #16\n"
      "blo 2f\n"
      "1:\n"
      "ldr r3, [r1, #-4]\n"
      "ldr r4, [r1, #-8]\n"
      "ldr r5, [r1, #-12]\n"
      "ldr r12, [r1, #-16]!\n"
      "str r3, [r0, #-4]\n"
      "str r4, [r0, #-8]\n"
      "str r5, [r0, #-12]\n"
      "str r12, [r0, #-16]!\n"
      "subs r2, #16\n"
      "bhs 1b\n"
      "2:\n"
      "adds r2, #12\n"
      "blo 4f\n"
      "3:\n"
      "ldr r3, [r1, #-4]!\n"
      "str r3, [r0, #-4]!\n"
      "subs r2, #4\n"
      "bhs 3b\n"
      "4:\n"
      "adds r2, #4\n"
      "beq 6f\n"
      "5:\n"
      "ldrb r3, [r1, #-1]!\n"
      "strb r3, [r0, #-1]!\n"
      "subs r2, #1\n"
      "bne 5b\n"
      "6:\n"
      "pop {r0, r4, r5, pc}\n");
}

__attribute__((naked)) size_t strlen(const char* /*text*/) {
  asm volatile(
      "mov r1, r0\n"
      "1:\n"
      "ldrb r2, [r1], #1\n"
      "cmp r2, #0\n"
      "bne 1b\n"
      "subs r0, r1, r0\n"
      "subs r0, #1\n"
      "bx lr\n");
}

// Compared here and there, but in no inference.
int memcmp(const void* a, const void* b, size_t bytes) {
  const auto* left = static_cast<const uint8_t*>(a);
  const auto* right = static_cast<const uint8_t*>(b);
  for (; bytes != 0; --bytes) {
    const int difference = *left++ - *right++;
    if (difference != 0) return difference;
  }
  return 0;
}

#ifdef __clang__  // calls by the Arm EABI's names; 4 and 8 stand for an alignment

void* __aeabi_memcpy(void*, const void*, size_t) __attribute__((alias("memcpy")));
void* __aeabi_memcpy4(void*, const void*, size_t) __attribute__((alias("memcpy")));
void* __aeabi_memcpy8(void*, const void*, size_t) __attribute__((alias("memcpy")));
void* __aeabi_memmove(void*, const void*, size_t) __attribute__((alias("memmove")));
void* __aeabi_memmove4(void*, const void*, size_t) __attribute__((alias("memmove")));
void* __aeabi_memmove8(void*, const void*, size_t) __attribute__((alias("memmove")));

__attribute__((naked)) void __aeabi_memset(void* /*to*/, size_t /*bytes*/, int /*value*/) {
  asm volatile(
      "mov r3, r1\n"
      "mov r1, r2\n"
      "mov r2, r3\n"
      "b memset\n");
}
void __aeabi_memset4(void*, size_t, int) __attribute__((alias("__aeabi_memset")));
void __aeabi_memset8(void*, size_t, int) __attribute__((alias("__aeabi_memset")));

__attribute__((naked)) void __aeabi_memclr(void* /*to*/, size_t /*bytes*/) {
  asm volatile(
      "mov r2, r1\n"
      "movs r1, #0\n"
      "b memset\n");
}
void __aeabi_memclr4(void*, size_t) __attribute__((alias("__aeabi_memclr")));
void __aeabi_memclr8(void*, size_t) __attribute__((alias("__aeabi_memclr")));

#endif

}  // extern "C"
