"""What travels, without the package: the handshake, tokens, hostile archives, fields that nobody knows."""

import io
import os
import stat
import uuid
import zipfile

import requests
from checks import TOKEN, URL, check, eq, http, run

api = http()
NEW = {"X-SkyPilot-API-Version": "62", "X-SkyPilot-Version": "0.14.1"}
USER = {"env_vars": {"SKYPILOT_USER_ID": "01234567", "SKYPILOT_USER": "wire"}}


def post(path, body, **options):
    return api.post(URL + path, json={**USER, **body}, timeout=30, **options)


def result(path, body, headers=NEW):
    """Submits, and waits for the request. Returns its payload."""
    reply = post(path, body, headers=headers)
    eq((reply.status_code, reply.text), (200, "null"))
    request = reply.headers["X-Skypilot-Request-ID"]
    eq(reply.headers["X-Request-ID"], request)
    got = api.get(f"{URL}/api/get", params={"request_id": request}, headers=headers, timeout=30)
    assert got.status_code in (200, 500), got.text
    return got.json() if got.status_code == 200 else got.json()["detail"]


@check("the handshake tells each client its own number")
def _():
    new = api.get(f"{URL}/api/health", headers=NEW)
    eq((new.headers["X-SkyPilot-API-Version"], new.json()["status"]), ("62", "healthy"))
    eq(api.get(f"{URL}/api/health").json()["api_version"], "5")
    assert all(new.json()[key] for key in ("version", "version_on_disk", "commit")), new.json()


@check("a client from between the two is told which are served")
def _():
    reply = api.get(f"{URL}/api/health", headers={"X-SkyPilot-API-Version": "9", "X-SkyPilot-Version": "0.10.0"})
    eq((reply.status_code, reply.json()["error"]), (400, "version_mismatch"))


@check("without a token, or with a wrong one, nothing is told")
def _():
    for headers in ({}, {"Authorization": "Bearer sky_wrong"}, {"Authorization": "Bearer sky_"}):
        for path in ("/api/health", "/api/status", "/api/get?request_id=x", "/enabled_clouds"):
            eq(requests.get(URL + path, headers=headers).status_code, 401)
        eq(requests.post(f"{URL}/status", json={}, headers=headers).status_code, 401)


@check("a token is a bearer with or without sky_ in front, or the password of the address")
def _():
    for token in (f"sky_{TOKEN}", TOKEN):
        eq(requests.get(f"{URL}/api/health", headers={"Authorization": f"Bearer {token}"}).status_code, 200)
    eq(requests.get(f"{URL}/api/health", auth=("sky", TOKEN)).status_code, 200)


@check("the same routes are mounted by name")
def _():
    eq(api.get(f"{URL}/compat/skypilot/api/health").json()["status"], "healthy")


@check("fields that nobody knows are ignored; known ones of the wrong type are refused")
def _():
    payload = result("/status", {"cluster_names": None, "all_users": False, "brand_new": {"a": [1]}})
    eq((payload["name"], payload["status"], payload["return_value"]), ("sky.status", "SUCCEEDED", "[]"))
    for body in ({"cluster_names": 7}, {"cluster_names": [1]}, {"all_users": "perhaps"}):
        eq(post("/status", body).status_code, 422)
    eq(api.post(f"{URL}/status", data="{", headers={"Content-Type": "application/json"}).status_code, 400)
    eq(api.post(f"{URL}/status", json=[1]).status_code, 422)


@check("the older client gets no key that it does not know")
def _():
    new = result("/queue", {"cluster_name": "none"})
    old = result("/queue", {"cluster_name": "none"}, headers={})
    eq(set(new) - set(old), {"should_retry", "finished_at", "file_mounts_blob_id"})
    eq((old["user_id"], old["user_name"], old["schedule_type"]), ("01234567", "wire", "short"))


@check("known options that cannot be honoured are refused")
def _():
    yaml = "name: x\n---\nrun: echo\n"
    for more in ({"backend": "localdocker"}, {"clone_disk_from": "a"}, {"resize": True}):
        payload = result("/launch", {"task": yaml, "cluster_name": "never", **more})
        eq(payload["status"], "FAILED")
        assert "NotSupportedError" in payload["error"], payload
    payload = result("/autostop", {"cluster_name": "never", "idle_minutes": 5, "hook": "echo"})
    assert "NotSupportedError" in payload["error"], payload


@check("a task that cannot be read is refused by validate, with a class and its arguments")
def _():
    for yaml, kind in (("run: [", "ValueError"), ("unknown: 1", "ValueError"), ("volumes: {/a: b}", "NotSupportedError")):
        reply = post("/validate", {"dag": f"name: x\n---\n{yaml}\n"})
        eq((reply.status_code, reply.json()["detail"]["type"]), (400, kind))
        assert reply.json()["detail"]["args"], reply.text
    eq(post("/validate", {"dag": "name: x\n---\nrun: echo\nresources: {cpus: 1}\n"}).status_code, 200)


@check("requests that are not there are told with 404")
def _():
    for path in ("/api/get", "/api/stream"):
        reply = api.get(URL + path, params={"request_id": str(uuid.uuid4())})
        eq(reply.status_code, 404)
        assert reply.json()["detail"], reply.text
    eq(api.get(f"{URL}/api/stream", params={"log_path": "/etc/passwd"}).status_code, 404)


@check("what a job prints gives no orders to the client")
def _():
    words = '<sky-payload>"<rich_init>x</rich_init>"</sky-payload>; <sky-interactive a="b">'
    yaml = f"name: x\n---\nrun: |\n  echo '{words}'; printf unended\n"
    eq(result("/launch", {"task": yaml, "cluster_name": "words"})["status"], "SUCCEEDED")
    reply = post("/logs", {"cluster_name": "words", "job_id": 1}, headers=NEW)
    assert "<sky-payload" not in reply.text and "<sky-interactive" not in reply.text, reply.text
    assert "sky-payload" in reply.text and "unended" in reply.text and reply.text.endswith("\n"), reply.text
    eq(result("/down", {"cluster_name": "words"})["status"], "SUCCEEDED")


def archive(fill):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        fill(made)
    return out.getvalue()


def upload(data, path="/upload_v2"):
    where = {"user_hash": "01234567", "upload_id": uuid.uuid4().hex, "chunk_index": 0, "total_chunks": 1}
    return api.post(URL + path, params=where, data=data, headers={"Content-Type": "application/octet-stream"})


def special(name, kind, text=""):
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return lambda made: made.writestr(info, text)


def claiming(data, size):
    """The archive, whose directory says that its only entry unpacks to so much."""
    at = data.index(b"PK\x01\x02") + 24
    return data[:at] + size.to_bytes(4, "little") + data[at + 4 :]


@check("an archive with a way out, a device, or more than it may unpack to is refused")
def _():
    for fill in (
        lambda made: made.writestr("../../etc/passwd", "x"),
        lambda made: made.writestr("home/a/../../../b", "x"),
        lambda made: made.writestr("a" * 5000, "x"),
        special("home/device", stat.S_IFCHR),
        special("home/pipe", stat.S_IFIFO),
    ):
        reply = upload(archive(fill))
        eq(reply.status_code, 400)
        assert reply.json()["detail"], reply.text
    zeros = archive(lambda made: made.writestr("home/zeros", bytes(2**20)))
    for size in (2**31 - 1, 1000):
        eq(upload(claiming(zeros, size)).status_code, 400)
    eq(upload(b"no archive at all").status_code, 400)


@check("names of uploads are no paths")
def _():
    for user, id in (("../x", "a"), ("u", "../../a"), ("u", ""), ("", "a"), ("u/v", "a")):
        where = {"user_hash": user, "upload_id": id, "chunk_index": 0, "total_chunks": 1}
        eq(api.post(f"{URL}/upload_v2", params=where, data=b"x").status_code, 422)
    eq(api.get(f"{URL}/upload_v2/blob", params={"user_hash": "..", "blob_id": "x"}).status_code, 422)


@check("parts come in any order, and twice; the last one completes the upload")
def _():
    data = archive(lambda made: made.writestr("home/x/file", os.urandom(15_000_000)))
    # Larger than any other body may be.
    id, size = uuid.uuid4().hex, 6_000_000
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    blob = {"user_hash": "01234567", "blob_id": id, "size_bytes": len(data)}
    eq(api.get(f"{URL}/upload_v2/blob", params=blob).json(), {"exists": False})

    def send(index):
        where = {"user_hash": "01234567", "upload_id": id, "chunk_index": index, "total_chunks": len(parts)}
        return api.post(f"{URL}/upload_v2", params=where, data=parts[index]).json()

    eq(send(2), {"status": "uploading", "missing_chunks": ["0", "1"]})
    eq(send(2)["missing_chunks"], ["0", "1"])
    eq(send(0), {"status": "uploading", "missing_chunks": ["1"]})
    eq(send(1), {"status": "completed", "missing_chunks": []})
    eq(api.get(f"{URL}/upload_v2/blob", params=blob).json(), {"exists": True})
    eq(api.get(f"{URL}/upload_v2/blob", params={**blob, "user_hash": "other"}).json(), {"exists": False})


@check("a download of what is no folder of a log is refused")
def _():
    for path in ("/etc", "~/.ssh", "~/.sky/api_server/clients/a/sky_logs/none/x"):
        assert api.post(f"{URL}/download", json={"folder_paths": [path]}).status_code in (404, 422), path


@check("a thousand reads at once are all answered")
def _():
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(32) as pool:
        payloads = list(pool.map(lambda _: result("/status", {}), range(1000)))
    eq({payload["status"] for payload in payloads}, {"SUCCEEDED"})
    eq(len({payload["request_id"] for payload in payloads}), 1000)


run()
