"""`python -m tinydeploy`."""

from __future__ import annotations

import sys

from tinydeploy.cli import main

if __name__ == "__main__":
    sys.exit(main())
