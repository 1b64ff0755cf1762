#!/usr/bin/env python3
"""Measures the window as a person has it: first paint, pages, frames while samples are scrolled and while a run reports, idle processor time.

Usage: scripts/window_figures.py LARGE_DATABASE   (`make bench` leaves one in target/release/bench/large.db)

Needs what `scripts/setup.sh --tests` installs (Xvfb, WebKitWebDriver). Works on copies.
"""
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "target/release/align-pro-studio"
DISPLAY, PORT, SIZE = ":87", 4587, (1280, 800)

# Milliseconds from following a link until its page shows a text.
SHOWN = """location.hash = '#/settings'; await sleep(1200); location.hash = %r; const begun = performance.now();
while (!document.body.innerText.includes(%r)) { if (performance.now() - begun > 20000) return null; await frame(); }
await frame(); return performance.now() - begun;"""
# Milliseconds between frames over some seconds; each frame moves the page by some pixels.
FRAMES = """const main = document.getElementById('main'), gaps = []; main.scrollTo(0, 0); await sleep(600);
let last = performance.now(); const begun = last;
while (last - begun < %d) { await frame(); const now = performance.now(); gaps.push(now - last); last = now; main.scrollBy(0, %d); }
gaps.sort((a, b) => a - b); return { frames: gaps.length, longest: gaps.at(-1), middle: gaps[gaps.length >> 1] };"""
COMMON = """const done = arguments[0], sleep = ms => new Promise(r => setTimeout(r, ms)), frame = () => new Promise(requestAnimationFrame);
(async () => { %s })().then(done, e => done(String(e)));"""


class Window:
    def __init__(self, database, home):
        environment = dict(os.environ, DISPLAY=DISPLAY, HOME=home, TAURI_WEBVIEW_AUTOMATION="true", DBUS_SESSION_BUS_ADDRESS="disabled:")
        self.driver = subprocess.Popen(["WebKitWebDriver", f"--port={PORT}"], env=environment, stderr=subprocess.DEVNULL)
        time.sleep(1)
        options = {"binary": str(PROGRAM), "args": ["--db", str(database)]}
        asked = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        self.session = "/session/" + self.call("POST", "/session", asked)["sessionId"]
        self.call("POST", self.session + "/window/rect", {"width": SIZE[0], "height": SIZE[1]})
        self.call("POST", self.session + "/timeouts", {"script": 60000})
        time.sleep(3)

    def call(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, method=method), timeout=120) as answer:
            return json.load(answer)["value"]

    def run(self, script):
        return self.call("POST", self.session + "/execute/async", {"script": COMMON % script, "args": []})

    def close(self):
        self.call("DELETE", self.session)
        self.driver.kill()


def processes():
    """The window and its web view's processes: /proc/PID/stat behind the name."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().split("\0")[0]
            if command == str(PROGRAM) or "WebKitWebProcess" in command or "WebKitNetworkProcess" in command:
                yield command, (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            pass


def percent_of_a_core(seconds=15):
    def spent():
        return sum(int(stat[11]) + int(stat[12]) for _, stat in processes())
    before = spent()
    time.sleep(seconds)
    return 100 * (spent() - before) / os.sysconf("SC_CLK_TCK") / seconds


def first_paint(window):
    """Milliseconds from the start of the process to the first painted content."""
    [started] = [int(stat[19]) / os.sysconf("SC_CLK_TCK") for command, stat in processes() if command == str(PROGRAM)]
    booted = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    at = window.run("return performance.timeOrigin + performance.getEntriesByType('paint').at(-1).startTime")
    return at - 1000 * (booted + started)


def report_events(database, events_a_second, ended):
    """A worker's iterations, so many a second, into run 1, as long as nobody ends it."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    lock = open(f"{database}.run-1.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    connection.execute("UPDATE runs SET status = 'running', finished_at_ms = NULL WHERE id = 1")
    rows = connection.execute("SELECT event FROM events WHERE run = 1 AND json_extract(event, '$.kind') = 'iteration'").fetchall()
    number = len(rows)
    while not ended.wait(1 / events_a_second):
        number += 1
        event = dict(json.loads(rows[number % len(rows)][0]), iteration=number)
        connection.execute("INSERT INTO events (run, at_ms, event) VALUES (1, ?, ?)", (time.time_ns() // 10**6, json.dumps(event)))


def small(folder, home):
    database = folder / "live.db"
    shutil.copy(ROOT / "examples/finished.alignpro", database)
    window = Window(database, home)
    print(f"start to first paint {first_paint(window):.0f} ms; idle {percent_of_a_core():.1f} % of a core")
    ended = threading.Event()
    writer = threading.Thread(target=report_events, args=(database, 20, ended))
    writer.start()
    time.sleep(1)
    window.run("location.hash = '#/runs/1/live'; await sleep(3000)")
    print("a live run of 20 events a second:", window.run(FRAMES % (10000, 0)), f"{percent_of_a_core(5):.1f} % of a core")
    ended.set()
    writer.join()
    window.close()


def large(database, home):
    window = Window(database, home)
    for name, link, text in [("experiments", "#/experiments", "λ 0.019"), ("results", "#/runs/50/results", "is better than"),
                             ("samples", "#/runs/60/samples", "96 prompts")]:
        print(name, "ms:", [round(window.run(SHOWN % (link, text)) or -1) for _ in range(5)])
    for pixels in (40, 120, 400):
        window.run("location.hash = '#/settings'; await sleep(1000); location.hash = '#/runs/61/samples'; await sleep(3000)")
        print(f"samples, {pixels} pixels a frame:", window.run(FRAMES % (4000, pixels)))
    print(f"idle {percent_of_a_core():.1f} % of a core")
    window.close()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1400x900x24", "-nolisten", "tcp"], stderr=subprocess.DEVNULL)
    try:
        with tempfile.TemporaryDirectory() as folder:
            time.sleep(1)
            copy = shutil.copy(sys.argv[1], Path(folder) / "large.db")
            small(Path(folder), folder)
            large(copy, folder)
    finally:
        screen.kill()


if __name__ == "__main__":
    main()
