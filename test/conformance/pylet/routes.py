"""The wire itself: statuses, shapes, headers, paths, authentication."""

import base64
import re
from urllib.parse import quote

from checks import CONF, check, eq, run
from support import BEARER, api, ask, clear, exchange, reach, refusal, show, submit_raw

GPUS, PLAIN = (worker["id"] for worker in CONF["workers"])
STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")


@check("the instance object: all keys, stamps in UTC without zone, types")
def _():
    id = submit_raw("true", name="shape", labels={"a": "b"}, env={"E": "1"})
    one = reach(id)
    keys = (
        "instance_id name command status display_status attempt assigned_to endpoint port exit_code failure_reason "
        "created_at assigned_at started_at ended_at cancellation_requested_at gpu_indices exclusive labels env "
        "target_worker venv"
    )
    assert set(keys.split()) <= set(one), set(keys.split()) - set(one)
    for key in ["created_at", "assigned_at", "started_at", "ended_at"]:
        assert STAMP.match(one[key]), one[key]
    assert one["assigned_to"] in (GPUS, PLAIN) and one["endpoint"].endswith(f":{one['port']}")
    eq((one["attempt"], one["command"], one["cancellation_requested_at"]), (1, "true", None))
    waiting = show(submit_raw("true", resources={"gpu_units": 64}))
    eq(
        [waiting[key] for key in ["attempt", "assigned_to", "endpoint", "port", "assigned_at", "exit_code"]],
        [0, *[None] * 5],
    )
    api.post(f"/instances/{waiting['instance_id']}/cancel")
    eq(show(waiting["instance_id"])["cancellation_requested_at"], None)


@check("the worker object")
def _():
    reply = api.get("/workers")
    assert isinstance(reply.json(), list)
    one = api.get(f"/workers/{GPUS}").json()
    wanted = "worker_id host status total_resources available_resources available_gpu_indices last_seen"
    assert set(wanted.split()) <= set(one)
    assert STAMP.match(one["last_seen"])
    eq(set(one["available_resources"]), {"cpu_cores", "gpu_units", "memory_mb"})
    eq(refusal(api.get("/workers/nobody"), 404), "Worker not found")


@check("404, 405 and 400 carry a detail")
def _():
    for path in [
        "/instances/x",
        "/instances/by-name/x",
        "/instances/x/endpoint",
        "/instances/by-name/x/endpoint",
        "/instances/x/result",
        "/instances/x/logs",
    ]:
        eq(refusal(api.get(path), 404), "Instance not found")
    eq(refusal(api.get("/instances/x/other"), 404), "Not Found")
    eq(refusal(api.put("/instances"), 405), "Method Not Allowed")
    eq(refusal(api.delete("/instances/x"), 404), "Instance not found")
    eq(refusal(api.delete("/instances/by-name/x"), 404), "Instance not found")
    eq(refusal(api.post("/instances/x/cancel"), 404), "Instance not found")
    assert "ONLINE" in refusal(api.delete(f"/workers/{GPUS}"), 400)
    refusal(api.delete("/workers/nobody"), 404)


@check("result: 202 until the end, then three shapes")
def _():
    id = submit_raw("sleep 60")
    reach(id, "RUNNING")
    refusal(api.get(f"/instances/{id}/result"), 202)
    eq(api.post(f"/instances/{id}/cancel").json(), {"status": "cancelling", "instance_id": id})
    reach(id, "CANCELLED")
    eq(api.get(f"/instances/{id}/result").json(), {"cancelled": True})


@check("cancel: without body or content type, twice, after the end")
def _():
    id = submit_raw("trap '' TERM; echo on; sleep 1.5 & wait; wait")
    reach(id, "RUNNING")
    path = f"/instances/{id}/cancel"
    status, answer = ask("POST", path, "Content-Length: 0", BEARER)
    assert status == 200 and '"cancelling"' in answer, answer
    again = api.post(path)
    assert again.json()["status"] == "already_cancelling" or show(id)["status"] == "CANCELLED", again.text
    reach(id, "CANCELLED", limit_s=40)
    assert "CANCELLED" in refusal(api.post(path), 400)
    assert STAMP.match(show(id)["cancellation_requested_at"])


@check("204: no body, no length, no type, and the connection goes on")
def _():
    for path in [f"/instances/{submit_raw()}", "/instances/by-name/gone-by-name"]:
        if "by-name" in path:
            submit_raw(name="gone-by-name")
        answer = exchange(
            f"DELETE {path} HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\n\r\n"
            f"GET /workers/nobody HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\nConnection: close\r\n\r\n".encode()
        )
        first, rest = answer.split("\r\n\r\n", 1)
        assert first.startswith("HTTP/1.1 204 "), first
        assert "content-length" not in first.lower() and "content-type" not in first.lower(), first
        assert "transfer-encoding" not in first.lower() and "connection: close" not in first.lower(), first
        assert rest.startswith("HTTP/1.1 404 "), rest


@check("lists: label filters, the last of a repeated parameter, no filter by a label without =")
def _():
    clear()
    id = submit_raw(labels={"a.b/c": "d'e\"f=g", "plain": ""})
    reach(id)

    def found(query):
        reply = api.get(f"/instances?{query}")
        eq(reply.status_code, 200)
        return [one["instance_id"] for one in reply.json()]

    eq(found("label=" + quote("a.b/c=d'e\"f=g", safe="")), [id])
    eq(
        (found("label=plain="), found("label=plain=x"), found("label=plain"), found("")),
        ([id], [], [id], [id]),
    )
    eq((found("label=x=y&label=plain="), found("status=FAILED&status=COMPLETED")), ([id], [id]))
    eq((found("status=completed"), found("unknown=1")), ([], [id]))


@check("logs: numbers in the query as PyLet reads them")
def _():
    id = submit_raw("printf 0123456789")
    reach(id)

    def read(query):
        reply = api.get(f"/instances/{id}/logs?{query}")
        eq(reply.status_code, 200)
        return base64.b64decode(reply.json()["content"]).decode()

    eq(
        (read(""), read("offset=8"), read("offset=-5&limit=2"), read("limit=-1")),
        ("0123456789", "89", "01", ""),
    )
    eq(read("limit=99999999999"), "0123456789")
    for query in ["offset=x", "limit=1.5", "offset="]:
        reply = api.get(f"/instances/{id}/logs?{query}")
        eq((reply.status_code, reply.json()["detail"][0]["loc"][0]), (422, "query"))


run()
