"""Workers that go away: UNKNOWN, OFFLINE, and the deletes of such workers."""

import pylet
from pylet import _sync_api

from checks import VERSION, check, eq, raises, refused, run, until
from support import ADDRESS, HAS_DELETES, Worker, clear, gone, logged, reach, show
from support import pylet as cli

pylet.init(ADDRESS)


def status(worker):
    return next((one.status for one in pylet.workers() if one.id == worker.id), None)


def make(name):
    return Worker(f"{name}-{VERSION}", "--cpus", "4", "--memory", "4096MiB", "--gpus", "1")


@check("SUSPECT, OFFLINE and back; the instance is UNKNOWN, then RUNNING, then ends")
def _():
    worker = make("returns")
    instance = pylet.submit("echo pid $$; exec sleep 60", target_worker=worker.id, gpu=1)
    logged(instance.id, "pid ")
    worker.kill()
    until(lambda: status(worker) in ("SUSPECT", "OFFLINE"), what="SUSPECT")
    assert worker.id in refused(lambda: pylet.submit("true", target_worker=worker.id), 400)
    until(lambda: status(worker) == "OFFLINE", what="OFFLINE")
    eq(reach(instance.id, "UNKNOWN")["display_status"], "UNKNOWN")
    eq([one.id for one in pylet.instances(status="UNKNOWN")], [instance.id])
    if HAS_DELETES:
        eq(instance.logs(), "")
    else:
        refused(instance.logs, 503)
    instance.cancel()
    eq(show(instance.id)["display_status"], "CANCELLING")
    worker.start()
    reach(instance.id, "CANCELLED")
    until(lambda: status(worker) == "ONLINE", what="ONLINE")
    worker.kill()


@check("deletes of OFFLINE workers, with records: one, and all of them", since="0.5.0")
def _():
    one, two, three = make("one"), make("two"), make("three")
    done = pylet.submit("true", target_worker=one.id)
    lost = pylet.submit("echo pid $$; exec sleep 5", target_worker=one.id)
    reach(done.id)
    pid = int(logged(lost.id, "pid ").split()[1])
    raises(ValueError, lambda: _sync_api.delete_worker(one.id))
    for worker in [one, two, three]:
        worker.kill()
    until(lambda: [status(worker) for worker in [one, two, three]] == ["OFFLINE"] * 3, what="OFFLINE")
    eq(_sync_api.delete_worker(one.id), None)
    eq(cli("delete-worker", "--worker-id", two.id, "-y"), f"Worker {two.id} deleted\n")
    raises(pylet.NotFoundError, lambda: _sync_api.delete_worker(one.id))
    eq((show(done.id)["status"], show(done.id)["assigned_to"]), ("COMPLETED", None))
    lost.refresh()
    eq(lost.status, "FAILED")
    lost.wait(timeout=1)
    count = sum(worker.status == "OFFLINE" for worker in pylet.workers())
    assert count >= 1
    eq((_sync_api.delete_all_offline_workers(), _sync_api.delete_all_offline_workers()), (count, 0))
    eq([status(worker) for worker in [one, two, three]], [None] * 3)
    gone(pid)
    clear()


run(limit_s=60)
