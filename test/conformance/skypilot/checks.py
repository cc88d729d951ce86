"""What the checks share: the package under test pointed at the head, and the head looked at from beside it."""

import base64
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import CONF, VERSION, at_end, check, eq, raises, run, until  # noqa: E402, F401

URL = CONF["url"]
TOKEN = CONF["token"]
BIN = CONF["bin"]
OLD = VERSION.startswith("0.9")
#: A home of this version alone: the package keeps its configuration there.
HOME = os.path.join(CONF["folder"], f"home-{VERSION}")
os.makedirs(HOME, exist_ok=True)
#: The address as a user gives it: the token is its user info.
ENDPOINT = URL.replace("://", f"://token:{TOKEN}@")
ENV = {
    "PATH": f"{BIN}:/usr/bin:/bin",
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "USER": "checker",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
    "SKYPILOT_API_SERVER_ENDPOINT": ENDPOINT,
}
os.environ.update(ENV)


def sky(*args, limit_s=60, env=None):
    """Runs the command line. Returns its exit code and all that it printed."""
    done = subprocess.run(
        [f"{BIN}/sky", *args],
        env={**ENV, **(env or {})},
        cwd=HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=limit_s,
        text=True,
    )
    return done.returncode, done.stdout


def works(*args, **options):
    """What a command prints that leaves with 0."""
    code, out = sky(*args, **options)
    assert code == 0, f"left with {code}: {out[-1500:]}"
    return out


def printed(fn):
    """What the call gives, and what it prints meanwhile."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        value = fn()
    return value, out.getvalue()


def http():
    """Calls to the head without the package."""
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer sky_{TOKEN}"
    return session


def error_elsewhere(request_id):
    """The error of a request, as a process reads it that has nothing of the package."""
    reply = http().get(f"{URL}/api/get", params={"request_id": request_id}, timeout=30)
    eq(reply.status_code, 500)
    error = json.loads(reply.json()["detail"]["error"])
    told = pickle.loads(base64.b64decode(error["object"]))
    eq(told["type"], error["type"])
    eq(told["message"], error["message"])
    return told


def kill_head():
    """The runner kills the head and starts it again at the same place."""
    import requests

    before = requests.get(f"{URL}/v1/head", auth=("any", TOKEN), timeout=5).json()["epoch"]
    # Past whoever catches what is printed just now.
    print("#kill-head", file=sys.__stdout__, flush=True)

    def is_back():
        try:
            reply = requests.get(f"{URL}/v1/head", auth=("any", TOKEN), timeout=5)
            return reply.status_code == 200 and reply.json()["epoch"] > before
        except requests.RequestException:
            return False

    until(is_back, 20, "the head")
