"""`PyletClient`: the asynchronous class that users have, call by call."""

import asyncio
import base64

import httpx
from pylet.client import PyletClient

from checks import CONF, check, eq, run
from support import ADDRESS, clear, reach

GPUS, PLAIN = (worker["id"] for worker in CONF["workers"])
ONE_CORE = {"cpu_cores": 1, "gpu_units": 0, "memory_mb": 64}


def with_client(fn):
    """Runs the coroutine function with a client."""

    async def go():
        client = PyletClient(ADDRESS)
        try:
            await fn(client)
        finally:
            await client.close()

    return lambda: asyncio.run(go())


async def raises(kind, awaitable):
    try:
        value = await awaitable
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {value!r}")


@check("submit, get, get by name, endpoint, result of one that runs and of ended ones")
@with_client
async def _(client):
    more = {"labels": {"a": "b"}, "env": {"X": "1"}, "target_worker": PLAIN, "exclusive": False}
    id = await client.submit_instance("echo $X; exec sleep 60", ONE_CORE, name="async", **more)
    reach(id, "RUNNING")
    one = await client.get_instance(id)
    eq((await client.get_instance_by_name("async")), one)
    eq(
        (one["labels"], one["env"], one["target_worker"], one["exclusive"]),
        ({"a": "b"}, {"X": "1"}, PLAIN, False),
    )
    eq(await client.get_instance_endpoint(id), one["endpoint"])
    eq(await client.get_instance_endpoint_by_name("async"), one["endpoint"])
    eq(await client.get_instance_result(id), {"status": "PENDING"})
    eq(await client.cancel_instance(id), {"status": "cancelling", "instance_id": id})
    reach(id, "CANCELLED")
    eq(await client.get_instance_result(id), {"cancelled": True})
    done, failed = [await client.submit_instance(command, ONE_CORE) for command in ["true", "exit 7"]]
    reach(done), reach(failed)
    eq(await client.get_instance_result(done), {"result": {"exit_code": 0}})
    eq(await client.get_instance_result(failed), {"error": {"exit_code": 7, "failure_reason": None}})


@check("what is not there is 404, an ended one is not cancelled, a bad one is not submitted")
@with_client
async def _(client):
    waiting = await client.submit_instance("true", {**ONE_CORE, "gpu_units": 64})
    done = await client.submit_instance("true", ONE_CORE)
    reach(done)
    for awaitable, status in [
        (client.get_instance("nobody"), 404),
        (client.get_instance_by_name("nobody"), 404),
        (client.get_instance_result("nobody"), 404),
        (client.get_instance_endpoint(waiting), 404),
        (client.get_instance_endpoint_by_name("nobody"), 404),
        (client.get_worker("nobody"), 404),
        (client.get_logs("nobody", use_direct=False), 404),
        (client.get_logs(waiting), 404),
        (client.cancel_instance(done), 400),
        (client.submit_instance("true", {"cpu_cores": 1}), 422),
        (client.submit_instance("true", ONE_CORE, gpu_indices=[0]), 400),
    ]:
        eq((await raises(httpx.HTTPStatusError, awaitable)).response.status_code, status)
    eq((await client.cancel_instance(waiting))["status"], "cancelling")


@check("get_logs through the head, and directly with fallback: offset, limit, data")
@with_client
async def _(client):
    id = await client.submit_instance("printf 0123456789", ONE_CORE)
    reach(id)
    for direct in [False, True]:
        whole = await client.get_logs(id, use_direct=direct)
        content = base64.b64encode(b"0123456789").decode()
        wanted = {
            "available_offset": 0,
            "total_size": 10,
            "size": 10,
            "content": content,
            "data": b"0123456789",
        }
        eq(whole, wanted)
        part = await client.get_logs(id, offset=4, limit=3, use_direct=direct)
        eq((part["data"], part["size"], part["total_size"]), (b"456", 3, 10))
        probe = await client.get_logs(id, limit=0, use_direct=direct)
        eq((probe["data"], probe["size"], probe["total_size"]), (b"", 0, 10))
        beyond = await client.get_logs(id, offset=99, use_direct=direct)
        eq((beyond["data"], beyond["total_size"]), (b"", 10))


@check("workers")
@with_client
async def _(client):
    listed = await client.list_workers()
    eq([worker["worker_id"] for worker in listed if worker["worker_id"] == GPUS], [GPUS])
    one = await client.get_worker(GPUS)
    eq((one["total_resources"]), {"cpu_cores": 4, "gpu_units": 4, "memory_mb": 4096})
    eq((one["status"], one["available_gpu_indices"], len(one["last_seen"])), ("ONLINE", [0, 1, 2, 3], 19))


@check("deletes: True, False, counts, ValueError", since="0.5.0")
@with_client
async def _(client):
    clear()
    one, two, three = [
        await client.submit_instance("true", ONE_CORE, name=name) for name in ["a1", "a2", "a3"]
    ]
    for id in [one, two, three]:
        reach(id)
    eq([await client.delete_instance(one), await client.delete_instance(one)], [True, False])
    eq(
        [await client.delete_instance_by_name("a2"), await client.delete_instance_by_name("a2")],
        [True, False],
    )
    eq([await client.delete_all_instances("FAILED"), await client.delete_all_instances("COMPLETED")], [0, 1])
    eq(await client.delete_all_instances(), 0)
    eq(await client.delete_worker("nobody"), False)
    await raises(ValueError, client.delete_worker(GPUS))
    eq(await client.delete_all_offline_workers(), 0)


@check("many calls at once")
@with_client
async def _(client):
    ids = await asyncio.gather(*[client.submit_instance(f"echo {n}", ONE_CORE) for n in range(30)])
    for n, id in enumerate(ids):
        reach(id)
    logs = await asyncio.gather(*[client.get_logs(id, use_direct=False) for id in ids])
    eq([log["data"] for log in logs], [f"{n}\n".encode() for n in range(30)])
    clear()


run()
