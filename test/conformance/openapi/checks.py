"""What the checks share: the document, and the head looked at from beside it."""

import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import CONF, check, eq, raises, run, until  # noqa: E402, F401

URL = CONF["url"]
TOKEN = CONF["token"]
BIN = CONF["bin"]
FOLDER = os.path.join(CONF["folder"], CONF["scenario"])
os.makedirs(FOLDER, exist_ok=True)
ENV = {
    "PATH": f"{BIN}:/usr/bin:/bin",
    "HOME": FOLDER,
    "LANG": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def call(method, path, body=None, token=TOKEN):
    """One plain call. Returns the text of the reply."""
    request = urllib.request.Request(
        f"{URL}{path}",
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode(),
    )
    with urllib.request.urlopen(request, timeout=30) as reply:
        return reply.read().decode()


def save_document():
    """Fetches the document. Returns it, and the file that holds it."""
    text = call("GET", "/openapi.json")
    path = os.path.join(FOLDER, "openapi.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return json.loads(text), path


def operations(document):
    """The operations by their ids."""
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def run_tool(*args, limit_s=120, **env):
    """Runs a program of the environment. Returns its exit code and all that it printed."""
    done = subprocess.run(
        [f"{BIN}/{args[0]}", *args[1:]],
        cwd=FOLDER,
        env={**ENV, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=limit_s,
    )
    return done.returncode, done.stdout
