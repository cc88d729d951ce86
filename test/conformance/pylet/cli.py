"""The command line through HTTP_PROXY: submit, look, cancel, logs."""

import os
import re

from checks import CONF, check, eq, run
from support import FOLDER, api, clear, log_of, logged, pylet, reach, show, submit_raw

GPUS, PLAIN = (worker["id"] for worker in CONF["workers"])


def submitted(*args, **more):
    out = pylet("submit", *args, **more)
    return re.fullmatch(r"Instance submitted with ID: ([0-9a-f-]{36})\n", out).group(1)


@check("submit: words are joined with blanks; defaults")
def _():
    id = submitted("echo", "a  b", "$((1+1))")
    eq((reach(id)["command"], log_of(id)), ("echo a  b $((1+1))", "a b 2\n"))
    resources = api.get(f"/v1/instances/{id}").json()["resources"]
    eq((resources["cpu"], resources["gpus"], resources["memoryMiB"]), (1, 0, 512))


@check("submit: all options")
def _():
    id = submitted(
        "--cpu-cores",
        "2",
        "--memory-mb",
        "64",
        "--name",
        "all options",
        "--target-worker",
        GPUS,
        "--gpu-indices",
        "0, 2",
        "--no-exclusive",
        "--label",
        "a=b=c",
        "--label",
        "d.e=",
        "--env",
        "X=1 2",
        "--env",
        "Y=",
        "--",
        "bash",
        "-c",
        "'echo $X-$Y-$CUDA_VISIBLE_DEVICES'",
    )
    one = reach(id)
    eq(
        (one["name"], one["target_worker"], one["exclusive"], log_of(id)),
        ("all options", GPUS, False, "1 2--0,2\n"),
    )
    eq((one["labels"], one["env"]), ({"a": "b=c", "d.e": ""}, {"X": "1 2", "Y": ""}))
    resources = api.get(f"/v1/instances/{id}").json()["resources"]
    eq((resources["cpu"], resources["gpus"], resources["memoryMiB"]), (2, 2, 64))
    venv = submitted("--venv", os.path.dirname(CONF["bin"]), "--gpu-units", "1", "echo $VIRTUAL_ENV")
    eq((reach(venv)["venv"], log_of(venv).strip()), (os.path.dirname(CONF["bin"]),) * 2)


@check("submit: a TOML file, an array as command, options win over it")
def _():
    path = os.path.join(FOLDER, f"job-{CONF['version']}.toml")
    with open(path, "w") as file:
        file.write(
            'command = ["echo", "a b", "$X"]\n[resources]\ncpus = 2\nmemory = "1Gi"\n[env]\nX = "dropped by PyLet"\n'
        )
    id = submitted("-c", path)
    eq((reach(id)["name"], log_of(id)), (f"job-{CONF['version']}", "a b $X\n"))
    eq(api.get(f"/v1/instances/{id}").json()["resources"]["memoryMiB"], 1024)
    id = submitted("--config", path, "--name", "other", "--cpu-cores", "3", "echo", "mine")
    eq((reach(id)["name"], log_of(id)), ("other", "mine\n"))
    eq(api.get(f"/v1/instances/{id}").json()["resources"]["cpu"], 3)


@check("submit: what the head refuses is said on stderr; exit code 0, as PyLet's")
def _():
    submit_raw(name="taken")
    error = pylet("submit", "--name", "taken", "true", stderr=True)
    assert error.startswith("Error submitting instance: Client error '400 Bad Request' for url"), error
    error = pylet("submit", "--gpu-units", "-1", "true", stderr=True)
    assert "400 Bad Request" in error


@check("get-instance, get-endpoint and get-result by name and id")
def _():
    id = submit_raw("sleep 60", name="shown")
    reach(id, "RUNNING")
    out = pylet("get-instance", "--name", "shown")
    assert out.startswith(f"Instance details: {{'instance_id': '{id}', 'name': 'shown', "), out
    eq(pylet("get-instance", "--instance-id", id), out)
    eq(pylet("get-endpoint", "--name", "shown"), show(id)["endpoint"] + "\n")
    eq(pylet("get-endpoint", "--instance-id", id), show(id)["endpoint"] + "\n")
    eq(pylet("get-result", id), "Instance result: {'status': 'PENDING'}\n")
    api.post(f"/instances/{id}/cancel")
    reach(id)
    eq(pylet("get-result", id), "Instance result: {'cancelled': True}\n")
    done, failed = submit_raw("true"), submit_raw("exit 4")
    reach(done), reach(failed)
    eq(pylet("get-result", done), "Instance result: {'result': {'exit_code': 0}}\n")
    eq(pylet("get-result", failed), "Instance result: {'error': {'exit_code': 4, 'failure_reason': None}}\n")
    for args in [
        ["get-instance", "--name", "nobody"],
        ["get-endpoint", "--instance-id", "nobody"],
        ["get-result", "nobody"],
    ]:
        assert "404 Not Found" in pylet(*args, stderr=True)


@check("list-workers")
def _():
    lines = pylet("list-workers").splitlines()
    host = api.get(f"/workers/{GPUS}").json()["host"]
    eq(
        sorted(lines),
        sorted([f"Worker {GPUS} ({host}) - ONLINE - GPUs: 4", f"Worker {PLAIN} ({host}) - ONLINE - GPUs: 0"]),
    )


@check("cancel: both words, and after the end")
def _():
    id = submit_raw(
        "exec python3 -uc 'import signal; signal.signal(signal.SIGTERM, lambda *_: 0); print(1); signal.pause(); signal.pause()'"
    )
    logged(id, "1")
    eq(pylet("cancel", id), f"Cancellation requested for instance {id}\n")
    eq(pylet("cancel", id), f"Instance {id} is already being cancelled\n")
    api.post(f"/v1/instances/{id}/cancel", json={"graceMs": 0})
    reach(id, "CANCELLED")
    assert "400 Bad Request" in pylet("cancel", id, stderr=True)


@check("logs: whole, --tail, --follow until the end, bytes as they are")
def _():
    id = submit_raw("for n in 1 2 3; do echo line $n; sleep 0.7; done; printf '\\377end'")
    eq(pylet("logs", id, "--follow", text=False), b"line 1\nline 2\nline 3\n\xffend")
    eq(pylet("logs", id, text=False), b"line 1\nline 2\nline 3\n\xffend")
    eq(pylet("logs", id, "--tail", "5", text=False), b"\n\xffend")
    eq(pylet("logs", id, "-f", "--tail", "3"), "end")
    assert "404 Not Found" in pylet("logs", "nobody", stderr=True)
    big = submit_raw("head -c 3000000 /dev/zero")
    reach(big)
    eq(len(pylet("logs", big, text=False)), 3_000_000)
    clear()


run()
