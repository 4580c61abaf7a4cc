#!/bin/sh
# make_venv.sh FOLDER: a virtual environment with pip, on a machine that may lack Debian's python3-venv.
set -eu
folder=$1
for python in python3 python3.13 python3.12 python3.11; do
    if command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        found=$python
        break
    fi
done
if [ -z "${found:-}" ]; then
    echo "No Python 3.11 or newer on PATH. On Debian: apt-get install python3" >&2
    exit 1
fi
if ! "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "Python's venv module is missing; installing Debian's python3-venv."
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root=sudo; fi
    $as_root apt-get update -qq
    $as_root apt-get install -y -qq python3-venv
fi
"$found" -m venv "$folder"
