"""The library's cancel, and deletes of what still runs."""

import time

import pylet
from pylet import _sync_api

from checks import check, eq, raises, refused, run
from support import ADDRESS, gone, logged, reach

pylet.init(ADDRESS)
STUBBORN = """exec python3 -uc '
import signal, sys, time
def stop(*_):
    print("stopping"); time.sleep(1.5); print("stopped"); sys.exit(3)
signal.signal(signal.SIGTERM, stop)
print("ready")
time.sleep(60)'"""


@check("cancel returns at once; CANCELLING is shown meanwhile; what is written then is kept")
def _():
    instance = pylet.submit(STUBBORN)
    logged(instance.id, "ready")
    started = time.time()
    eq(instance.cancel(), None)
    assert time.time() - started < 1
    instance.refresh()
    eq((instance.status, instance.display_status), ("RUNNING", "CANCELLING"))
    assert "CANCELLING" in repr(instance)
    instance.cancel()
    reach(instance.id, "CANCELLED")
    instance.refresh()
    eq((instance.status, instance.display_status), ("CANCELLED", "CANCELLED"))
    eq(instance.logs(), "ready\nstopping\nstopped\n")


@check("cancel after the end: InstanceTerminatedError; from a stale handle the head's 400")
def _():
    stale = pylet.submit("true")
    reach(stale.id)
    assert "COMPLETED" in refused(stale.cancel, 400)
    stale.refresh()
    raises(pylet.InstanceTerminatedError, stale.cancel)


@check("cancel of one that waits ends it at once")
def _():
    instance = pylet.submit("true", gpu=64)
    instance.cancel()
    instance.refresh()
    eq((instance.status, instance.exit_code, instance.endpoint), ("CANCELLED", None, None))


@check("cancel(delete=True): the record is gone for clients at once, the process soon after", since="0.5.0")
def _():
    instance = pylet.submit("echo pid $$; exec sleep 60", name="short-lived")
    pid = int(logged(instance.id, "pid ").split()[1])
    instance.cancel(delete=True)
    refused(instance.refresh, 404)
    refused(instance.wait, 404)
    raises(pylet.NotFoundError, lambda: pylet.get("short-lived"))
    assert instance.id not in [one.id for one in pylet.instances()]
    gone(pid)


@check("a delete of a running one frees its name at once, for one that is found by it", since="0.5.0")
def _():
    old = pylet.submit(STUBBORN, name="again")
    logged(old.id, "ready")
    _sync_api.delete("again")
    new = pylet.submit("sleep 60", name="again")
    eq(pylet.get("again").id, new.id)
    reach(new.id, "RUNNING")
    eq([one.id for one in pylet.instances() if one.name == "again"], [new.id])
    new.cancel()


run()
