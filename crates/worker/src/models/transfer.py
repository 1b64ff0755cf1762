# Appends to a file what it lacks of what is at an address, with Python's own certificates and proxies, as pip would.
# Exit code: 0 nothing is missing any more, 3 the transfer broke off (the cause is on standard error), 4 the file cannot be written (errno).
import fcntl
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

FRUITLESS = 3  # attempts that bring nothing new before it is given up
address, path = sys.argv[1:]
authorities = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")


def go_on(out):
    """One request. Returns why it broke off, or None."""
    have = out.seek(0, os.SEEK_END)
    # Compressed on the way, a range would count other bytes than those of the file.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        context = ssl.create_default_context(cafile=authorities)
        response = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30, context=context)
    except urllib.error.HTTPError as error:
        # 416: nothing lies beyond the bytes that are here.
        return None if error.code == 416 and have else str(error)
    except OSError as error:
        return str(error)
    if response.status != 206:  # all of it comes, not the rest
        out.truncate(0)
    missing = int(response.headers.get("Content-Length", 0))
    while True:
        try:
            part = response.read1(1 << 16)
        except OSError as error:
            return str(error)
        if not part:
            return f"{missing} bytes did not come" if missing > 0 else None
        out.write(part)
        missing -= len(part)


try:
    with open(path, "ab") as out:
        fcntl.flock(out, fcntl.LOCK_EX)  # the transfer of a process that was killed may still go on
        fruitless = 0
        while fruitless < FRUITLESS:
            before = out.seek(0, os.SEEK_END)
            cause = go_on(out)
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
