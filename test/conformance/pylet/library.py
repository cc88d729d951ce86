"""The library, call by call: connection and submit, with all that it takes."""

import os
import subprocess
import sys
import time

import httpx
import pylet
from pylet import _sync_api

from checks import CONF, check, eq, raises, refused, run
from support import ADDRESS, TOKEN, URL, api, reach, show

GPUS, PLAIN = (worker["id"] for worker in CONF["workers"])


@check("before init every call raises NotInitializedError")
def _():
    assert pylet.is_initialized() is False
    calls = [lambda: pylet.submit("true"), lambda: pylet.get("x"), pylet.instances, pylet.workers]
    if hasattr(_sync_api, "delete"):
        calls += [lambda: _sync_api.delete("x"), _sync_api.delete_all]
        calls += [lambda: _sync_api.delete_worker("x"), _sync_api.delete_all_offline_workers]
    for call in calls:
        raises(pylet.NotInitializedError, call)


@check("init raises ConnectionError for a closed port, a wrong token and none")
def _():
    started = time.time()
    for address in [
        "http://127.0.0.1:1",
        URL,
        ADDRESS.replace(TOKEN, "drv_wrong"),
        "http://no.such.host.invalid:1",
    ]:
        raises(ConnectionError, lambda: pylet.init(address))
        assert pylet.is_initialized() is False
    assert time.time() - started < 4


@check("init with the token in the address, with a trailing slash, below a path, again")
def _():
    for address in [ADDRESS + "/", ADDRESS + "/compat/pylet", ADDRESS.replace("any:", ":"), ADDRESS]:
        pylet.init(address)
        assert pylet.is_initialized() is True
        eq(len(pylet.workers()), 2)
    pylet.shutdown()
    assert pylet.is_initialized() is False
    raises(pylet.NotInitializedError, pylet.workers)
    pylet.init(ADDRESS)


@check("a script that never calls shutdown ends by itself")
def _():
    script = f"import pylet; pylet.init({ADDRESS!r}); print(pylet.submit('true').status)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20)
    eq((done.returncode, done.stderr), (0, ""))
    assert done.stdout.strip() in ("PENDING", "ASSIGNED", "RUNNING", "COMPLETED"), done.stdout


@check("submit of a string: run by bash, defaults as the seed says, wait, exit code, logs")
def _():
    instance = pylet.submit("echo $((1+1))  # done", cpu=1)
    instance.wait()
    eq(
        (instance.status, instance.display_status, instance.exit_code, instance.logs()),
        ("COMPLETED", "COMPLETED", 0, "2\n"),
    )
    eq(instance.name, instance.id[:8])
    eq(pylet.get(instance.name).id, instance.id)
    resources = api.get(f"/v1/instances/{instance.id}").json()["resources"]
    eq((resources["cpu"], resources["gpus"], resources["memoryMiB"]), (1, 0, 512))
    eq((instance.labels, instance.env, instance.target_worker), ({}, {}, None))
    eq((instance.gpu_indices, instance.exclusive), (None, True))
    eq(
        repr(instance),
        f"Instance(id='{instance.id}', name='{instance.name}', status='COMPLETED', endpoint='{instance.endpoint}')",
    )


@check("submit of a list: each element comes out as it was")
def _():
    words = ["a b", "$HOME", "$(id)", "a$1", "it's", 'say "x"', "back\\slash", "*", "", "ünï", "new\nline"]
    instance = pylet.submit(["python3", "-c", "import sys; print(sys.argv[1:])", *words])
    reach(instance.id)
    eq(instance.logs(), f"{words}\n")


@check("an empty command ends with 0")
def _():
    eq(reach(pylet.submit("").id)["exit_code"], 0)


@check("a name is found, refused as long as a record bears it, and also with spaces and non-ASCII")
def _():
    for name in ["plain-1", "with space", "Größe 東京", "endpoint", "result", "a.b_c:d"]:
        instance = pylet.submit("true", name=name)
        eq((instance.name, pylet.get(name).id), (name, instance.id))
        assert name in refused(lambda: pylet.submit("true", name=name), 400)
        reach(instance.id)
        assert name in refused(lambda: pylet.submit("true", name=name), 400)


@check("labels and env: printed by the command, returned, dots and quotes in keys")
def _():
    labels = {"type": "a", "app.kubernetes.io/name": "b", "quo'te\"": "c=d", "ключ": "é"}
    instance = pylet.submit('echo "$ONE|$TWO"', labels=labels, env={"ONE": "1 = 'x'", "TWO": ""})
    reach(instance.id)
    instance.refresh()
    eq(
        (instance.labels, instance.env, instance.logs()),
        (labels, {"ONE": "1 = 'x'", "TWO": ""}, "1 = 'x'|\n"),
    )
    for key, value in labels.items():
        eq([one.id for one in pylet.instances(labels={key: value})], [instance.id])
    eq(len(pylet.instances(labels=labels)), 1)
    eq(pylet.instances(labels={"type": "a", "ключ": "other"}), [])
    eq(pylet.instances(labels={"none": "a"}), [])
    assert "label" in refused(lambda: pylet.submit("true", labels={"k" * 64: ""}), 400)
    assert "label" in refused(lambda: pylet.submit("true", labels={"k": "v" * 256}), 400)


@check("venv: an absolute path is used, a missing one fails with a message, others are refused")
def _():
    folder = os.path.join(CONF["folder"], "a venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    good = pylet.submit("python3 -c 'import sys; print(sys.prefix)'", venv=folder)
    bad = pylet.submit("echo not reached", venv="/nowhere/venv")
    reach(good.id)
    eq(good.logs(), folder + "\n")
    reach(bad.id)
    bad.refresh()
    eq(bad.status, "FAILED")
    assert "/nowhere/venv" in bad.logs() + str(show(bad.id)["failure_reason"])
    for path in ["relative/venv", "/a/../b"]:
        assert "venv" in refused(lambda: pylet.submit("true", venv=path), 400)


@check("bad arguments: 422 for a wrong type, 400 for a wrong value; what can be read as an integer counts")
def _():
    for bad in [
        {"cpu": 1.5},
        {"memory": "much"},
        {"gpu": [1]},
        {"labels": {"a": 1}},
        {"env": {"A": None}},
        {"venv": 1},
    ]:
        error = raises(httpx.HTTPStatusError, lambda: pylet.submit("true", **bad))
        eq(error.response.status_code, 422)
    for bad in [{"gpu": -1}, {"cpu": -1}, {"memory": -1}, {"target_worker": "nobody"}]:
        refused(lambda: pylet.submit("true", **bad), 400)
    resources = api.get(f"/v1/instances/{pylet.submit('true', cpu='2', memory=64.0).id}").json()["resources"]
    eq((resources["cpu"], resources["memoryMiB"]), (2, 64))


@check("target_worker: placed there")
def _():
    for worker in [GPUS, PLAIN]:
        instance = pylet.submit("true", target_worker=worker)
        eq((instance.target_worker, reach(instance.id)["assigned_to"]), (worker, worker))


run()
