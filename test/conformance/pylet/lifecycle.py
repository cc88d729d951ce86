"""The library's Instance over its life: waiting, ending, logs."""

import time

import httpx
import pylet

from checks import check, eq, raises, refused, run, until
from support import ADDRESS, HAS_DELETES, clear, reach

pylet.init(ADDRESS)
SERVER = "echo up; exec python3 -m http.server $PORT --bind 0.0.0.0"


@check("a service: wait_running, its endpoint answers, and stays after the end; PORT differs")
def _():
    one, two = pylet.submit(SERVER, name="service"), pylet.submit(SERVER)
    for instance in [one, two]:
        instance.wait_running()
        eq(instance.status, "RUNNING")
        assert instance.endpoint.count(":") == 1
        until(lambda: _answers(instance.endpoint), what="an answer")
    assert one.endpoint != two.endpoint
    eq(repr(one), f"Instance(id='{one.id}', name='service', status='RUNNING', endpoint='{one.endpoint}')")
    endpoint = one.endpoint
    one.cancel()
    two.cancel()
    one.wait()
    eq((one.status, one.endpoint), ("CANCELLED", endpoint))


def _answers(endpoint):
    try:
        return httpx.get(f"http://{endpoint}/").status_code == 200
    except httpx.TransportError:
        return False


@check("exit codes: 0, 7, death by signal as 128+n, no failure_reason for a plain exit")
def _():
    for command, status, code in [
        ("true", "COMPLETED", 0),
        ("exit 7", "FAILED", 7),
        ("kill -9 $$", "FAILED", 137),
    ]:
        instance = pylet.submit(command)
        ended = reach(instance.id)
        instance.refresh()
        eq((instance.status, instance.exit_code), (status, code))
        if command == "exit 7":
            eq(ended["failure_reason"], None)
    eq(reach(pylet.submit("bash -c 'kill -TERM $$'").id)["exit_code"], 143)


@check("properties are as of the last refresh")
def _():
    instance = pylet.submit("true")
    before = instance.status
    reach(instance.id)
    eq(instance.status, before)
    instance.refresh()
    eq(instance.status, "COMPLETED")


@check("wait_running: InstanceFailedError with .instance for FAILED and CANCELLED; TimeoutError")
def _():
    failed = pylet.submit("exit 3")
    reach(failed.id)
    error = raises(pylet.InstanceFailedError, failed.wait_running)
    eq((error.instance is failed, error.instance.status, error.instance.exit_code), (True, "FAILED", 3))
    waiting = pylet.submit("true", gpu=64)
    started = time.time()
    raises(pylet.TimeoutError, lambda: waiting.wait_running(timeout=0.3))
    raises(pylet.TimeoutError, lambda: waiting.wait(timeout=0.3))
    assert time.time() - started < 1.5
    waiting.cancel()
    eq(raises(pylet.InstanceFailedError, waiting.wait_running).instance.status, "CANCELLED")
    for kind in [
        pylet.NotInitializedError,
        pylet.NotFoundError,
        pylet.TimeoutError,
        pylet.InstanceFailedError,
    ]:
        assert issubclass(kind, pylet.PyletError)


@check("logs: whole, the last N bytes, binary, both streams in order, none yet")
def _():
    big = pylet.submit("head -c 3145728 /dev/zero | tr '\\0' x; printf END")
    reach(big.id)
    eq(
        (len(big.logs()), big.logs()[-4:], len(big.logs(tail=1000)), big.logs(tail=5)),
        (3145731, "xEND", 1000, "xxEND"),
    )
    eq(len(big.logs(tail=10_000_000)), 3145731)
    small = pylet.submit("echo out; echo err >&2; printf '\\377\\303\\251'")
    reach(small.id)
    eq(small.logs(), "out\nerr\n\ufffdé")
    waiting = pylet.submit("true", gpu=64)
    if HAS_DELETES:
        eq((waiting.logs(), waiting.logs(tail=5)), ("", ""))
    else:
        refused(waiting.logs, 404)
    waiting.cancel()


@check("a loop of instances, all at once")
def _():
    instances = [pylet.submit(f"echo {n}", name=f"loop-{n}") for n in range(20)]
    for n, instance in enumerate(instances):
        eq((reach(instance.id)["status"], instance.logs()), ("COMPLETED", f"{n}\n"))
    clear()


run()
