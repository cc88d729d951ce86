"""The command line through HTTP_PROXY: its deletes (0.5.0), and a head that refuses."""

from checks import CONF, check, eq, run
from support import ADDRESS, clear, gone, logged, pylet, reach, submit_raw

GPUS = CONF["workers"][0]["id"]


@check("delete: by id, by name, not found", since="0.5.0")
def _():
    id, other = submit_raw(name="one"), submit_raw("echo pid $$; exec sleep 60", name="two")
    pid = int(logged(other, "pid ").split()[1])
    eq(pylet("delete", "--instance-id", id, "--yes"), f"Instance {id} deleted\n")
    eq(pylet("delete", "--name", "two", "-y"), "Instance 'two' deleted\n")
    gone(pid)
    eq(pylet("delete", "--instance-id", id, "-y", stderr=True), f"Instance {id} not found\n")
    eq(pylet("delete", "--name", "two", "-y", stderr=True), "Instance 'two' not found\n")


@check("delete --all: with and without a status; the answer no", since="0.5.0")
def _():
    clear()
    for command in ["true", "true", "false"]:
        reach(submit_raw(command))
    assert pylet("delete", "--all", input="n\n").endswith("Deletion cancelled.\n")
    eq(
        pylet("delete", "--all", "--status", "COMPLETED", "-y"),
        "Deleted 2 instances with status 'COMPLETED'\n",
    )
    assert pylet("delete", "--all", input="y\n").endswith("Deleted 1 instances\n")
    eq(pylet("delete", "--all", "-y"), "Deleted 0 instances\n")


@check("delete and delete-worker: contradictory options end with 1", since="0.5.0")
def _():
    for args in [
        ["delete"],
        ["delete", "--all", "--name", "x"],
        ["delete", "--name", "x", "--status", "FAILED"],
        ["delete-worker"],
    ]:
        assert pylet(*args, stderr=True, code=1).startswith("Error: ")


@check("delete-worker: live ones are refused with 1, unknown ones said, none OFFLINE", since="0.5.0")
def _():
    error = pylet("delete-worker", "--worker-id", GPUS, "-y", stderr=True, code=1)
    assert error.startswith("Error: Cannot delete ONLINE or SUSPECT workers."), error
    eq(pylet("delete-worker", "--worker-id", "nobody", "-y", stderr=True), "Worker nobody not found\n")
    eq(pylet("delete-worker", "--all-offline", "-y"), "Deleted 0 OFFLINE workers\n")


@check("0.4.0 has no delete")
def _():
    if CONF["version"] == "0.4.0":
        assert "No such command" in pylet("delete", "--all", stderr=True, code=2)


@check("a wrong token and a head that is not there: the message says so")
def _():
    wrong = {"HTTP_PROXY": ADDRESS.rsplit("@", 1)[0] + "x@" + ADDRESS.rsplit("@", 1)[1]}
    assert "401 Unauthorized" in pylet("list-workers", stderr=True, env=wrong)
    assert pylet("list-workers", stderr=True, env={"HTTP_PROXY": "http://127.0.0.1:1"}).startswith(
        "Error listing workers: "
    )


run()
