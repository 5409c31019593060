"""What `tinydeploy doctor` finds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tinydeploy import doctor
from tinydeploy.config import ROOT
from tinydeploy.doctor import Finding, Level
from tinydeploy.errors import LinkError
from tinydeploy.link import transport
from tinydeploy.link.transport import PortInfo

NANO = PortInfo("/dev/null", "Nano 33 BLE", 0x2341, 0x805A, "0011223344556677")


def _about(findings: list[Finding], words: str) -> Finding:
    return next(finding for finding in findings if words in finding.what)


def _with_ports(monkeypatch: pytest.MonkeyPatch, *ports: PortInfo) -> None:
    monkeypatch.setattr(transport, "list_ports", lambda: list(ports))


def test_everything_that_is_not_well_has_a_remedy() -> None:
    findings = doctor.diagnose()
    assert len(findings) >= 10
    for finding in findings:
        assert finding.what
        assert finding.remedy or finding.level is not Level.ERROR


def test_a_board_is_asked_who_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_ports(monkeypatch, NANO)
    findings = doctor.diagnose(lambda port: f"firmware 1234 on {port.serial_number}")
    assert _about(findings, "firmware 1234").level is Level.OK
    assert "Nano 33 BLE, serial number 0011" in _about(findings, "2341:805a").what


def test_a_board_that_does_not_answer_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(port: PortInfo) -> str:
        raise LinkError("no frames", "flash it")

    _with_ports(monkeypatch, NANO)
    finding = _about(doctor.diagnose(probe), "no frames")
    assert (finding.level, finding.remedy) == (Level.NOTE, "flash it")


def test_a_port_without_permission_names_the_group(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = tmp_path / "ttyACM0"
    port.touch()
    _with_ports(monkeypatch, PortInfo(str(port), "", 0x2341, 0x805A))
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    findings = doctor.diagnose()
    finding = _about(findings, "no permission")
    assert finding.level is Level.ERROR
    assert "$ sudo " in finding.remedy
    assert doctor.fix_commands([finding])[0].startswith("sudo ")


def test_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_ports(monkeypatch)
    assert _about(doctor.diagnose(), "no serial port").level is Level.NOTE


def test_packages_that_differ_from_the_lock_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "pyserial==0.1 \\\n    --hash=sha256:00\n"
        "no-such-package==2.0\n"
        "only-for-old==1 ; python_full_version < '3.0'\n"
        "only-for-macs==1 ; sys_platform == 'darwin'\n"
    )
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    finding = _about(doctor.diagnose(), "requirements.lock")
    assert "pyserial 3.5 instead of 0.1" in finding.what
    assert "no-such-package missing" in finding.what
    assert "only-for" not in finding.what
    assert finding.level is Level.ERROR


def test_text_and_json_tell_the_same() -> None:
    findings = [Finding(Level.OK, "fine"), Finding(Level.ERROR, "bad", "do:\n$ this")]
    assert doctor.to_text(findings) == "ok    fine\nerror bad\n      do:\n      $ this"
    rows = json.loads(doctor.to_json(findings))
    assert rows[1] == {"level": "error", "what": "bad", "remedy": "do:\n$ this"}
    assert findings[1].level == "error"


def test_fix_prints_commands_once() -> None:
    findings = [
        Finding(Level.NOTE, "a", "explanation:\n$ sudo one"),
        Finding(Level.ERROR, "b", "$ sudo one\n$ two"),
        Finding(Level.OK, "c", "$ three"),
    ]
    assert doctor.fix_commands(findings) == ["sudo one", "two"]


def test_doctor_and_flash_import_nothing_heavy_and_start_fast() -> None:
    code = (
        "import sys; from tinydeploy import doctor, flash; doctor.diagnose(); flash.tools(); "
        "print([name for name in ('tensorflow', 'keras', 'numpy', 'unicorn', 'platformio') "
        "if name in sys.modules])"
    )
    began_s = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": "/usr/bin:/bin"},
    )
    assert result.stdout.strip() == "[]"
    assert time.monotonic() - began_s < 3.0  # about 0.2 s; machines under load are slower
