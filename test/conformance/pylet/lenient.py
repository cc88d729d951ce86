"""`--pylet-accounting lenient`: CPU and memory may be over-subscribed by PyLet's clients; GPUs never."""

import pylet

from checks import check, eq, run
from support import ADDRESS, api, clear, reach, show

pylet.init(ADDRESS)


@check("CPU and memory are recorded and not held")
def _():
    many = [pylet.submit("exec sleep 60", cpu=4, memory=4096) for _ in range(6)]
    huge = pylet.submit("exec sleep 60", cpu=64, memory=1_000_000)
    for instance in [*many, huge]:
        reach(instance.id, "RUNNING")
    resources = api.get(f"/v1/instances/{huge.id}").json()["resources"]
    eq((resources["cpu"], resources["memoryMiB"]), (64, 1_000_000))
    clear()


@check("GPUs are held all the same")
def _():
    four = pylet.submit("exec sleep 60", gpu=4)
    reach(four.id, "RUNNING")
    more = pylet.submit("exec sleep 60", gpu=1)
    eq(show(more.id)["status"], "PENDING")
    clear()


@check("what comes by our own interface is held")
def _():
    def submit():
        reply = api.post(
            "/v1/instances", json={"command": "exec sleep 60", "resources": {"cpu": 4, "memoryMiB": 16}}
        )
        return reply.json()["id"]

    ids = [submit() for _ in range(3)]
    for id in ids[:2]:
        reach(id, "RUNNING")
    eq(show(ids[2])["status"], "PENDING")
    clear()


run()
