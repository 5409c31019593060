// Tells the linker script how much flash to keep free after the image; an absolute symbol, because
// Zig's linker takes no --defsym.
#define TINYDEPLOY_TEXT_OF(value) #value
#define TINYDEPLOY_TEXT(value) TINYDEPLOY_TEXT_OF(value)

asm(".globl __slots_bytes\n"
    ".set __slots_bytes, " TINYDEPLOY_TEXT(TINYDEPLOY_SLOTS_BYTES) "\n");
