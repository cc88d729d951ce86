"""Every operation, called with what its schema allows and what it does not: no 5xx, and no reply outside the document."""

import json
import os
import re

from checks import FOLDER, URL, call, check, operations, run, run_tool, save_document

SEED = 6
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
TOO_MANY = {
    "clustersLaunch": "the combinations of a task are too many; its values are drawn at random",
    "clustersExec": "the combinations of a task are too many; its values are drawn at random",
}
#: Beside a path with a parameter: another method there is another operation, which refuses the word as its parameter.
BESIDE = ["filesMissing", "filesPutPack", "jobsCancel"]
#: What wrong values may be answered with: the statuses of the catalogue that are no fault of the head.
REFUSALS = ["400", "401", "403", "404", "405", "408", "409", "410", "413", "415", "429", "431"]

document, path = save_document()


def tokens(count=40):
    """Admin's tokens of one user."""
    call("POST", "/v1/users", {"name": "tester", "role": "admin"})
    make = {"user": "tester", "name": "properties"}
    return ",".join(json.loads(call("POST", "/v1/tokens", make))["token"] for _ in range(count))


def configure():
    lines = ["[checks]", f"negative_data_rejection.expected-statuses = {json.dumps(REFUSALS)}"]
    for name in BESIDE:
        lines += ["[[operations]]", f'include-operation-id = "{name}"', "checks.unsupported_method.enabled = false"]
    with open(os.path.join(FOLDER, "schemathesis.toml"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


TOKENS = tokens()
configure()


def tried(phases, excluded, *more):
    """Runs the tester over all operations but those. Prints how many calls that were."""
    for name, reason in excluded.items():
        print(f"SKIP properties of {name} ({phases}): {reason}", flush=True)
    code, printed = run_tool(
        "schemathesis", "run", path, "--url", URL, "--phases", phases, "--seed", str(SEED), "--workers", "2",
        "--checks", ",".join(CHECKS), "--request-timeout", "10", "--continue-on-failure", "--no-shrink",
        *[word for name in excluded for word in ("--exclude-operation-id", name)],
        *more,
        DROVER_TOKENS=TOKENS,
        SCHEMATHESIS_HOOKS="hooks",
        PYTHONPATH=os.path.dirname(os.path.abspath(__file__)),
    )  # fmt: skip
    assert code == 0, printed[-6000:]
    tested, calls = re.search(r"Tested: (\d+)", printed), re.search(r"(\d+) generated", printed)
    assert tested and calls, printed[-3000:]
    # A run that has quietly left something out has shown nothing.
    assert int(tested[1]) == len(operations(document)) - len(excluded), printed[-3000:]
    print(f"     {tested[1]} operations, {calls[1]} calls", flush=True)


@check("each bound of each value, met and broken")
def _():
    tried("coverage", {**ENDLESS, **TOO_MANY})


@check("examples, and values drawn at random")
def _():
    tried("examples,fuzzing", ENDLESS, "--max-examples", "12")


@check("the head is well after all that, and complained of nothing")
def _():
    assert json.loads(call("GET", "/readyz")) == {"status": "ready"}
    with open(os.path.join(os.path.dirname(FOLDER), "head.log"), encoding="utf-8") as file:
        complaints = [line for line in file if json.loads(line)["level"] >= ERROR]
    assert complaints == [], complaints[:3]


run(limit_s=150)
