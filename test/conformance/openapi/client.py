"""A Python client, generated from the document, does a day's work: submit, wait, read, list, cancel, launch, send files."""

import hashlib
import importlib
import io
import os
import sys
import threading
import uuid

from checks import FOLDER, TOKEN, URL, check, eq, operations, run, run_tool, save_document, until

document, path = save_document()


def snake(name):
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)


def call_of(operation_id):
    """The generated module of an operation."""
    tag = operations(document)[operation_id]["tags"][0]
    return importlib.import_module(f"drover_api.api.{snake(tag)}.{snake(operation_id)}")


def do(operation_id, *args, **fields):
    """Calls, and gives the status and what the generated code has made of the reply."""
    reply = call_of(operation_id).sync_detailed(*args, client=client, **fields)
    return reply.status_code.value, reply.parsed


def model(name, value):
    """A generated type from plain values."""
    return getattr(importlib.import_module("drover_api.models"), name).from_dict(value)


def submit(command, **more):
    status, view = do("instancesSubmit", body=model("InstanceSubmit", {"command": command, **more}))
    eq(status, 201)
    return view


def ended(view):
    return do("instancesGet", view.id, wait=WaitFor.FINAL, timeout_ms=20_000)[1]


def generate():
    config = os.path.join(FOLDER, "generator.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("post_hooks: []\n")
    out = os.path.join(FOLDER, "drover_api")
    code, printed = run_tool(
        "openapi-python-client", "generate", "--path", path, "--config", config, "--meta", "none",
        "--output-path", out, "--fail-on-warning",
    )
    assert code == 0 and "warning" not in printed.lower(), printed
    sys.path.insert(0, FOLDER)


generate()
from drover_api import AuthenticatedClient, Client  # noqa: E402
from drover_api.models import InstanceStatus, WaitFor  # noqa: E402
from drover_api.types import File  # noqa: E402

client = AuthenticatedClient(base_url=URL, token=TOKEN, raise_on_unexpected_status=True, timeout=60)


@check("is generated without a warning, every operation of it")
def _():
    missing = [name for name in operations(document) if not hasattr(call_of(name), "sync_detailed")]
    eq(missing, [])


@check("reads what the head says of itself, and a page for people")
def _():
    status, head = do("headGet")
    eq((status, head.store.status), (200, "ok"))
    eq(do("headHealthz")[0], 200)
    eq(do("headWhoami")[1].user.role, "admin")
    assert "Drover API" in do("headDocs")[1]


@check("submits, waits for the end, and reads the log")
def _():
    view = ended(submit("echo one; echo two >&2", labels={"of": "log"}))
    eq((view.status, view.exit_code), ("COMPLETED", 0))
    reply = call_of("instancesLogs").sync_detailed(view.id, client=client)
    eq((reply.content, reply.headers["drover-log-size"]), (b"one\ntwo\n", "8"))
    eq(do("instancesLogs", view.id, tail=4)[1].payload.read(), b"two\n")


@check("follows a log until its end")
def _():
    view = submit("for n in 1 2 3; do echo $n; sleep 0.1; done")
    do("instancesGet", view.id, wait=WaitFor.RUNNING)
    eq(do("instancesLogs", view.id, follow=True)[1].payload.read(), b"1\n2\n3\n")


@check("holds a long poll for its time and no longer")
def _():
    view = submit("sleep 60", name="sleeper")
    status, then = do("instancesGet", "sleeper", wait=WaitFor.FINAL, timeout_ms=200)
    eq((status, then.id), (200, view.id))
    assert then.status in ("ASSIGNED", "RUNNING"), then.status


@check("cancels, and is told that it has ended already")
def _():
    status, view = do("instancesCancel", "sleeper", body=model("InstanceCancelBody", {"graceMs": 100}))
    eq((status, view.display_status), (200, "CANCELLING"))
    eq(ended(view).status, "CANCELLED")
    status, error = do("instancesCancel", view.id, body=model("InstanceCancelBody", {}))
    eq((status, error.error.code), (409, "ALREADY_FINAL"))
    assert error.error.request_id and error.error.message


@check("goes through pages: nothing twice, nothing left out")
def _():
    made = {submit("true", labels={"of": "pages"}).id for _ in range(7)}
    seen, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = do("instancesList", label=["of=pages"], limit=3, **more)[1]
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    eq((len(seen), set(seen)), (7, made))


@check("submits once with one key, and is refused with another body")
def _():
    body = model("InstanceSubmit", {"command": "true"})
    first = do("instancesSubmit", body=body, idempotency_key="k 1")[1]
    eq(do("instancesSubmit", body=body, idempotency_key="k 1")[1].id, first.id)
    other = model("InstanceSubmit", {"command": "false"})
    status, error = do("instancesSubmit", body=other, idempotency_key="k 1")
    eq((status, error.error.code), (409, "IDEMPOTENCY_CONFLICT"))


@check("has typed errors: what is wrong, where, and whether a token was missing")
def _():
    status, error = do("instancesSubmit", body=model("InstanceSubmit", {"command": "true", "graceMs": -1}))
    eq((status, error.error.code), (400, "INVALID_REQUEST"))
    eq(error.error.details.additional_properties["field"], "graceMs")
    eq(do("instancesGet", "nobody")[1].error.code, "INSTANCE_NOT_FOUND")
    reply = call_of("instancesList").sync_detailed(client=Client(base_url=URL))
    eq((reply.status_code.value, reply.parsed.error.code), (401, "UNAUTHENTICATED"))


@check("deletes: what has ended at once, what runs when it has")
def _():
    done = ended(submit("true"))
    eq(do("instancesDelete", done.id), (204, None))
    eq(do("instancesDelete", submit("sleep 60", graceMs=100).id)[0], 202)
    assert do("instancesDeleteAll", status=InstanceStatus.COMPLETED)[1].deleted > 0


@check("launches a cluster, waits for its request, and reads the job's log")
def _():
    key = str(uuid.uuid4())
    body = model("LaunchBody", {"cluster": "generated", "task": {"run": "echo from rank 0"}})
    call = call_of("clustersLaunch").sync_detailed
    reply = call(client=client, body=body, idempotency_key=key)
    eq((reply.status_code.value, reply.parsed.id), (202, key))
    eq(reply.headers["location"], f"/v1/requests/{key}")
    eq(call(client=client, body=body, idempotency_key=key).parsed.id, key)
    request = until(
        lambda: (lambda it: it if it.finished_at else None)(
            do("requestsGet", key, wait=True, timeout_ms=20_000)[1]
        ),
        what="the end of the launch",
    )
    eq((request.status, request.error), ("SUCCEEDED", None))
    assert "generated" in call_of("requestsLog").sync_detailed(key, client=client).content.decode()
    assert "from rank 0" in do("jobsLog", "generated", "-", follow=True)[1]
    eq(do("jobsGet", "generated", "1")[1].status, "SUCCEEDED")
    eq([one.name for one in do("clustersList")[1].items], ["generated"])
    eq(do("clustersExec", "nothing", body=model("ExecBody", {"task": {}}))[1].error.code, "CLUSTER_NOT_FOUND")


@check("tears it down")
def _():
    status, request = do("clustersDown", "generated", body=model("EndBody", {}))
    eq(status, 202)
    until(lambda: do("requestsGet", request.id, wait=True)[1].finished_at, what="the end of the cluster")
    eq(do("clustersGet", "generated")[1].error.code, "CLUSTER_NOT_FOUND")


@check("sends files by content, in parts")
def _():
    content = os.urandom(3000)
    sha256 = hashlib.sha256(content).hexdigest()
    asked = model("FilesMissing", {"sha256": [sha256]})
    eq(do("filesMissing", body=asked)[1].missing, [sha256])
    for at in (0, 2000):
        part = File(payload=io.BytesIO(content[at : at + 2000]))
        status, reply = do("filesPut", sha256, body=part, offset=at, size=len(content))
        eq((status, reply.stored), (200, min(len(content), at + 2000)))
    eq((reply.complete, do("filesMissing", body=asked)[1].missing), (True, []))
    status, error = do("filesPut", "0" * 64, body=File(payload=io.BytesIO(b"other")), size=5)
    eq((status, error.error.code), (400, "CONTENT_MISMATCH"))


@check("makes a user, a token that may only look, and revokes it")
def _():
    eq(do("usersCreate", body=model("UserCreate", {"name": "ada"}))[0], 201)
    made = do("tokensCreate", body=model("TokenCreate", {"user": "ada", "role": "viewer"}))[1]
    viewer = AuthenticatedClient(base_url=URL, token=made.token)
    eq(call_of("instancesList").sync_detailed(client=viewer).status_code.value, 200)
    refused = call_of("instancesSubmit").sync_detailed(
        client=viewer, body=model("InstanceSubmit", {"command": "true"})
    )
    eq((refused.status_code.value, refused.parsed.error.code), (403, "FORBIDDEN"))
    eq(do("tokensRevoke", made.id)[0], 204)
    eq(call_of("instancesList").sync_detailed(client=viewer).status_code.value, 401)


@check("reads the stream of events: what it submits comes by")
def _():
    lines, opened = [], threading.Event()
    with client.get_httpx_client().stream("GET", "/v1/events", params={"noun": "instances"}) as reply:
        eq(reply.headers["content-type"], "text/event-stream")
        opened.set()
        view = submit("true")
        for line in reply.iter_lines():
            lines.append(line)
            if line.startswith("data: ") and view.id in line and '"to":"COMPLETED"' in line:
                break
    assert "event: instances" in lines and any(line.startswith("id: ") for line in lines), lines


run()
