#!/usr/bin/env bash
# Installs what the tests need and runs everything. Arguments go to pytest, for instance
# `./scripts/run-tests.sh -k eviction`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/bootstrap.sh

# Any of the names under which tests/web/conftest.py looks for it.
has_browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

# The web chat is tried in a real browser. It is installed only where that asks nobody for a
# password: in a container, as in CI.
if ! has_browser >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Chromium for the tests of the web chat …"
    { timeout 120 apt-get update --quiet=2 &&
        DEBIAN_FRONTEND=noninteractive timeout 480 apt-get install --quiet=2 --yes \
            --no-install-recommends chromium fonts-dejavu-core; } >/dev/null || true
fi
has_browser >/dev/null ||
    echo "Skipped: the web chat's tests in a browser (Debian, Ubuntu: apt install chromium)."
[ -n "${DYNAMODB_LOCAL_URL:-}" ] ||
    echo "Skipped: the store's tests on DynamoDB Local (set DYNAMODB_LOCAL_URL to run them)."
echo "Skipped: tests marked live, which need a real inference engine ('make live' runs them)."
exec ./scripts/check.sh "$@"
