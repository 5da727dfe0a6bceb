#!/usr/bin/env bash
# Installs what the tests need and runs everything. Arguments go to pytest, for instance
# `./scripts/run-tests.sh -k eviction`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

source scripts/bootstrap.sh
[ -n "${DYNAMODB_LOCAL_URL:-}" ] ||
    echo "Skipped: the store's tests on DynamoDB Local (set DYNAMODB_LOCAL_URL to run them)."
echo "Skipped: tests marked live, which need a real inference engine ('make live' runs them)."
exec ./scripts/check.sh "$@"
