"""What the checks share: where the head is, looking at it from beside the package, helpers' processes."""

import json
import os
import socket
import subprocess

import httpx

from checks import CONF, VERSION, at_end, eq, until

URL = CONF["url"]
TOKEN = CONF["token"]
FOLDER = CONF["folder"]
HAS_DELETES = VERSION >= "0.5.0"
#: The address as a user gives it: the token is its user info.
ADDRESS = URL.replace("://", f"://any:{TOKEN}@")

#: Looks at the head from beside the package under test.
api = httpx.Client(base_url=URL, auth=("any", TOKEN), timeout=30)


def body(command="true", **more):
    """A submission as the library sends it."""
    resources = {"cpu_cores": 1, "gpu_units": 0, "memory_mb": 64, **more.pop("resources", {})}
    return {"command": command, "resource_requirements": resources, **more}


def submit_raw(command="true", **more):
    reply = api.post("/instances", json=body(command, **more))
    eq(reply.status_code, 200)
    return reply.json()["instance_id"]


def show(id):
    reply = api.get(f"/instances/{id}")
    eq(reply.status_code, 200)
    return reply.json()


def reach(id, *statuses, limit_s=20.0):
    """Waits until the instance has one of the statuses; by default an end."""
    wanted = statuses or ("COMPLETED", "FAILED", "CANCELLED")
    return until(
        lambda: (lambda one: one["status"] in wanted and one)(show(id)), limit_s, f"{wanted} of {id}"
    )


def refusal(reply, status):
    """The detail of a reply that is an error, or not yet a result."""
    eq(reply.status_code, status)
    eq(set(reply.json()), {"detail"})
    assert isinstance(reply.json()["detail"], str)
    return reply.json()["detail"]


def log_of(id):
    return api.get(f"/v1/instances/{id}/logs").text


def logged(id, text, limit_s=20.0):
    return until(lambda: text in log_of(id) and log_of(id), limit_s, f"{text!r} in the log")


def gone(pid, limit_s=20.0):
    def ended():
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(ended, limit_s, f"the end of process {pid}")


def clear():
    """Ends and forgets all instances."""
    api.delete("/v1/instances")
    until(lambda: api.get("/v1/instances?limit=1").json()["items"] == [], 40, "an empty list")


def exchange(request, wait_s=2):
    """The answer to bytes on a socket of their own, until the head closes it or says nothing more."""
    host, port = URL.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=wait_s) as link:
        link.sendall(request)
        answer = b""
        try:
            while part := link.recv(65536):
                answer += part
        except (TimeoutError, socket.timeout):
            pass
    return answer.decode()


def ask(method, target, *headers):
    """A request whose target nobody tidies up: the status and the body of the answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    head, _, content = exchange("\r\n".join([*lines, "", ""]).encode()).partition("\r\n\r\n")
    return int(head.split()[1]), content


def pylet(*args, stderr=False, code=0, text=True, env=None, input=None):
    """Runs the command line with the head as its proxy. Gives what it prints, on stdout unless the other is asked for."""
    proxy = {"HTTP_PROXY": ADDRESS, "NO_PROXY": "", "PATH": f"{CONF['bin']}:{os.environ['PATH']}"}
    command = [os.path.join(CONF["bin"], "pylet"), *args]
    with_env = {**os.environ, **proxy, **(env or {})}
    input = input if input is None or text else input.encode()
    done = subprocess.run(command, capture_output=True, text=text, env=with_env, input=input, timeout=40)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    wanted, other = (done.stderr, done.stdout) if stderr else (done.stdout, done.stderr)
    assert not other, other
    return wanted


BEARER = f"Authorization: Bearer {TOKEN}"
_helpers = []


class Worker:
    """A worker of the check's own; ended with the checks."""

    def __init__(self, name, *flags):
        self.state = os.path.join(FOLDER, name)
        self.flags = flags
        join = api.post("/v1/join-tokens", json={"ttlS": 600, "uses": 1}).json()["token"]
        self.start("--join-token", join)

    def start(self, *more):
        command = [
            *CONF["drover"],
            "worker",
            "--state",
            self.state,
            "--head",
            URL,
            "--json",
            *self.flags,
            *more,
        ]
        os.makedirs(self.state, exist_ok=True)
        with open(self.state + ".log", "a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        _helpers.append(self.process)
        self.id = json.loads(self.process.stdout.readline())["workerId"]

    def kill(self):
        self.process.kill()
        self.process.wait()


def end_helpers():
    for process in _helpers:
        process.terminate()
    for process in _helpers:
        process.wait()


at_end.append(end_helpers)
