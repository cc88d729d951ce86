"""Where PyLet falls short (section 8.2 of its description) ours does what its user would wish."""

import os
import signal
import time

import pylet

from checks import CONF, check, eq, raises, run
from support import ADDRESS, Worker, api, clear, gone, logged, reach, show, submit_raw

pylet.init(ADDRESS)


def pid_of(id):
    return int(logged(id, "pid ").split("pid ")[1].split()[0])


@check("a command that ignores SIGTERM is killed after the grace period, with all its children")
def _():
    id = submit_raw("trap '' TERM; echo pid $$; (trap '' TERM; sleep 60) & sleep 60; sleep 60")
    pid = pid_of(id)
    # Through PyLet the grace period is 30 s; a second call through our own interface shortens it.
    pylet.get(id=id).cancel()
    time.sleep(0.3)
    eq(show(id)["display_status"], "CANCELLING")
    os.kill(pid, 0)
    eq(api.get(f"/v1/instances/{id}").json()["graceMs"], 30_000)
    eq(api.post(f"/v1/instances/{id}/cancel", json={"graceMs": 200}).status_code, 200)
    reach(id, "CANCELLED")
    gone(pid)


@check("the GPU stays held until the group is empty, then it is free")
def _():
    gpus = CONF["workers"][0]["id"]
    handler = "trap 'sleep 1; exit 0' TERM; echo pid $$; while :; do sleep 0.1; done"
    old = pylet.submit(handler, gpu_indices=[0], target_worker=gpus)
    pid = pid_of(old.id)
    new = pylet.submit("echo pid $$; sleep 60", gpu_indices=[0], target_worker=gpus)
    old.cancel()
    eq(show(new.id)["status"], "PENDING")
    reach(new.id, "RUNNING")
    raises(ProcessLookupError, lambda: os.kill(pid, 0))
    clear()


@check("a delete of a running one ends its process", since="0.5.0")
def _():
    ids = [submit_raw("echo pid $$; (sleep 61) & exec sleep 60", name=f"del-{n}") for n in range(3)]
    pids = [pid_of(id) for id in ids]
    eq(api.delete(f"/instances/{ids[0]}").status_code, 204)
    eq(api.delete("/instances/by-name/del-1").status_code, 204)
    eq(api.delete("/instances?status=RUNNING").json(), {"deleted_count": 1})
    eq(api.get("/instances").json(), [])
    for id, pid in zip(ids, pids):
        eq(api.get(f"/instances/{id}").status_code, 404)
        gone(pid)
    clear()


@check("a burst of short commands: each is COMPLETED, none is stuck")
def _():
    ids = [submit_raw("true", resources={"memory_mb": 16}) for _ in range(100)]
    for id in ids:
        eq(reach(id, limit_s=40)["status"], "COMPLETED")
    clear()


@check(
    "kill -9 of a worker: what runs goes on, is RUNNING with the same process after its return, and ends COMPLETED"
)
def _():
    worker = Worker("killed", "--cpus", "4", "--memory", "4096MiB", "--gpus", "none")
    go = os.path.join(CONF["folder"], "go")
    command = f"echo pid $$; while [ ! -e {go} ]; do sleep 0.05; done; echo end"
    instance = pylet.submit(command, target_worker=worker.id)
    pid = pid_of(instance.id)
    worker.kill()
    os.kill(pid, 0)
    worker.start()
    instance.refresh()
    eq((instance.status, api.get(f"/v1/instances/{instance.id}").json()["attempt"]), ("RUNNING", 1))
    os.kill(pid, 0)
    open(go, "w").close()
    instance.wait(timeout=20)
    eq((instance.status, instance.exit_code, instance.logs()), ("COMPLETED", 0, f"pid {pid}\nend\n"))
    worker.process.send_signal(signal.SIGTERM)
    worker.process.wait()


@check("log offsets do not shift, the whole log is served, a comment at the end is no error")
def _():
    id = submit_raw("seq 1 300000 # numbers")
    reach(id)
    text = pylet.get(id=id).logs()
    eq((len(text), text[-7:]), (1988895, "300000\n"))
    eq(show(id)["exit_code"], 0)


run()
