"""The library, call by call: get, lists, workers, deletes."""

import pylet
from pylet import _state, _sync_api

from checks import CONF, check, eq, raises, run, until
from support import ADDRESS, clear, reach, submit_raw

GPUS, PLAIN = (worker["id"] for worker in CONF["workers"])
pylet.init(ADDRESS)


@check("get: by name, by id, NotFoundError, ValueError")
def _():
    instance = pylet.submit("true", name="got")
    eq(
        (pylet.get("got").id, pylet.get(name="got").id, pylet.get(id=instance.id).name),
        (instance.id, instance.id, "got"),
    )
    raises(pylet.NotFoundError, lambda: pylet.get("nobody"))
    raises(pylet.NotFoundError, lambda: pylet.get(id="00000000-0000-4000-8000-000000000000"))
    raises(pylet.NotFoundError, lambda: pylet.get(id="no uuid"))
    raises(ValueError, pylet.get)


@check("instances: newest first; by status the same as a filter over all")
def _():
    ids = [pylet.submit(command).id for command in ["true", "false", "sleep 30"]]
    for id, status in zip(ids, ["COMPLETED", "FAILED", "RUNNING"]):
        reach(id, status)
    pending = pylet.submit("true", gpu=64).id
    cancelled = pylet.submit("true", gpu=64)
    cancelled.cancel()
    everything = pylet.instances()
    eq([one.id for one in everything[:5]], [cancelled.id, pending, *reversed(ids)])
    for status in [
        "PENDING",
        "ASSIGNED",
        "RUNNING",
        "UNKNOWN",
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "NONSENSE",
    ]:
        wanted = [one.id for one in everything if one.status == status]
        eq([one.id for one in pylet.instances(status=status)], wanted)
    clear()


@check("workers: all properties")
def _():
    by_id = {worker.id: worker for worker in pylet.workers()}
    eq(set(by_id), {GPUS, PLAIN})
    until(lambda: all(one.cpu_available == 4 for one in pylet.workers()))
    worker = next(one for one in pylet.workers() if one.id == GPUS)
    eq(
        (worker.status, worker.gpu, worker.gpu_available, worker.gpu_indices_available),
        ("ONLINE", 4, 4, [0, 1, 2, 3]),
    )
    eq((worker.cpu, worker.memory, worker.memory_available), (4, 4096, 4096))
    eq((by_id[PLAIN].gpu, by_id[PLAIN].gpu_indices_available), (0, []))
    assert worker.host and repr(worker).startswith(f"WorkerInfo(id='{GPUS}'")


@check("delete by name and by id; NotFoundError, ValueError; the name is free again", since="0.5.0")
def _():
    first = pylet.submit("true", name="deleted")
    reach(first.id)
    eq(_sync_api.delete("deleted"), None)
    raises(pylet.NotFoundError, lambda: pylet.get("deleted"))
    second = pylet.submit("true", name="deleted")
    eq(_sync_api.delete(id=second.id), None)
    for call in [lambda: _sync_api.delete("deleted"), lambda: _sync_api.delete(id=second.id)]:
        raises(pylet.NotFoundError, call)
    raises(ValueError, _sync_api.delete)


@check("after a delete the same connection goes on", since="0.5.0")
def _():
    pylet.workers()
    pool = _state._get_client()._transport._pool
    connection = pool.connections[0]
    for _ in range(3):
        id = pylet.submit("true").id
        _sync_api.delete(id=id)
        eq((len(pylet.workers()), pool.connections), (2, [connection]))


@check("delete_all: counts, by status and without", since="0.5.0")
def _():
    clear()
    for command in ["true", "true", "false", "sleep 60"]:
        id = submit_raw(command)
        reach(id, "COMPLETED", "FAILED", "RUNNING")
    eq(_sync_api.delete_all(status="NONSENSE"), 0)
    eq(_sync_api.delete_all(status="COMPLETED"), 2)
    eq(len(pylet.instances()), 2)
    eq(_sync_api.delete_all(), 2)
    eq((_sync_api.delete_all(), pylet.instances()), (0, []))


@check("delete_worker: ValueError for one that is ONLINE, NotFoundError; none is OFFLINE", since="0.5.0")
def _():
    raises(ValueError, lambda: _sync_api.delete_worker(GPUS))
    raises(pylet.NotFoundError, lambda: _sync_api.delete_worker("nobody"))
    eq(_sync_api.delete_all_offline_workers(), 0)


run()
