#!/usr/bin/env bash
# Prints the path of a compiler whose standard library can be built from source, for ThreadSanitizer; else prints why
# there is none and fails. The distribution's packages are unpacked below target/, nothing is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=$PWD/target/tsan-toolchain
rustc=$folder/usr/bin/rustc-for-tsan

if [ -x "$rustc" ]; then
  echo "$rustc"
  exit
fi
sysroot=$(rustc --print sysroot)
host=$(rustc -vV | sed -n 's/^host: //p')
if [ -d "$sysroot/lib/rustlib/src/rust/library" ]; then
  command -v rustc
  exit
fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
  { echo "there is no rust-src, and no package manager to get one from" && exit 1; }
mkdir -p "$folder/packages"
cd "$folder/packages"
std=$(apt-cache depends libstd-rust-web-dev 2>/dev/null | sed -nE "s/.*Depends: (libstd-rust-web-[0-9.]+)$/\1/p" | head -1)
llvm=$(apt-cache depends "${std:-none}" 2>/dev/null | sed -nE "s/.*Depends: (libllvm[0-9]+)$/\1/p" | head -1)
[ -n "$std" ] && [ -n "$llvm" ] ||
  { echo "there is no rust-src, and the distribution has no rustc-web" && exit 1; }
apt-get -qq -o APT::Sandbox::User=root download rustc-web "$std" libstd-rust-web-dev rust-web-src "$llvm" >&2 ||
  { echo "there is no rust-src, and the packages cannot be downloaded" && exit 1; }
for package in *.deb; do dpkg -x "$package" "$folder"; done
# The runtime comes from the toolchain that everything else is built with.
mkdir -p "$folder/usr/lib/rustlib/$host/lib"
for runtime in "$sysroot/lib/rustlib/$host/lib"/librustc-*_rt.tsan.a; do
  cp "$runtime" "$folder/usr/lib/rustlib/$host/lib/"
done
# Where cargo looks for the library's sources.
mkdir -p "$folder/usr/lib/rustlib/src"
ln -sfn "$(echo "$folder"/usr/src/rustc-*)" "$folder/usr/lib/rustlib/src/rust"
cat >"$rustc" <<'WRAPPER'
#!/usr/bin/env bash
usr=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
libraries=$(echo "$usr"/lib/*-linux-gnu "$usr"/lib/llvm-*/lib "$usr"/lib | tr ' ' ':')
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} exec "$usr/bin/rustc" "$@"
WRAPPER
chmod +x "$rustc"
"$rustc" -vV >/dev/null 2>&1 || { rm "$rustc"; echo "the distribution's compiler does not start" && exit 1; }
echo "$rustc"
