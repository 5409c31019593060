"""Power control of the Apollo3 as far as the firmware looks; run by Renode, not by us."""

DEVICE_ENABLE, DEVICE_STATUS = 0x08, 0x18
UART_ENABLE_BITS, UART_STATUS_BIT = 3 << 7, 1 << 2

if request.IsInit:  # noqa: F821  # Renode gives `request`
    registers = {}
elif request.IsWrite:  # noqa: F821
    registers[request.Offset] = request.Value  # noqa: F821
elif request.Offset == DEVICE_STATUS:  # noqa: F821
    powered = registers.get(DEVICE_ENABLE, 0) & UART_ENABLE_BITS
    request.Value = UART_STATUS_BIT if powered else 0  # noqa: F821
else:
    request.Value = registers.get(request.Offset, 0)  # noqa: F821
