"""Every operation, called with what its schema allows and what it does not: no 5xx, and no reply outside the document."""

import json
import os
import re

from checks import CONF, FOLDER, URL, call, check, eq, operations, run, run_tool, save_document

SEED = 6
SCENARIO = CONF["scenario"]
#: Of pino's levels.
ERROR = 50
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "ignored_auth",
    "unsupported_method",
    "allow_header_conformance",
]
#: What cannot be called so, with the reason.
ENDLESS = {"eventsFollow": "a stream without an end; client.py reads it"}
COMBINED = "the combinations of a task are too many; its values are drawn at random"
TOO_MANY = {"clustersLaunch": COMBINED, "clustersExec": COMBINED}
#: A path with a parameter lies beside theirs: another method is one of that, which refuses the word as its parameter.
BESIDE = ["filesMissing", "filesPutPack", "jobsCancel"]
#: What wrong values may be answered with: the statuses of the catalogue that are no fault of the head.
REFUSALS = ["400", "401", "403", "404", "405", "408", "409", "410", "413", "415", "429", "431"]

document, path = save_document()


def made(method, path, body=None):
    return json.loads(call(method, path, body))


def tokens(count=40):
    """Admin's tokens of one user."""
    made("POST", "/v1/users", {"name": "tester", "role": "admin"})
    make = {"user": "tester", "name": "properties"}
    return ",".join(made("POST", "/v1/tokens", make)["token"] for _ in range(count))


def known():
    """What there is to be asked for: an instance that has ended, a cluster with a job, a worker, a user."""
    ended = made("POST", "/v1/instances", {"command": "echo kept", "name": "kept"})["id"]
    call("GET", f"/v1/instances/{ended}?wait=final")
    for cluster in ("passing", "kept"):
        launch = made("POST", "/v1/clusters/launch", {"cluster": cluster, "task": {"run": "echo kept"}})["id"]
        eq(made("GET", f"/v1/requests/{launch}?wait=true")["status"], "SUCCEEDED")
    call("GET", "/v1/clusters/kept/jobs/1/log?follow=true")
    worker = CONF["workers"][0]["id"]
    by_noun = {
        "instances": ({"ref": ended}, ["Get", "Explain", "Logs", "Cancel", "Forget", "Replace"]),
        "workers": ({"ref": worker}, ["Get", "Delete"]),
        "requests": ({"ref": launch}, ["Get", "Log"]),
        "clusters": ({"name": "kept"}, ["Get"]),
        "jobs": ({"name": "kept", "job": "1"}, ["List", "Get", "Log", "Cancel"]),
        "users": ({"ref": "tester"}, ["Get"]),
        "projects": ({"name": "default"}, ["Get", "Change", "Delete"]),
    }
    # What sets an autostop ends it before long.
    ending = {f"clusters{verb}": {"name": "passing"} for verb in ("Exec", "Start", "Autostop", "Stop", "Down")}
    return ending | {
        f"{noun}{verb}": {name: names[name] for name in names if name != "job" or verb in ("Get", "Log")}
        for noun, (names, verbs) in by_noun.items()
        for verb in verbs
    }


TOKENS = tokens()
KNOWN = known()
with open(os.path.join(FOLDER, "schemathesis.toml"), "w", encoding="utf-8") as file:
    file.write(f"[checks]\nnegative_data_rejection.expected-statuses = {json.dumps(REFUSALS)}\n")


def failures(printed):
    """What was wrong, and how to repeat it."""
    parts = re.split(r"^=+ ([A-Z]+) =+$", printed, flags=re.M)
    found = [text for title, text in zip(parts[1::2], parts[2::2]) if title in ("ERRORS", "FAILURES")]
    lines = [line[:300] for line in "\n".join(found or [printed]).splitlines() if line.strip()]
    # The harness shows the last lines of an error.
    return " | ".join(lines[:60])


def tried(phases, *more, without=(), checks=CHECKS):
    """Runs the tester over all operations but those, or as told. Returns how many operations and calls that were."""
    code, printed = run_tool(
        "schemathesis", "run", path, "--url", URL, "--phases", phases, "--seed", str(SEED),
        # One worker: in two threads the generator fails by itself now and then, in CPython's syntax trees.
        "--workers", "1", "--checks", ",".join(checks), "--request-timeout", "10", "--continue-on-failure", "--no-shrink",
        *[word for name in without for word in ("--exclude-operation-id", name)],
        *more,
        DROVER_TOKENS=TOKENS,
        DROVER_KNOWN=json.dumps(KNOWN),
        SCHEMATHESIS_HOOKS="hooks",
        PYTHONPATH=os.path.dirname(os.path.abspath(__file__)),
    )  # fmt: skip
    assert code == 0, failures(printed)
    counts = re.search(r"Tested: (\d+)", printed), re.search(r"(\d+) generated", printed)
    assert all(counts), printed[-3000:]
    return [int(count[1]) for count in counts]


def tell(excluded, *runs):
    """Prints what was done and what was not. A run that has quietly left something out has shown nothing."""
    for name, reason in excluded.items():
        print(f"SKIP {SCENARIO} of {name}: {reason}", flush=True)
    tested, calls = (sum(column) for column in zip(*runs))
    eq(tested, len(operations(document)) - len(excluded))
    print(f"     {tested} operations, {calls} calls", flush=True)


def bounds():
    left_out = {**ENDLESS, **TOO_MANY}
    theirs = [word for name in BESIDE for word in ("--include-operation-id", name)]
    others = [name for name in CHECKS if name != "unsupported_method"]
    tell(left_out, tried("coverage", without=[*left_out, *BESIDE]), tried("coverage", *theirs, checks=others))


def random():
    tell(ENDLESS, tried("examples,fuzzing", "--max-examples", "12", without=ENDLESS))


if SCENARIO == "bounds":
    check("each bound of each value, met and broken")(bounds)
else:
    check("examples, and values drawn at random")(random)


@check("the head is well after all that, and complained of nothing")
def _():
    assert json.loads(call("GET", "/readyz")) == {"status": "ready"}
    with open(os.path.join(os.path.dirname(FOLDER), "head.log"), encoding="utf-8") as file:
        complaints = [line for line in file if json.loads(line)["level"] >= ERROR]
    assert complaints == [], complaints[:3]


run(limit_s=150)
