#!/usr/bin/env bash
# The README's picture: the head of a real report. Usage: docs/images/make.sh [REPORT.html]; needs chromium.
set -euo pipefail
cd "$(dirname "$0")/../.."
report=$(realpath "${1:-build/demo/report.html}")
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1000,810 \
  --screenshot=docs/images/report.png "file://$report"
