"""The wire: how requests name things and who sends them: paths, names, connections, authentication."""

import base64
import re
from urllib.parse import quote

import httpx

from checks import check, eq, run
from support import BEARER, TOKEN, URL, api, ask, body, exchange, reach, refusal, submit_raw

ANY = httpx.Client(base_url=URL, timeout=30)


@check("no redirects: trailing and double slashes, a path below /compat/pylet, absolute targets")
def _():
    for path in ["/workers/", "//workers", "/instances/", "//instances//", "/compat/pylet/workers"]:
        eq((path, ask("GET", path, BEARER)[0]), (path, 200))
    basic = base64.b64encode(f"any:{TOKEN}".encode()).decode()
    for header in ["Authorization", "Proxy-Authorization"]:
        eq(ask("GET", "http://localhost:8000/workers", f"{header}: Basic {basic}")[0], 200)


@check("an idle connection is kept longer than any client keeps it")
def _():
    answer = exchange(f"GET /workers HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\n\r\n".encode(), wait_s=0.5)
    assert int(re.search(r"keep-alive: timeout=(\d+)", answer.lower()).group(1)) >= 65, answer


@check("authentication: bearer, Basic with any user; none, wrong and malformed give 401")
def _():
    eq(ANY.get("/workers", headers={"authorization": f"Bearer {TOKEN}"}).status_code, 200)
    for auth in [("", TOKEN), ("any", TOKEN), ("ünï", TOKEN), (TOKEN, "")]:
        eq(ANY.get("/workers", auth=auth).status_code, 200)
    for headers in [
        {},
        {"authorization": "Basic ???"},
        {"authorization": "Digest x"},
        {"authorization": "Bearer"},
    ]:
        for path in ["/workers", "/instances", "/instances/x"]:
            reply = ANY.get(path, headers=headers)
            refusal(reply, 401)
            assert reply.headers["www-authenticate"].startswith("Basic")
    refusal(ANY.delete("/instances"), 401)
    refusal(ANY.post("/instances", json=body()), 401)
    refusal(ANY.get("/workers", auth=("any", TOKEN + "x")), 401)


@check("names in paths: percent-encoded spaces, non-ASCII, as long as they may be")
def _():
    for name in ["with space", "Größe 東京", "endpoint", "東" * 128, "e\u0301"]:
        id = submit_raw("true", name=name)
        found = api.get(f"/instances/by-name/{quote(name)}")
        eq((name, found.status_code), (name, 200))
        eq(found.json()["instance_id"], id)
        reach(id)
        eq(api.get(f"/instances/by-name/{quote(name)}/endpoint").status_code, 200)
        eq(api.delete(f"/instances/by-name/{quote(name)}").status_code, 204)


run()
