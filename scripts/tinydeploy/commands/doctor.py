"""`doctor`: is this machine in order?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tinydeploy import boards
from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.link.transport import PortInfo


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(commands, "doctor", run, "check this machine, its ports and boards")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--fix", action="store_true", help="print the commands that put it right")
    parser.add_argument(
        "--probe", action="store_true", help="ask what runs on each port, which may restart a board"
    )


def run(options: argparse.Namespace, ui: Ui) -> int:
    """Run the command."""
    from tinydeploy import doctor

    findings = doctor.diagnose(_firmware_on if options.probe else None)
    if options.fix:
        print("\n".join(doctor.fix_commands(findings)))
        return 0
    print(doctor.to_json(findings) if options.json else doctor.to_text(findings))
    return 4 if any(finding.level == "error" for finding in findings) else 0


def _firmware_on(port: PortInfo) -> str:
    """What firmware answers on a port, for doctor."""
    from tinydeploy.link.client import Device
    from tinydeploy.link.patience import Patience
    from tinydeploy.link.transport import SerialTransport
    from tinydeploy.simulate import ids

    baud = max(boards.load(name).baud for name in boards.names())
    device = Device(SerialTransport(port.device, baud), Patience(tries=2))
    try:
        found = device.hello()
    finally:
        device.close()
    simulated = "a simulated board: " if ids.is_simulated(found.device_id) else ""
    return (
        f"{simulated}firmware of {found.board}, {found.engine} engine, build "
        f"{found.build_id[:12]}, model {found.model_hash[:12]}, ABI as this host's"
    )
