# Appends to a file what it lacks of a wheel, through pip's own session: its index, certificates, proxies and settings. pip itself begins a
# broken download anew, in a later process always and before 25.1 in the same one.
# Arguments: package, the wheel's file name, the file, options of pip.
# Exit code: 0 nothing is missing any more, 3 the transfer broke off (the cause is on standard error), 4 the file cannot be written (errno),
# anything else: this pip is not built as those from 21.2 to 26, or does not find the wheel.
import fcntl
import os
import sys
import time

from pip._internal.commands import create_command

FRUITLESS = 3  # attempts that bring nothing new before it is given up
package, wheel, path, *options = sys.argv[1:]


def find():
    """pip's session, and where the wheel is."""
    command = create_command("index")
    settings, _ = command.parse_args(["versions", package, "--no-input", "--no-cache-dir", *options])
    session = command._build_session(settings)
    candidates = command._build_package_finder(settings, session).find_all_candidates(package)
    links = [candidate.link for candidate in candidates if candidate.link.filename == wheel]
    return (session, links[0].url_without_fragment) if links else sys.exit(5)


def go_on(out, session, address):
    """One request. Returns why it broke off, or None."""
    have = out.seek(0, os.SEEK_END)
    # Compressed on the way, a range would count other bytes than those of the file.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        response = session.get(address, headers=headers, stream=True)
    except Exception as error:
        return str(error)
    if response.status_code == 416 and have:  # nothing lies beyond the bytes that are here
        return None
    if response.status_code not in (200, 206):
        return f"the server answered {response.status_code} {response.reason}"
    if response.status_code == 200:  # all of it comes, not the rest
        out.truncate(0)
    missing = int(response.headers.get("Content-Length", 0))
    while True:
        try:
            part = response.raw.read(1 << 16)
        except Exception as error:
            return str(error)
        if not part:
            return f"{missing} bytes did not come" if missing > 0 else None
        out.write(part)
        missing -= len(part)


session, address = find()
try:
    with open(path, "ab") as out:
        fcntl.flock(out, fcntl.LOCK_EX)  # the transfer of a process that was killed may still go on
        fruitless = 0
        while fruitless < FRUITLESS:
            before = out.seek(0, os.SEEK_END)
            cause = go_on(out, session, address)
            if cause is None:
                out.flush()
                os.fsync(out.fileno())
                sys.exit(0)
            fruitless = 0 if out.seek(0, os.SEEK_END) > before else fruitless + 1
            time.sleep(0.5 * fruitless)
except OSError as error:
    print(error.errno, file=sys.stderr)
    sys.exit(4)
print(cause, file=sys.stderr)
sys.exit(3)
