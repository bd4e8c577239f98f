#!/bin/sh
# Make the virtual environment the Makefile works in; does nothing when it is up to date.
#   setup.sh [VENV]        PYTHON, PIP_ARGS and MIN_FREE_GB are read from the environment
# VENV/foveate.begun says which directory and Python the environment was begun for; VENV/foveate.stamp holds the hash of
# what was installed and is written last, so an interrupted install leaves none and the next run starts afresh.
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv}
packages=torch,train,timm,pretrained,plot,wsi,zarr,geo,dev
begun=$venv/foveate.begun
stamp=$venv/foveate.stamp

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }
origin() { printf '%s %s %s\n' "$(pwd -P)" "$venv" "$("$1" -V 2>&1)"; }
key() { { cat pyproject.toml constraints.txt "$begun"; echo "$packages"; } | digest; }

is_current() {
    [ -f "$stamp" ] && [ "$(origin "${PYTHON:-$venv/bin/python}" 2>/dev/null)" = "$(cat "$begun")" ] &&
        [ "$(key)" = "$(cat "$stamp")" ]
}

announce() {
    # PyPI's torch for Linux brings CUDA along; elsewhere, and from an index of CPU builds, it is small.
    download="0.5 GB" needed=2 cache=1 minutes="1 to 4" hint=""
    case "$(uname -s) ${PIP_ARGS:-}" in
        Linux*cpu*) ;;
        Linux*)
            download="3 GB" needed=9 cache=3 minutes="3 to 15"
            hint="Most of it is CUDA. For a CPU-only torch: PIP_ARGS=\"--extra-index-url <PyTorch's index of CPU builds>\""
            ;;
    esac
    needed=${MIN_FREE_GB:-$needed}
    free=$(df -Pk "$(dirname "$venv")" | awk 'NR == 2 { print int($4 / 1048576) }')
    say "Setting up $venv with $("$python" -V): downloads about $download, takes $minutes minutes (once)."
    say "Free disk there: $free GB; needed: $needed GB, and $cache GB for pip's cache."
    [ -z "$hint" ] || say "$hint"
    [ "$free" -ge "$needed" ] || fail "Too little free disk. Make room, or go on all the same with MIN_FREE_GB=0."
    if [ "$free" -lt "$((needed + cache))" ]; then
        say "There is no room for pip's cache: it is left out, and another set-up will download all again."
        export PIP_NO_CACHE_DIR=1
    fi
}

if is_current; then exit 0; fi
python=$(scripts/find_python.sh)

if [ -e "$venv" ] && [ ! -f "$begun" ]; then
    fail "$venv exists and was not made by this script. Move it away, or name another place: make ... VENV=.venv-foveate"
fi
if [ -f "$stamp" ] && [ "$(origin "$python")" = "$(cat "$begun")" ]; then
    say "Updating $venv: pyproject.toml or constraints.txt has changed."
else
    announce
    rm -rf "$venv"
    mkdir -p "$venv"
    origin "$python" >"$begun"
    "$python" -m venv "$venv"
fi
rm -f "$stamp"
# PIP_ARGS is several words on purpose.
# shellcheck disable=SC2086
"$venv/bin/python" -m pip install --disable-pip-version-check -e ".[$packages]" -c constraints.txt ${PIP_ARGS:-} ||
    fail "The installation did not finish: see above. The same command starts it again; what pip has cached is kept."
"$venv/bin/foveate" --version >/dev/null
key >"$stamp.new"
mv "$stamp.new" "$stamp"
