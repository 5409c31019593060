"""`ops`: the table of operators."""

from __future__ import annotations

import argparse

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    ops = common.add(commands, "ops", run, "the table of operators: types, engines, kernels")
    form = ops.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print docs/ops.md")
    form.add_argument("--json", action="store_true", help="print JSON, a row a combination")
    form.add_argument("--write", action="store_true", help="write docs/ops.md and params.json")
    form.add_argument("--check", action="store_true", help="fail if one of them is not current")


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    from tinydeploy.errors import SetupError
    from tinydeploy.fuzz import params, table
    from tinydeploy.ops.persistent import PARAMS

    if options.write:
        params.save(params.sizes())
    rows = table.rows()
    if options.write:
        whole.write(table.DOCUMENT, table.to_markdown(rows))
    elif options.check:
        stale = [] if table.is_current(rows) else [table.DOCUMENT]
        stale += [] if params.is_current() else [PARAMS]
        if stale:
            names = " and ".join(path.name for path in stale)
            raise SetupError(f"{names}: not what the code says", "run: tinydeploy ops --write")
    elif options.markdown or options.json:
        print((table.to_markdown if options.markdown else table.to_json)(rows).rstrip())
    else:
        print(table.to_text(rows))
