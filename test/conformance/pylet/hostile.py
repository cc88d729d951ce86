"""Bodies, names and paths that are wrong, huge or meant to harm: refused in PyLet's shape; the head goes on."""

import json

import httpx

from checks import check, eq, run
from support import BEARER, api, ask, body, log_of, reach, show, submit_raw

JSON = {"content-type": "application/json"}


def post(content, headers=JSON):
    return api.post("/instances", content=content, headers=headers)


def problems(reply, sent=...):
    """The list of a 422."""
    eq((reply.status_code, set(reply.json())), (422, {"detail", "body"}))
    for problem in reply.json()["detail"]:
        assert {"type", "loc", "msg", "input"} <= set(problem), problem
        assert problem["loc"][0] in ("body", "query")
    if sent is not ...:
        eq(reply.json()["body"], sent)
    return [(problem["type"], problem["loc"]) for problem in reply.json()["detail"]]


@check("422: each missing and ill-typed field is named, and the body echoed")
def _():
    sent = {
        "command": 5,
        "resource_requirements": {"cpu_cores": "x", "gpu_units": 1.5},
        "labels": [],
        "exclusive": "maybe",
    }
    found = problems(api.post("/instances", json=sent), sent)
    eq(
        found,
        [
            ("string_type", ["body", "command"]),
            ("int_parsing", ["body", "resource_requirements", "cpu_cores"]),
            ("int_from_float", ["body", "resource_requirements", "gpu_units"]),
            ("missing", ["body", "resource_requirements", "memory_mb"]),
            ("bool_parsing", ["body", "exclusive"]),
            ("dict_type", ["body", "labels"]),
        ],
    )
    eq(
        problems(api.post("/instances", json={}), {}),
        [("missing", ["body", "command"]), ("missing", ["body", "resource_requirements"])],
    )
    eq(problems(api.post("/instances", json=[]), []), [("model_attributes_type", ["body"])])
    eq(problems(post(b""), None), [("missing", ["body"])])
    eq(problems(api.post("/instances"), None), [("missing", ["body"])])


@check("no JSON: 422 and the text echoed")
def _():
    for text in ["{", "nonsense", '{"command": NaN}', '{"a": 01}', "\ufeff{}", '{"command": "a\nb"}']:
        eq(problems(post(text.encode()), text)[0][0], "json_invalid")
    eq(problems(post(b"\xff\xfe{}"))[0][0], "json_invalid")
    eq(post(b"{}", {"content-type": "text/plain"}).status_code, 422)


@check("NaN and Infinity as numbers are refused")
def _():
    for word in ["NaN", "Infinity", "1e999", "9007199254740993"]:
        text = json.dumps(body("true")).replace('"cpu_cores": 1', f'"cpu_cores": {word}')
        assert post(text.encode()).status_code in (400, 422), word


@check("10,000 levels deep, where a string, a label or nothing is expected")
def _():
    deep = "[" * 10_000 + "]" * 10_000
    nested = '{"a":' * 10_000 + "1" + "}" * 10_000
    for text in [deep, nested, json.dumps(body("true")).replace('"true"', deep), f'{{"labels": {nested}}}']:
        eq(post(text.encode()).status_code, 422)
    ignored = json.dumps(body("true")).replace('"command"', f'"unknown": {deep}, "command"')
    eq(post(ignored.encode()).status_code, 200)


@check("a big body passes as with PyLet, a huge one is refused without harm")
def _():
    eq(post(json.dumps({**body("true"), "unknown": "x" * 1_600_000}).encode()).status_code, 200)
    try:
        reply = post(json.dumps({**body("true"), "unknown": "x" * 9_000_000}).encode())
        eq((reply.status_code, type(reply.json()["detail"])), (413, str))
    except httpx.TransportError:
        pass  # it was refused before all of it was sent
    eq(api.get("/workers").status_code, 200)
    labels = json.dumps({**body("true"), "labels": {str(n): n for n in range(100_000)}}).encode()
    eq(len(problems(post(labels))), 100)


@check("numbers and lengths beyond their limits: 400, with the field's name")
def _():
    for field, change in [
        ("cpu_cores", {"resources": {"cpu_cores": -1}}),
        ("gpu_units", {"resources": {"gpu_units": -4}}),
        ("memory_mb", {"resources": {"memory_mb": 2**50}}),
        ("name", {"name": "n" * 129}),
        ("name", {"name": "n" * 100_000}),
        ("venv", {"venv": "/" + "v" * 5000}),
        ("labels", {"labels": {"k" * 64: "v"}}),
        ("env", {"env": {"A=B": "1"}}),
        ("env", {"env": {"": "1"}}),
        ("env", {"env": {"A": "nul\0"}}),
        ("command", {"command": "nul\0"}),
        ("command", {"command": "x" * 200_000}),
    ]:
        reply = api.post("/instances", json={**body("true"), **body(change.pop("command", "true"), **change)})
        eq((field, reply.status_code), (field, 400))
        assert field in reply.json()["detail"] and len(reply.text) < 2000, reply.text


@check("names with control characters, slashes and only dots are refused")
def _():
    for name in ["a\nb", "\x1b[31mred", "a\0b", "../../etc/passwd", "..", "a/b", "a?b", "\u202eevil", " "]:
        reply = api.post("/instances", json=body("true", name=name))
        eq((name, reply.status_code), (name, 400))
        assert "name" in reply.json()["detail"]


@check("paths that climb, lie or cannot be decoded give 404 or 400, never a file or a 500")
def _():
    id = submit_raw("true")
    for path in [
        "/instances/by-name/../../v1/head",
        "/instances/by-name/..%2f..%2fetc%2fpasswd",
        "/instances/%2e%2e/workers",
        "/instances/by-name/%ff",
        "/instances/by-name/%zz",
        "/instances/by-name/a%00b",
        f"/instances/{id}%00",
        f"/instances/{id}/logs/../../../x",
        "/instances/by-name/" + "n" * 5000,
        f"/instances/{id.upper()}x",
        "/instances/__proto__",
        "/instances/by-name/constructor",
        "/instances/'; DROP TABLE instances; --",
    ]:
        status, text = ask("GET", path.replace(" ", "%20"), BEARER)
        assert status in (400, 404, 414), (path, status, text)
        # What cannot be decoded or is too long is answered before any route is known, in another shape.
        assert status in (400, 414) or isinstance(json.loads(text).get("detail"), str), (path, text)


@check("keys that mean something to JavaScript are keys like others")
def _():
    text = json.dumps(
        body("echo $constructor", labels={"constructor": "a", "toString": "b"}, env={"constructor": "c"})
    )
    id = post(text.replace('"command"', '"__proto__": {"command": "evil"}, "command"').encode()).json()[
        "instance_id"
    ]
    reach(id)
    eq((show(id)["labels"], log_of(id)), ({"constructor": "a", "toString": "b"}, "c\n"))


@check("text that is no UTF-8, or half a surrogate, does no harm")
def _():
    reply = post(json.dumps(body("true", labels={"a": "x"})).replace('"x"', '"\\ud800"').encode())
    assert reply.status_code in (200, 400, 422)
    eq(api.get("/instances").status_code, 200)


run()
