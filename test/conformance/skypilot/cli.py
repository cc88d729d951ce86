"""The command line. Each call is a process of seconds, so that a check does a day's work of it."""

import os
import re
import signal
import subprocess
import time

from checks import BIN, ENDPOINT, ENV, HOME, OLD, TOKEN, URL, check, eq, run, sky, until, works

FILE = os.path.join(HOME, "task.yaml")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


@check("sky launch of a file with everything streams its setup and its job, and leaves with the job's code")
def _():
    write(f"{HOME}/code/data.txt", "from the folder\n")
    write(
        FILE,
        """
name: day
workdir: ./code
envs: {WORD: null}
file_mounts: {~/copy.txt: ./code/data.txt}
resources: {cpus: 1+}
setup: echo setting up
run: |
  cat data.txt ~/copy.txt
  echo word $WORD
  exit 4
""",
    )
    code, out = sky("launch", "-y", "-c", "day", "--env", "WORD=said", "-i", "45", FILE)
    eq(code, 100)
    for part in ("setting up", "word said", "Job finished (status: FAILED)"):
        assert part in out, out
    eq(out.count("from the folder"), 2)


@check("sky status leaves with 0 and shows the cluster")
def _():
    started = time.time()
    out = works("status")
    print(f"     status took {time.time() - started:.1f} s")
    assert re.search(r"^day .* UP +45m", out, re.M), out
    if not OLD:
        assert "Enabled Infra: SSH/default" in out, out


@check("sky exec runs in the folder; sky queue and sky logs show it")
def _():
    write(f"{HOME}/code/data.txt", "changed\n")
    write(f"{HOME}/exec.yaml", "workdir: ./code\nrun: cat data.txt\n")
    assert "changed" in works("exec", "day", f"{HOME}/exec.yaml")
    out = works("queue", "day")
    assert re.search(r"^2 .*SUCCEEDED", out, re.M) and re.search(r"^1 .*FAILED", out, re.M), out
    code, out = sky("logs", "day", "1")
    eq(code, 100)
    assert "word said" in out, out
    eq(sky("logs", "day", "2", "--status")[0], 0)
    out = works("logs", "day", "--sync-down", "2")
    found = re.search(r"(~/sky_logs/[^\s\x1b]+)", out).group(1)
    with open(os.path.join(found.replace("~", HOME, 1), "run.log")) as log:
        assert "changed" in log.read()


@check("sky queue of a cluster that is not there says so")
def _():
    assert "nowhere" in sky("queue", "nowhere")[1]


@check("Ctrl-C leaves the request alone, and says how to take it up")
def _():
    write(f"{HOME}/slow.yaml", "setup: echo begun; sleep 4\nrun: echo came through\nresources: {cpus: 1}\n")
    client = subprocess.Popen(
        [f"{BIN}/sky", "launch", "-y", "-c", "slow", f"{HOME}/slow.yaml"],
        env=ENV,
        cwd=HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = ""
    for line in client.stdout:
        seen += line
        if "begun" in line:
            client.send_signal(signal.SIGINT)
    eq(client.wait(20) != 0, True)
    request = re.search(r"sky api logs ([0-9a-f]+)", seen)
    assert request and "sky api cancel" in seen, seen
    out = works("api", "logs", request.group(1))
    assert "begun" in out and "Cluster slow is UP" in out, out
    assert "came through" in works("logs", "slow", "1")


@check("--async comes back at once; sky api status lists it, sky api cancel ends it")
def _():
    # More than there is at the same time: it waits in line.
    out = works("launch", "--async", "-y", "-r", "-c", "line", "--num-nodes", "2", "--cpus", "4", "true")
    request = re.search(r"request: ([0-9a-f-]{36})", out).group(1)
    out = works("api", "status")
    assert request in out and "launch" in out, out
    works("api", "cancel", request[:8])
    until(lambda: "CANCELLED" in works("api", "status", request), what="its end")


@check("sky autostop, cancel, stop, start, cost-report")
def _():
    works("autostop", "-y", "day", "-i", "90", "--down")
    works("exec", "-d", "day", "sleep 600")
    works("cancel", "-y", "day", "3")
    until(lambda: re.search(r"^3 .*CANCELLED", works("queue", "day"), re.M), what="the end of job 3")
    works("stop", "-y", "day", "slow")
    out = works("status")
    eq(len(re.findall(r"STOPPED", out)), 2)
    works("start", "-y", "day")
    assert re.search(r"day .*UP", works("cost-report"))


@check("errors are told in words, and leave with 1")
def _():
    for args, words in (
        (("launch", "-y", "-c", "bad name", "true"), "bad name"),
        (("launch", "-y", "-c", "huge", "--cpus", "64", "true"), "64"),
        (("exec", "nowhere", "true"), "nowhere"),
        (("jobs", "launch", "-y", "true"), "managed jobs are not supported"),
    ):
        code, out = sky(*args)
        eq(code, 1)
        assert words in out and "KeyError" not in out, out


@check("lists of what is not built yet are empty, and leave with 0")
def _():
    for args in (("jobs", "queue"), ("serve", "status"), ("storage", "ls"), ("check",), ("api", "info")):
        works(*args)
    for args in (("show-gpus",),) if OLD else (("gpus", "list"), ("volumes", "ls")):
        out = works(*args)
    if not OLD:
        return
    assert "GPU" in out, out


@check("sky api login keeps the address, and with it the token")
def _():
    home = f"{HOME}/login"
    os.makedirs(home, exist_ok=True)
    env = {"HOME": home}
    without = {key: value for key, value in ENV.items() if key != "SKYPILOT_API_SERVER_ENDPOINT"}
    keep, ENV_COPY = dict(ENV), ENV
    try:
        ENV_COPY.clear()
        ENV_COPY.update(without)
        if OLD:
            works("api", "login", "-e", ENDPOINT, env=env)
        else:
            works("api", "login", "-e", URL, "--token", f"sky_{TOKEN}", env=env)
            code, out = sky("status", env={"HOME": home, "SKYPILOT_SERVICE_ACCOUNT_TOKEN": "sky_wrong"})
            assert code != 0 and "login" in out, out
        assert "day" in works("status", "-u", env=env)
    finally:
        ENV_COPY.clear()
        ENV_COPY.update(keep)


@check("sky down of all leaves none")
def _():
    works("down", "-y", "-a")
    assert "No existing clusters" in works("status")


run(limit_s=120)
