"""Takes Renode's place in the tests: the same options, commands and socket, our simulator inside.

Understands what `simulate.renode` says and what the board's script says, nothing more.
"""

from __future__ import annotations

import re
import select
import socket
import sys
from pathlib import Path

from tinydeploy import boards, simulate


def main(arguments: list[str]) -> None:
    assert arguments[:-2] == ["--disable-gui", "--console", "--plain", "--hide-log"], arguments
    assert arguments[-2] == "-e"
    elf, script, server, connect = arguments[-1].split("; ")
    board = boards.load(Path(script.removeprefix("include @")).stem)
    assert connect == "connector Connect sysbus.uart0 link"
    port = re.fullmatch(r'emulation CreateServerSocketTerminal (\d+) "link" false', server)
    assert port
    device = simulate.open(board, Path(elf.removeprefix("$elf=@")))
    with socket.create_server(("127.0.0.1", int(port.group(1)))) as listening:
        client, _ = listening.accept()
        assert sys.stdin.readline() == "start\n"
        serve(device, client)


def serve(device: object, client: socket.socket) -> None:
    while True:
        ready = select.select([client, sys.stdin], [], [], 0)[0]
        if sys.stdin in ready:
            assert sys.stdin.readline() in ("quit\n", "")
            return
        if client in ready:
            data = client.recv(4096)
            if not data:
                return
            device.write(data)  # type: ignore[attr-defined]
        if answer := device.read(0.01):  # type: ignore[attr-defined]
            client.sendall(answer)


if __name__ == "__main__":
    main(sys.argv[1:])
