#!/usr/bin/env bash
# Proves a package that `make package` made: installs it, asks both programs, opens the window and a file, removes it, and looks that nothing stays.
# scripts/check_package.sh [DEB], as root on a Debian machine without the package. Can be repeated; what it brings with apt-get it takes away again.
set -euo pipefail

name=align-pro-studio
type=application/x-alignpro
say() { printf 'check: %s\n' "$*"; }
fail() { printf 'check: FAILED: %s\n' "$*" >&2; exit 1; }
# same WHAT EXPECTED FOUND
same() { [ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"; say "$1: ${3:-nothing}"; }

deb=${1:-$(ls "$(dirname "$0")/../${CARGO_TARGET_DIR:-target}"/release/bundle/deb/*.deb 2>/dev/null || true)}
[ -f "$deb" ] || fail "there is no package ${deb:-in target/release/bundle/deb}; \`make package\` makes one"
[ "$(id -u)" -eq 0 ] || fail "only root can install a package"
! dpkg-query -W "$name" >/dev/null 2>&1 || fail "$name is installed already; this check would remove it: dpkg -P $name"

work=$(mktemp -d)
brought=()
end() {
    ! dpkg-query -W "$name" >/dev/null 2>&1 || dpkg -P "$name" >/dev/null
    if [ ${#brought[@]} -gt 0 ]; then
        say "taking away again what was brought"
        apt-get purge -y -qq "${brought[@]}" >/dev/null
    fi
    rm -rf "$work"
}
trap end EXIT

# A home of its own, and no session: a window that is open there would be shown instead of this one.
export HOME=$work/home ALIGNPRO_HOME=$work/home/alignpro DBUS_SESSION_BUS_ADDRESS=disabled: DEBIAN_FRONTEND=noninteractive
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_CURRENT_DESKTOP DESKTOP_SESSION WAYLAND_DISPLAY
mkdir "$HOME"

# What the package depends on, and what looks at it.
needed="$(dpkg-deb -f "$deb" Depends), desktop-file-utils, libglib2.0-bin, python3, shared-mime-info, webkit2gtk-driver, xdg-utils, xvfb"
mapfile -t brought < <(apt-get -s --no-install-recommends satisfy "$needed" | sed -n 's/^Inst \([^ ]*\) (.*/\1/p')
if [ ${#brought[@]} -gt 0 ]; then
    say "bringing ${#brought[@]} packages with apt-get, for the time of this check"
    apt-get satisfy -y -qq --no-install-recommends "$needed" >"$work/apt" 2>&1 || { cat "$work/apt"; fail "apt-get could not bring them"; }
fi
find /usr /etc /opt -xdev | sort >"$work/before"

say "installing $(basename "$deb") ($(stat -c %s "$deb") bytes)"
dpkg -i "$deb" >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; fail "it does not install, though all that it depends on is here"; }
dpkg -V "$name" || fail "files differ from the package's"
say "files: $(dpkg -L "$name" | while read -r path; do [ -d "$path" ] || echo "$path"; done | wc -l), $(dpkg-query -W -f '${Installed-Size}' "$name") kB"
version=$(dpkg-query -W -f '${Version}' "$name")
same "alignpro --version" "alignpro $version" "$(alignpro --version)"
# Without a model, doctor has something to complain of.
doctor=$(alignpro doctor || [ $? -eq 1 ])
grep -q "home: $ALIGNPRO_HOME" <<<"$doctor" || fail "alignpro doctor says: $doctor"
say "alignpro doctor: $(head -n1 <<<"$doctor")"

same "desktop-file-validate complains of" "" "$(desktop-file-validate "/usr/share/applications/$name.desktop" 2>&1)"
# The smallest file of ours: as a run database begins, with and without its name.
python3 -c "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('PRAGMA application_id = 0x414C5052'); d.execute('CREATE TABLE t (x)'); d.commit()" "$work/x.alignpro"
cp "$work/x.alignpro" "$work/unnamed"
cp "$work/x.alignpro" "$work/x.db"
for file in x.alignpro unnamed x.db; do
    # As a desktop asks; without one, xdg-mime asks file(1), which does not know what packages say.
    same "type of $file" "$type" "$(XDG_CURRENT_DESKTOP=GNOME xdg-mime query filetype "$work/$file")"
done
same "opened by" "$name.desktop" "$(xdg-mime query default "$type")"

cat >"$work/window.py" <<'PYTHON'
"""The window, driven by WebDriver: does it show what its worker finds? And does opening a file start it with that file?"""
import contextlib, json, os, pathlib, signal, socket, subprocess, sys, time, urllib.error, urllib.request

PROGRAM = "/usr/bin/align-pro-studio"
PATIENCE = 120

@contextlib.contextmanager
def started(*command, **more):
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL, **more)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

def until(question, words):
    begun = time.monotonic()
    while not (answer := question()):
        if time.monotonic() - begun > PATIENCE:
            sys.exit(f"check: FAILED: {words}")
        time.sleep(0.2)
    return answer

def running():
    """Processes of the installed program, with what they were started with."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(folder / "exe") == PROGRAM:
                yield int(folder.name), (folder / "cmdline").read_bytes().decode().split("\0")

def window(port):
    def ask(path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/session{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)["value"]

    def session():
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return ask("", {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": {"binary": PROGRAM, "args": []}}}})["sessionId"]

    opened = until(session, "the window does not open")
    script = lambda code: ask(f"/{opened}/execute/sync", {"script": code, "args": []})
    checks = json.loads(subprocess.run(["alignpro", "--json", "doctor"], stdout=subprocess.PIPE).stdout)["checks"]
    # What is the same at each look.
    findings = [check["finding"] for check in checks if check["name"] in ("processor", "system")]
    script("location.hash = '#/machine'")
    text = lambda: script("return document.body ? document.body.innerText : ''")
    try:
        until(lambda: findings and all(finding in text() for finding in findings), "the page does not show what the worker finds")
    except SystemExit:
        print(text())
        raise
    print("check: the window shows what its worker finds:", *findings, sep="\n    ")
    time.sleep(3)
    if not list(running()):
        sys.exit("check: FAILED: the window has gone")
    print("check: it stays open")

def double_click(file):
    # What a file manager does: the default program of the file's type.
    subprocess.run(["gio", "open", file], check=True, timeout=PATIENCE, stderr=subprocess.DEVNULL)
    process, command = until(lambda: next(running(), None), "opening a file starts nothing")
    until(lambda: any((pathlib.Path("/proc") / str(process) / "task" / str(process) / "children").read_text().split()), "it opens no window")
    os.kill(process, signal.SIGTERM)
    until(lambda: not list(running()), "the program does not end")
    if command[1:2] != [file]:
        sys.exit(f"check: FAILED: it was started as {command}")
    print(f"check: opening {os.path.basename(file)} starts", *command)

with started("Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", stdout=subprocess.PIPE) as display:
    os.environ["DISPLAY"] = ":" + display.stdout.readline().decode().strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started("WebKitWebDriver", f"--port={port}", stdout=subprocess.DEVNULL, env=os.environ | {"TAURI_WEBVIEW_AUTOMATION": "true"}):
        window(port)
    until(lambda: not list(running()), "the window does not close")
    double_click(sys.argv[1])
PYTHON
python3 "$work/window.py" "$work/x.alignpro"

say "removing"
dpkg -r "$name" >/dev/null
dpkg -P "$name" >/dev/null 2>&1 || true
! dpkg-query -W "$name" >/dev/null 2>&1 || fail "$name is still known to dpkg"
same "opened by, afterwards" "" "$(xdg-mime query default "$type")"
find /usr /etc /opt -xdev | sort >"$work/after"
diff "$work/before" "$work/after" || fail "removing it left the system changed, as above"
say "nothing stays. The package is good."
