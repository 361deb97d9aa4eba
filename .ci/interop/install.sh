#!/usr/bin/env bash
# Installs the third-party clients that the interop lane writes with, in an ignored folder. What is there is kept.
#
#   install.sh FOLDER      then FOLDER/venv/bin/python is the interpreter, FOLDER/node/node_modules the NODE_PATH
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
mkdir -p "$folder"

# Debian's packages: the C library's programs and headers, and the module for SASL PLAIN. Optional: without them the
# lane says what it skips.
wanted=()
for package in libmemcached-tools libmemcached-dev libsasl2-modules zlib1g-dev; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || wanted+=("$package")
done
if [ ${#wanted[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends "${wanted[@]}"; } >"$folder/apt.log" 2>&1 ||
      { echo "install: apt-get could not install ${wanted[*]}; going on without:" && tail -n 3 "$folder/apt.log"; }
  else
    echo "install: ${wanted[*]} are missing and this user cannot install them; going on without"
  fi
fi

if ! "$folder/venv/bin/python" -c '' 2>/dev/null; then
  rm -rf "$folder/venv"
  python3 -m venv "$folder/venv"
fi
pip=("$folder/venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install -r "$here/requirements.txt"
if ! "$folder/venv/bin/python" -c 'import pylibmc' 2>/dev/null; then
  "${pip[@]}" install --no-binary pylibmc -r "$here/requirements-optional.txt" >"$folder/pylibmc.log" 2>&1 ||
    { echo "install: pylibmc does not build here; going on without:" && tail -n 3 "$folder/pylibmc.log"; }
fi

mkdir -p "$folder/node"
cp "$here/package.json" "$folder/node/package.json"
(cd "$folder/node" && npm install --no-audit --no-fund --loglevel=error >/dev/null)
