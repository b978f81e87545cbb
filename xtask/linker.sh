#!/bin/sh
# The linker of every build. Rust brings none, so on a bare Debian not even `cargo xtask run`
# could be compiled, which installs all other packages; here the first one is named and installed.
if ! command -v cc >/dev/null 2>&1; then
    package=build-essential
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "No C compiler (cc) was found. Install one, for example $package, and start again." >&2
        exit 1
    fi
    # Cargo keeps what a linker prints; a person at a terminal is told all the same.
    tell() { if ! { echo "$1" >/dev/tty; } 2>/dev/null; then echo "$1" >&2; fi; }
    as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
    exec 9>"${TMPDIR:-/tmp}/optria-linker-$(id -u).lock"
    flock 9
    if ! command -v cc >/dev/null 2>&1; then
        tell "Missing system package, installed now with apt: $package (C compiler and linker)"
        tell "حزمة نظام ناقصة، تُثبَّت الآن عبر apt: $package (مترجم C والرابط)"
        { $as_root apt-get update -q && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q "$package"; } >&2 || {
            echo "$package could not be installed: apt-get install $package, then start again." >&2
            exit 1
        }
    fi
    exec 9>&-
fi
exec cc "$@"
