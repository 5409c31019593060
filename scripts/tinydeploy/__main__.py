"""`python -m tinydeploy`, and the command `tinydeploy`."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # of `signal`, without what that imports
import sys

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no traceback of imports

from tinydeploy import supervise


def main() -> int:
    """Run one command; returns the exit code."""
    signals_may_come = supervise.start()
    from tinydeploy import cli, interrupts

    interrupts.install(for_good=True)
    try:
        signals_may_come()
        return cli.main()
    except KeyboardInterrupt:
        return cli.INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
