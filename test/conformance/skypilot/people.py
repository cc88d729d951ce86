"""People: several users with tokens of their own on one head, each a client that claims to be the same one."""

import contextlib
import os
import re
import subprocess
import time

import requests
from checks import BIN, CONF, ENV, HOME, OLD, TOKEN, URL, VERSION, check, eq, printed, raises, run, until
from click.testing import CliRunner

import sky
from sky import exceptions
from sky.client import cli as client_cli
from sky.client import sdk
from sky.server import common as server

#: The commands; in 0.9 the module has them itself.
if not OLD:
    from sky import skypilot_config
    from sky.client.cli import command as client_cli
#: What every client here says of its user. With a token of one's own it counts for nothing.
CLAIMED = "0badcafe"
os.environ["SKYPILOT_USER_ID"] = CLAIMED
REFUSED = RuntimeError if OLD else exceptions.PermissionDeniedError
#: A command that is no longer waited for than this does not try for ever.
SOON_S = 6


def admin(method, path, body=None):
    reply = requests.request(method, URL + path, json=body, auth=("any", TOKEN), timeout=10)
    assert reply.ok, reply.text
    return reply.json() if reply.text else None


def token(user, **more):
    return admin("POST", "/v1/tokens", {"user": user, **more})


def user(name, role="user"):
    made = admin("POST", "/v1/users", {"name": f"{name}-{TAG}", "role": role})
    return made["name"], made["id"], token(made["name"])["token"]


TAG = VERSION.replace(".", "-")
LAB, SHOP = f"lab-{TAG}", f"shop-{TAG}"
ANA, ANA_ID, ANA_TOKEN = user("ana")
BO, BO_ID, BO_TOKEN = user("bo")
VI, _, VI_TOKEN = user("vi", "viewer")
SHORT = token(ANA, ttlS=1)["token"]
for project in (LAB, SHOP):
    admin("POST", "/v1/projects", {"name": project, "private": True})
admin("PUT", f"/v1/projects/{LAB}/members/{ANA}", {"role": "user"})
admin("PUT", f"/v1/projects/{SHOP}/members/{ANA}", {"role": "viewer"})


def env_of(secret):
    """What a user of this release sets: a token, or where there is no place for one an address with it."""
    if OLD:
        return {"SKYPILOT_API_SERVER_ENDPOINT": URL.replace("://", f"://any:{secret}@")}
    return {"SKYPILOT_API_SERVER_ENDPOINT": URL, "SKYPILOT_SERVICE_ACCOUNT_TOKEN": f"sky_{secret}"}


@contextlib.contextmanager
def acting(secret):
    """In this process the package acts with that token."""
    os.environ.update(env_of(secret))
    for cached in ("get_server_url", "is_api_server_local", "get_api_server_status_response"):
        clear = getattr(getattr(server, cached, None), "cache_clear", lambda: None)
        clear()
    if not OLD:
        # What --config said in an earlier command stays in the process.
        skypilot_config.reload_config()
    yield


def says(*args):
    """The command line in this process, which starts it in no time. Returns what it prints; raises what it raises."""
    result = CliRunner().invoke(client_cli.cli, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    eq((result.exit_code, args), (0, args))
    return result.output


def launch(name, run, **more):
    task = sky.Task(run=run, **more).set_resources(sky.Resources(cpus="1"))
    return printed(lambda: sky.stream_and_get(sky.launch(task, cluster_name=name)))[0]


def named(records):
    return {each["name"]: each for each in records}


def soon(kind, words, fn):
    """It fails with these words, and does not try for long before."""
    started = time.time()
    error = raises(kind, fn)
    assert words in str(error), f"{words!r} is not in {error}"
    assert time.time() - started < SOON_S, f"took {time.time() - started:.1f} s"
    return error


# A login with a browser takes the client some seconds; they pass beside the other checks.
LOGIN_HOME = f"{HOME}/browser"
LOGIN_ENV = {**{key: value for key, value in ENV.items() if not key.startswith("SKYPILOT_API")}, "HOME": LOGIN_HOME}
os.makedirs(LOGIN_HOME, exist_ok=True)
LOGIN = None
if not OLD:
    LOGIN = subprocess.Popen(
        [f"{BIN}/sky", "api", "login", "-e", URL, "--no-browser"],
        env=LOGIN_ENV,
        cwd=LOGIN_HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@check("what each launches is theirs, whoever their client says that it is; so is what they send")
def _():
    os.makedirs(f"{HOME}/own", exist_ok=True)
    for secret, name, cluster in ((ANA_TOKEN, ANA, "anas"), (BO_TOKEN, BO, "bos")):
        with open(f"{HOME}/own/who", "w") as file:
            file.write(f"sent by {name}\n")
        with acting(secret):
            job, _ = launch(cluster, "cat who", workdir=f"{HOME}/own")
            text = printed(lambda: sky.tail_logs(cluster, job, follow=True))[1]
            assert f"sent by {name}" in text, text
    kept = os.listdir(f"{CONF['folder']}/head/uploads-skypilot")
    assert ANA_ID in kept and BO_ID in kept and CLAIMED not in kept, kept
    with acting(ANA_TOKEN):
        mine, all_users = named(sky.get(sky.status())), named(sky.get(sky.status(all_users=True)))
    eq(list(mine), ["anas"])
    eq({key: all_users[key]["user_name"] for key in ("anas", "bos")}, {"anas": ANA, "bos": BO})
    eq(all_users["bos"]["user_hash"], BO_ID)


@check("sky status shows one's own clusters, -u those of all with their users; sky api info who one is")
def _():
    with acting(BO_TOKEN):
        out = says("status")
        assert re.search(r"^bos ", out, re.M) and "anas" not in out, out
        out = says("status", "-u")
        for name, owner in (("anas", ANA), ("bos", BO)):
            assert re.search(rf"^{name} +{owner} ", out, re.M), out
        if not OLD:
            assert f"User: {BO} ({BO_ID})" in says("api", "info")


@check("sky queue and sky cancel mean one's own jobs, unless all users are said")
def _():
    with acting(ANA_TOKEN):
        says("exec", "-d", "anas", "sleep 300")
    with acting(BO_TOKEN):
        says("exec", "-d", "anas", "sleep 300")
        own, everybodys = says("queue", "anas"), says("queue", "-u", "anas")
        assert re.search(rf"^3 .*{BO}", own, re.M) and ANA not in own, own
        assert re.search(rf"^2 .*{ANA}", everybodys, re.M) and re.search(rf"^3 .*{BO}", everybodys, re.M), everybodys
        says("cancel", "-y", "-a", "anas")
        until(lambda: sky.get(sky.job_status("anas", [3]))[3].value == "CANCELLED", what="the end of job 3")
        assert sky.get(sky.job_status("anas", [2]))[2].value in ("RUNNING", "PENDING", "SETTING_UP")
        says("cancel", "-y", "-u", "anas")
        until(lambda: sky.get(sky.job_status("anas", [2]))[2].value == "CANCELLED", what="the end of job 2")


@check("sky api status names the users; sky api cancel -a ends one's own requests, -u those of all")
def _():
    def waits(name):
        task = sky.Task(run="true", num_nodes=2).set_resources(sky.Resources(cpus="4"))
        return printed(lambda: sky.launch(task, cluster_name=name, retry_until_up=True))[0]

    def statuses():
        return [each.status for each in sky.api_status([first, second])]

    with acting(ANA_TOKEN):
        first = waits("ana-waits")
    with acting(BO_TOKEN):
        second = waits("bo-waits")
        out = says("api", "status")
        assert re.search(rf"{first} +{ANA} ", out) and re.search(rf"{second} +{BO} ", out), out
        says("api", "cancel", "-y", "-a") if not OLD else sky.get(sky.api_cancel())
        eq(statuses()[1], "CANCELLED")
        assert statuses()[0] in ("PENDING", "RUNNING"), statuses()
        says("api", "cancel", "-y", "-u") if not OLD else sky.get(sky.api_cancel(all_users=True))
        eq(statuses(), ["CANCELLED", "CANCELLED"])


@check("a viewer looks at everything and changes nothing, and is told what is missing")
def _():
    words = f"this needs the role user; {VI} is viewer in project default"
    with acting(VI_TOKEN):
        assert {"anas", "bos"} <= set(named(sky.get(sky.status(all_users=True))))
        eq(printed(lambda: sky.tail_logs("anas", 1, follow=False))[0], 0)
        soon(REFUSED, words, lambda: launch("vis", "true"))
        soon(REFUSED, words, lambda: printed(lambda: sky.down("anas")))
        soon(REFUSED, words, lambda: printed(lambda: sky.api_cancel(all_users=True)))
        # Its files are sent before anything else.
        soon(RuntimeError, words if not OLD else "", lambda: launch("vis", "true", workdir=f"{HOME}/own"))


@check("a refusal is one sentence on the terminal")
def _():
    done = subprocess.run(
        [f"{BIN}/sky", "exec", "anas", "true"],
        env={**ENV, **env_of(VI_TOKEN)},
        cwd=HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        text=True,
    )
    eq(done.returncode, 1)
    assert f"{VI} is viewer in project default" in done.stdout and "Traceback" not in done.stdout, done.stdout


@check("a token for one project works in that one alone")
def _():
    with acting(token(ANA, project=LAB)["token"]):
        eq(sky.get(sky.status(all_users=True)), [])
        raises(exceptions.ClusterDoesNotExist, lambda: sky.get(sky.queue("anas")))
        launch("anas", "true")
        eq([each["name"] for each in sky.get(sky.status())], ["anas"])
        printed(lambda: sky.get(sky.down("anas")))
    with acting(ANA_TOKEN):
        assert "anas" in named(sky.get(sky.status()))


@check("a workspace is a project: named by a call, it is made there; what is not the caller's is refused", since="0.10")
def _():
    in_lab = ("--config", f"active_workspace={LAB}")
    with acting(ANA_TOKEN):
        says("launch", "-y", "-w", LAB, "-c", "labs", "--cpus", "1", "echo in the lab")
    with acting(ANA_TOKEN):
        out = says("status")
        assert "labs" not in out, out
        out = says("status", *in_lab)
        assert "labs" in out and f"workspace: '{LAB}'" in out, out
        out = printed(lambda: says("queue", "labs", *in_lab))
        assert "SUCCEEDED" in out[0] + out[1], out
        eq(set(sky.get(sdk.workspaces())), {"default", LAB, SHOP})
        out = says("workspace", "info")
        assert f"Writable: 'default', '{LAB}'" in out and f"Read-only: '{SHOP}'" in out, out
        soon(REFUSED, f"{ANA} is viewer in project {SHOP}", lambda: says("launch", "-y", "-w", SHOP, "true"))
        soon(REFUSED, "keeps no preferred workspace", lambda: says("workspace", "use", LAB))
        says("down", "-y", "labs", *in_lab)
    with acting(BO_TOKEN):
        soon(REFUSED, f"no project {LAB} for you", lambda: says("status", *in_lab))


@check("a token that was revoked, or has ended, leads to the login and is not tried for long")
def _():
    gone = token(ANA)
    admin("DELETE", f"/v1/tokens/{gone['id']}")
    until(lambda: requests.get(f"{URL}/v1/whoami", auth=("any", SHORT), timeout=5).status_code == 401, what="its end")
    for secret in (gone["token"], SHORT):
        with acting(secret):
            if OLD:
                soon(exceptions.ApiServerConnectionError, "Try: curl", lambda: sky.status())
            else:
                soon(exceptions.ApiServerAuthenticationError, "sky api login", lambda: sky.status())


@check("a quota that is used up is an error of the request, in words")
def _():
    admin("PATCH", f"/v1/projects/{LAB}", {"quotas": {"instances": 0}})
    with acting(token(ANA, project=LAB)["token"]):
        soon(RuntimeError, f"project {LAB} has 0 of at most 0 instances and nodes", lambda: launch("more", "true"))


@check("sky api start and stop leave a head elsewhere alone, and say so")
def _():
    with acting(ANA_TOKEN):
        soon(RuntimeError, "Cannot kill the API server", lambda: says("api", "stop"))
        soon(ValueError, "Unable to start local API server", lambda: says("api", "start"))
        assert "anas" in named(sky.get(sky.status()))


@check("sky api login without a token: whoever opens its address approves it; logout forgets the address", since="0.10")
def _():
    seen = ""
    for line in LOGIN.stdout:
        seen += line
        found = re.search(r"(http://\S+code_challenge=[\w-]+)", line)
        if found:
            break
    address = found.group(1)
    page = requests.get(address, auth=("any", ANA_TOKEN), timeout=10)
    assert f"Log in as {ANA}?" in page.text and "script" not in page.text, page.text
    code = {"code_challenge": address.split("=")[-1]}
    approved = requests.post(address, data=code, auth=("any", ANA_TOKEN), headers={"Origin": URL}, timeout=10)
    eq(approved.status_code, 200)
    rest = LOGIN.stdout.read()
    eq((LOGIN.wait(20), f"User: {ANA} ({ANA_ID})" in rest), (0, True))
    (made,) = [each for each in admin("GET", "/v1/tokens?allUsers=true")["items"] if each["name"] == "sky login"]
    eq(made["user"], ANA)

    done = subprocess.run(
        [f"{BIN}/sky", "api", "logout"],
        env=LOGIN_ENV,
        cwd=LOGIN_HOME,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        text=True,
    )
    eq((done.returncode, "Logged out" in done.stdout), (0, True))


@check("each takes down what is theirs")
def _():
    for secret in (ANA_TOKEN, BO_TOKEN):
        with acting(secret):
            says("down", "-y", "-a")
            eq(sky.get(sky.status()), [])


run()
