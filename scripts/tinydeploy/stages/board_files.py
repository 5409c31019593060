"""What the firmware and its linker are told of a board, written from its JSON for each build."""

from __future__ import annotations

from pathlib import Path

from tinydeploy import foreign, protection, whole
from tinydeploy.boards import Board
from tinydeploy.errors import UsageError

STACK_BYTES = 4096


def write(board: Board, folder: Path) -> None:
    """Write the files of `texts` into `folder`, each only if it changes."""
    for name, text in texts(board).items():
        whole.write_if_changed(folder / name, text)


def texts(board: Board) -> dict[str, str]:
    """`board_config.h`, `memory.ld`, `mpu_regions.h` and, for a board with USB, `usb_id.h`: their
    texts by name.
    """
    files = {
        "board_config.h": _config(board),
        "memory.ld": _memory_map(board),
        "mpu_regions.h": _mpu_regions(board),
    }
    if board.usb:
        files["usb_id.h"] = _usb_id(board)
    return files


def _config(board: Board) -> str:
    uses = {"Busy": board.busy_led, "Fault": board.fault_led, "Power": board.power_led}
    leds = "\n".join(
        f"constexpr Led k{use}Led = {_led(board, name)};" for use, name in uses.items()
    )
    return f"""{_origin(board, "//")}
#pragma once
#include "chips/led.h"

namespace tinydeploy {{
namespace config {{

constexpr char kName[] = {foreign.c_string(board.id)};
constexpr uint32_t kUartTx = {board.uart_tx};
constexpr uint32_t kUartRx = {board.uart_rx};
constexpr bool kDcdc = {_bool(board.dcdc)};
constexpr bool kUniqueIdIsDeviceId = {_bool(board.unique_id == "device_id")};
constexpr uint32_t kStayInBootloader = {board.bootloader.stay:#x};
{leds}

}}  // namespace config
}}  // namespace tinydeploy
"""


def _led(board: Board, name: str) -> str:
    if not name:
        return "kNoLed"
    led = board.leds[name]
    return f"{{{led.pin}, {_bool(led.active_low)}}}"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _usb_id(board: Board) -> str:
    assert board.usb
    product = f"{board.usb.product} tinydeploy"
    return f"""{_origin(board, "//")}
#pragma once
#include <stdint.h>

namespace tinydeploy {{
namespace usb {{

constexpr uint16_t kVendorId = {board.usb.vendor_id:#06x};
constexpr uint16_t kProductId = {board.usb.product_id:#06x};
#ifdef TINYDEPLOY_MLPERF
constexpr char kProduct[] = {foreign.c_string(product + " MLPerf")};
#else
constexpr char kProduct[] = {foreign.c_string(product)};
#endif

}}  // namespace usb
}}  // namespace tinydeploy
"""


def _memory_map(board: Board) -> str:
    flash, ram = board.flash_origin, board.ram_origin
    return f"""/* {_origin(board)} */
MEMORY {{
  FLASH (rx) : ORIGIN = {flash:#010x}, LENGTH = {board.flash_size:#010x}
  RAM (rwx) : ORIGIN = {ram:#010x}, LENGTH = {board.ram_size:#010x}
}}
STACK_BYTES = {STACK_BYTES};

/* Relative to the project, where the linker runs. */
INCLUDE firmware/chips/cortex_m4/sections.ld
"""


def _mpu_regions(board: Board) -> str:
    """Rows of all eight, so that what a bootloader left in the others is gone."""
    used = protection.regions(board)
    most = protection.REGIONS - (board.slot_bytes != 0)  # the last is for the page being written
    if len(used) > most:
        raise UsageError(
            f"the memory map of {board.id} takes {len(used)} regions of the MPU, of {most}",
            "flash_origin or its end at a multiple of more bytes takes fewer",
        )
    rows = [
        f"    {{{region.base | protection.RBAR_VALID | number:#010x}, {region.rasr():#010x}}},"
        f"  // {region.rule.words}"
        for number, region in enumerate(used)
    ]
    rows += [
        f"    {{{protection.RBAR_VALID | number:#010x}, 0}},"
        for number in range(len(used), protection.REGIONS)
    ]
    text = "\n".join(rows)
    return f"""{_origin(board, "//")} See scripts/tinydeploy/protection.py.
#pragma once
#include "chips/cortex_m4/mpu.h"

namespace tinydeploy {{

constexpr MpuRegion kMpuRegions[] = {{
{text}
}};

}}  // namespace tinydeploy
"""


def _origin(board: Board, comment: str = "") -> str:
    return f"{comment} Made from boards/{board.id}.json for each build: change that.".lstrip()
