"""The runner: a check is a function with a title; a line says how it went."""

import json
import os
import signal
import sys
import time
import traceback

CONF = json.loads(os.environ["DROVER_CONFORMANCE"])
VERSION = CONF["version"]
#: Called when all checks of a file are done.
at_end = []
_checks = []


def check(title, since="0"):
    """Registers a check, for packages from that version on."""

    def register(fn):
        if numbers(VERSION) >= numbers(since):
            _checks.append((title, fn))
        return fn

    return register


def numbers(version):
    return [int(part) for part in version.split(".")]


def run(limit_s=60):
    """Runs all checks of the file that calls; prints a line each. Ends the process."""
    group = os.path.basename(sys.argv[0]).removesuffix(".py")
    failed = 0
    for title, fn in _checks:
        name = f"{VERSION} {CONF['scenario']}/{group}: {title}"
        started = time.time()
        try:
            signal.signal(signal.SIGALRM, _too_long)
            signal.alarm(limit_s)
            fn()
            print(f"ok   {name} ({time.time() - started:.1f} s)", flush=True)
        except BaseException:
            failed += 1
            print(f"FAIL {name} ({time.time() - started:.1f} s)", flush=True)
            print("     " + "\n     ".join(traceback.format_exc().strip().split("\n")[-12:]), flush=True)
        finally:
            signal.alarm(0)
    for end in at_end:
        end()
    sys.exit(1 if failed else 0)


def _too_long(*_):
    raise TimeoutError("the check took too long")


def eq(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def raises(kind, fn):
    """The error of that kind which the call raises."""
    try:
        value = fn()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {value!r}")


def until(fn, limit_s=20.0, what="it"):
    """Waits until the call gives something true. Returns that."""
    end = time.time() + limit_s
    while True:
        value = fn()
        if value:
            return value
        if time.time() > end:
            raise AssertionError(f"{what} did not come within {limit_s} s; last: {value!r}")
        time.sleep(0.02)
