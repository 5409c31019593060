#!/usr/bin/env bash
# Makes docs/report.png from a report: bash docs/picture.sh build/kws/nano33/report.html
# Needs Chromium and pngquant (Debian's packages chromium and pngquant); the project does not.
set -euo pipefail
page=$(realpath "$1")
picture="$(dirname "$(realpath "$0")")/report.png"
profile=$(mktemp -d)
trap 'rm -r "$profile"' EXIT

chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
  --user-data-dir="$profile" --hide-scrollbars --window-size=1200,1620 --force-device-scale-factor=1.25 \
  --screenshot="$profile/report.png" "file://$page"
pngquant --force --output "$picture" 64 "$profile/report.png"
