"""Power control of the Apollo3 as far as the firmware looks; run by Renode."""

DEVICE_ENABLE, DEVICE_STATUS = 0x08, 0x18
UART_ENABLE_BITS, UART_STATUS_BIT = 3 << 7, 1 << 2

# Renode gives `request`. Its properties begin with a capital from 1.16.1 on, with a small letter
# before that.
if hasattr(request, "IsInit"):  # noqa: F821
    IS_INIT, IS_WRITE, OFFSET, VALUE = "IsInit", "IsWrite", "Offset", "Value"
else:
    IS_INIT, IS_WRITE, OFFSET, VALUE = "isInit", "isWrite", "offset", "value"

offset = getattr(request, OFFSET)  # noqa: F821
if getattr(request, IS_INIT):  # noqa: F821
    registers = {}
elif getattr(request, IS_WRITE):  # noqa: F821
    registers[offset] = getattr(request, VALUE)  # noqa: F821
elif offset == DEVICE_STATUS:
    powered = registers.get(DEVICE_ENABLE, 0) & UART_ENABLE_BITS
    setattr(request, VALUE, UART_STATUS_BIT if powered else 0)  # noqa: F821
else:
    setattr(request, VALUE, registers.get(offset, 0))  # noqa: F821
