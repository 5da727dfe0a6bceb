#!/usr/bin/env bash
# Makes .venv hold exactly what requirements.lock says, plus this workspace's own packages.
#
# Needs nothing but a Python of any version, or uv itself. Works without root, from any folder, and
# does nothing when .venv is already right. Run it, or source it to have $UV and $PYTHON as well.
set -euo pipefail
unset PYTHONPATH PYTHONHOME # they would put foreign packages before those of .venv

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=$ROOT/.venv/bin/python
NEEDED_PYTHON='>=3.11'

say() { printf '%s\n' "$*" >&2; }

works() { "$1" --version >/dev/null 2>&1; } # a shim on PATH may point to nothing

# uv from PATH, else a private one in .tools. A virtual environment, and pip's --target where Debian
# left ensurepip out, both leave an "externally managed" system Python (PEP 668) alone.
find_uv() {
    local own=$ROOT/.tools/uv candidate
    for candidate in uv "$own/bin/uv" "$HOME/.local/bin/uv"; do
        if works "$candidate"; then
            UV=$candidate
            return
        fi
    done
    say "Getting uv, which installs everything else (into .tools, not into your system) …"
    rm -rf "$own"
    mkdir -p "$ROOT/.tools"
    if python3 -m venv "$own" >"$ROOT/.tools/uv.log" 2>&1 &&
        "$own/bin/python" -m pip install --quiet uv >>"$ROOT/.tools/uv.log" 2>&1 &&
        works "$own/bin/uv"; then
        UV=$own/bin/uv
        return
    fi
    rm -rf "$own"
    if python3 -m pip install --quiet --target "$own" uv >>"$ROOT/.tools/uv.log" 2>&1 &&
        works "$own/bin/uv"; then
        UV=$own/bin/uv
        return
    fi
    say "uv is missing and could not be installed (see .tools/uv.log)."
    say "Install it with your package manager or with 'pipx install uv', and run this again."
    exit 1
}

fingerprint() {
    # The path is part of it: scripts in .venv hold absolute paths, a moved clone needs a new one.
    # An editable install holds only metadata and entry points, which pyproject.toml decides.
    { printf '%s\n' "$ROOT"; cat "$ROOT"/requirements.lock "$ROOT"/*/pyproject.toml; } |
        { sha256sum 2>/dev/null || shasum -a 256; } | cut -d ' ' -f 1
}

make_venv() {
    if [ -f "$ROOT/.venv/.root" ] && [ "$(cat "$ROOT/.venv/.root")" = "$ROOT" ] && works "$PYTHON" &&
        "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        return
    fi
    # Not `--clear` on the good path above: services may be running from it.
    if ! "$UV" venv --quiet --clear --no-project --python "$NEEDED_PYTHON" "$ROOT/.venv"; then
        say "No Python 3.11 or newer was found, and none could be fetched."
        say "Install Python 3.11, 3.12 or 3.13 (Debian and Ubuntu: apt install python3.12; macOS: brew install python@3.12) and run this again."
        exit 1
    fi
    printf '%s' "$ROOT" >"$ROOT/.venv/.root"
}

sync_packages() {
    local wanted members=() member
    wanted=$(fingerprint)
    if [ -f "$ROOT/.venv/.synced" ] && [ "$(cat "$ROOT/.venv/.synced")" = "$wanted" ]; then
        return
    fi
    say "Installing what requirements.lock lists …"
    rm -f "$ROOT/.venv/.synced"
    for member in "$ROOT"/*/pyproject.toml; do
        members+=(--editable "$(dirname "$member")")
    done
    "$UV" pip sync --quiet --python "$PYTHON" --require-hashes "$ROOT/requirements.lock"
    "$UV" pip install --quiet --python "$PYTHON" --no-deps --no-build-isolation "${members[@]}"
    printf '%s' "$wanted" >"$ROOT/.venv/.synced"
}

find_uv
make_venv
sync_packages
