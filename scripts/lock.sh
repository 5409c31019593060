#!/usr/bin/env bash
# Makes requirements*.lock again from pyproject.toml. Needs uv (`pip install uv`).
#
# One resolution for all layers comes first and constrains the others, so that a package has the
# same version in every layer. A version already in a lock stays, unless pyproject.toml forbids it:
# `bash scripts/lock.sh --upgrade` takes the newest of everything, `--upgrade-package NAME` of one.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
  uv pip compile pyproject.toml --universal --python-version 3.10 --only-binary :all: --quiet \
    --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "bash scripts/lock.sh" "$@"
}

all=requirements-dev.lock
compile --all-extras --output-file "$all" "$@"
compile --constraints "$all" --output-file requirements.lock
compile --extra train --constraints "$all" --output-file requirements-train.lock
