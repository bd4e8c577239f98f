#!/bin/sh
# Print the path of a Python that foveate supports (3.11, 3.12 or 3.13, with venv and pip), or say what was found instead.
#   find_python.sh            any of the three; PYTHON=... is the only candidate when it is set
#   find_python.sh 3.12       that version only
set -u
wanted=${1:-}
pyenv_versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
rejected=""

# Prints "ok", or why this interpreter will not do. Written for any Python, as `python` may be a very old one.
probe='
import sys
version = "%d.%d" % sys.version_info[:2]
if version not in ("3.11", "3.12", "3.13"):
    print("is Python " + version)
elif sys.argv[1] not in ("", version):
    print("is Python " + version + ", not " + sys.argv[1])
else:
    try:
        import ensurepip, venv
        print("ok")
    except ImportError:
        print("is Python " + version + " without venv or ensurepip (on Debian and Ubuntu: apt install python3-venv)")
'

try() {
    path=$(command -v "$1" 2>/dev/null) || return 0
    verdict=$("$path" -c "$probe" "$wanted" </dev/null 2>/dev/null) || verdict="does not run"
    if [ "$verdict" = ok ]; then
        printf '%s\n' "$path"
        exit 0
    fi
    rejected="$rejected
    $path $verdict"
}

if [ -n "${PYTHON:-}" ]; then
    try "$PYTHON"
    echo "PYTHON=$PYTHON will not do:${rejected:- it was not found}" >&2
    exit 1
fi
for version in ${wanted:-3 3.13 3.12 3.11}; do
    try "python$version"
done
try python3
try python
for path in "$pyenv_versions"/${wanted:-3.1[123]}*/bin/python; do
    try "$path"
done

echo "foveate needs Python ${wanted:-3.11, 3.12 or 3.13} (64-bit, with venv and pip). Found:${rejected:- no Python at all}" >&2
echo "Install one, or name it: make ... PYTHON=/path/to/python3.12" >&2
exit 1
