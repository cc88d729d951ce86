"""`--trust-loopback --also-listen 8000`: the clients that know only that port and send no token."""

import httpx
import pylet as package

from checks import CONF, check, eq, raises, run
from support import URL, clear, pylet, reach

NO_PROXY = {"HTTP_PROXY": ""}


@check("init without an address, submit, wait, logs")
def _():
    package.init()
    eq(len(package.workers()), 2)
    instance = package.submit("echo hello", cpu=1)
    instance.wait()
    eq((instance.exit_code, instance.logs()), (0, "hello\n"))
    package.shutdown()


@check("both families of loopback, and the head's own port, without a token; with a wrong one 401")
def _():
    for url in ["http://127.0.0.1:8000", "http://localhost:8000", URL]:
        eq((url, httpx.get(f"{url}/workers").status_code), (url, 200))
        eq(httpx.get(f"{url}/workers", auth=("any", "drv_wrong")).status_code, 401)
        raises(ConnectionError, lambda: package.init(url.replace("://", "://any:wrong@")))


@check("the command line without any setting: submit, logs, cancel, list-workers")
def _():
    eq(len(pylet("list-workers", env=NO_PROXY).splitlines()), 2)
    id = pylet("submit", "echo here; sleep 60", env=NO_PROXY).split()[-1]
    reach(id, "RUNNING")
    eq(pylet("cancel", id, env=NO_PROXY), f"Cancellation requested for instance {id}\n")
    reach(id, "CANCELLED")
    eq(pylet("logs", id, env=NO_PROXY), "here\n")
    if CONF["version"] >= "0.5.0":
        eq(pylet("delete", "--instance-id", id, "-y", env=NO_PROXY), f"Instance {id} deleted\n")
    clear()


run()
