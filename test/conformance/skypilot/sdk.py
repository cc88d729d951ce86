"""The documented calls of the library, on clusters that come and go."""

import os

from checks import HOME, OLD, check, eq, printed, raises, run, until

import sky
from sky import exceptions
from sky.client import sdk

UP = sky.ClusterStatus.UP
STOPPED = sky.ClusterStatus.STOPPED


def launch(name, run=None, resources=None, **more):
    """Launches, and returns what the request gives."""
    options = {key: more.pop(key) for key in list(more) if key in ("down", "dryrun", "idle_minutes_to_autostop", "retry_until_up")}
    task = sky.Task(name=more.pop("task", None), run=run, **more)
    task.set_resources(sky.Resources(**(resources or {"cpus": "1"})))
    return printed(lambda: sky.stream_and_get(sky.launch(task, cluster_name=name, **options)))


def record(name):
    found = sky.get(sky.status([name]))
    eq(len(found), 1)
    return found[0]


def status_of(name, job):
    return sky.get(sky.job_status(name, [job]))[job].value


@check("launch gives the number of its job and a handle, and streams what it considers")
def _():
    (job, handle), text = launch("one", "echo ran here", task="first", envs={"WORD": "x"})
    eq(job, 1)
    eq(handle.cluster_name, "one")
    eq(handle.launched_nodes, 1)
    assert "Considered resources" in text and "Launching on" in text, text


@check("the log of a job ends with how it ended, and its exit code is 0")
def _():
    code, text = printed(lambda: sky.tail_logs("one", 1, follow=True))
    eq(code, 0)
    assert "ran here" in text and text.strip().endswith("Job finished (status: SUCCEEDED)."), text


@check("exit codes tell failed, not finished, not found and cancelled apart")
def _():
    failed, _ = sky.get(sky.exec(sky.Task(run="exit 9"), cluster_name="one"))
    slow, _ = sky.get(sky.exec(sky.Task(run="sleep 600"), cluster_name="one"))
    eq(printed(lambda: sky.tail_logs("one", failed, follow=True))[0], 100)
    until(lambda: status_of("one", slow) == "RUNNING")
    eq(printed(lambda: sky.tail_logs("one", slow, follow=False))[0], 101)
    eq(printed(lambda: sky.tail_logs("one", 999, follow=True))[0], 102)
    sky.get(sky.cancel("one", job_ids=[slow]))
    eq(printed(lambda: sky.tail_logs("one", slow, follow=True))[0], 103)


@check("queue lists jobs newest first, with the documented fields")
def _():
    jobs = sky.get(sky.queue("one"))
    eq([job["job_id"] for job in jobs], [3, 2, 1])
    first = jobs[-1]
    eq(first["job_name"], "first")
    eq(first["status"].value, "SUCCEEDED")
    assert first["submitted_at"] <= first["start_at"] <= first["end_at"], first
    for key in ("username", "user_hash", "resources", "log_path"):
        assert first[key], key
    eq(sky.get(sky.queue("one", skip_finished=True)), [])


@check("job_status knows each job, and None for one that does not exist")
def _():
    statuses = sky.get(sky.job_status("one", [1, 2, 99]))
    eq({job: status and status.value for job, status in statuses.items()}, {1: "SUCCEEDED", 2: "FAILED", 99: None})
    eq(list(sky.get(sky.job_status("one"))), [3])


@check("cancel without a number ends the newest, with all every one of the caller")
def _():
    numbers = [sky.get(sky.exec(sky.Task(run="sleep 600"), cluster_name="one"))[0] for _ in range(3)]
    sky.get(sky.cancel("one"))
    until(lambda: status_of("one", numbers[2]) == "CANCELLED")
    sky.get(sky.cancel("one", all=True))
    for number in numbers:
        until(lambda: status_of("one", number) == "CANCELLED")


@check("status has the documented record; names that do not exist are left out")
def _():
    found = record("one")
    eq(found["status"], UP)
    eq(found["autostop"], -1)
    eq(found["to_down"], False)
    eq(found["handle"].cluster_name, "one")
    for key in ("launched_at", "last_use", "user_hash", "user_name", "resources_str"):
        assert found[key], key
    eq(sky.get(sky.status(["nowhere"])), [])
    eq([each["name"] for each in sky.get(sky.status(["on?", "nowhere"]))], ["one"])
    eq([each["name"] for each in sky.get(sky.status(refresh=sky.StatusRefreshMode.FORCE))], ["one"])


# The older package asks for its user once in the life of a process.
@check("status shows the caller's own, and those of all when they are asked for", since="0.10")
def _():
    os.environ["SKYPILOT_USER_ID"] = "0badcafe"
    try:
        eq(sky.get(sky.status()), [])
        eq([each["name"] for each in sky.get(sky.status(all_users=True))], ["one"])
        eq(sky.get(sky.queue("one")), [])
        eq(len(sky.get(sky.queue("one", all_users=True))), 6)
    finally:
        del os.environ["SKYPILOT_USER_ID"]


@check("autostop is set, replaced and cancelled")
def _():
    sky.get(sky.autostop("one", 60))
    eq(record("one")["autostop"], 60)
    sky.get(sky.autostop("one", 30, down=True))
    eq((record("one")["autostop"], record("one")["to_down"]), (30, True))
    sky.get(sky.autostop("one", -1))
    eq((record("one")["autostop"], record("one")["to_down"]), (-1, False))


@check("stop keeps the home, start brings it back with its setting")
def _():
    job, _ = sky.get(sky.exec(sky.Task(run="echo kept > ~/note"), cluster_name="one"))
    until(lambda: status_of("one", job) == "SUCCEEDED")
    eq(sky.get(sky.stop("one")), None)
    eq(record("one")["status"], STOPPED)
    sky.get(sky.start("one", idle_minutes_to_autostop=45))
    eq((record("one")["status"], record("one")["autostop"]), (UP, 45))
    job, _ = sky.get(sky.exec(sky.Task(run="cat ~/note"), cluster_name="one"))
    assert "kept" in printed(lambda: sky.tail_logs("one", job, follow=True))[1]
    eq(sky.get(sky.start("one")).cluster_name, "one")


@check("download_logs brings them to where it says")
def _():
    paths = sky.download_logs("one", ["1"])
    with open(os.path.expanduser(os.path.join(paths["1"], "run.log"))) as log:
        assert "ran here" in log.read()
    assert os.path.expanduser(paths["1"]).startswith(HOME), paths
    eq(len(sky.download_logs("one", None)), 1)


@check("launch on a cluster that is there uses it; idle time and down come with it")
def _():
    (job, _), text = launch("one", "true", idle_minutes_to_autostop=20, down=True)
    assert job > 1 and "Considered" not in text, text
    eq((record("one")["autostop"], record("one")["to_down"]), (20, True))


@check("a cluster of two nodes runs on both")
def _():
    (job, handle), _ = launch("pair", "echo rank $SKYPILOT_NODE_RANK of $SKYPILOT_NUM_NODES", num_nodes=2)
    eq(handle.launched_nodes, 2)
    code, text = printed(lambda: sky.tail_logs("pair", job, follow=True))
    eq(code, 0)
    assert "rank 0 of 2" in text and "rank 1 of 2" in text, text


@check("endpoints are the ports that the task names")
def _():
    launch("ports", "true", {"cpus": "1", "ports": ["8080", "9000-9001"]})
    # The older package leaves the numbers as texts.
    number = str if OLD else int
    found = sky.get(sdk.endpoints("ports"))
    eq(sorted(found), [number(port) for port in (8080, 9000, 9001)])
    assert found[number(8080)].endswith(":8080")
    eq(list(sky.get(sdk.endpoints("ports", 9000))), [number(9000)])
    raises(ValueError, lambda: sky.get(sdk.endpoints("ports", 1)))


@check("a dry run gives nothing, and makes nothing")
def _():
    (job, handle), text = launch("dry", "true", dryrun=True)
    eq((job, handle), (None, None))
    assert "Considered resources" in text
    eq(sky.get(sky.status(["dry"])), [])


@check("setup runs before the job, and no more than once for exec")
def _():
    _, text = launch("prepared", "echo main", setup="echo preparing; echo x >> ~/count")
    assert "preparing" in text, text
    job, _ = sky.get(sky.exec(sky.Task(setup="echo y >> ~/count", run="cat ~/count"), cluster_name="prepared"))
    assert ") x\n" in printed(lambda: sky.tail_logs("prepared", job, follow=True))[1]


@check("down leaves nothing but a line of the cost report")
def _():
    for name in ("one", "pair", "ports", "prepared"):
        eq(sky.get(sky.down(name)), None)
    eq(sky.get(sky.status(all_users=True)), [])
    costs = sky.get(sky.cost_report())
    assert {"one", "pair", "ports", "prepared"} <= {each["name"] for each in costs}, costs
    assert all(each["duration"] >= 0 and each["total_cost"] == 0 for each in costs)
    eq(next(each for each in costs if each["name"] == "pair")["num_nodes"], 2)


@check("--down takes the cluster away when its jobs have ended")
def _():
    launch("brief", "true", down=True)
    until(lambda: sky.get(sky.status(["brief"])) == [], what="its end")


@check("a task says where it runs by the name of a pool")
def _():
    place = {"cloud": sky.Kubernetes(), "region": "default"} if OLD else {"infra": "ssh/default"}
    launch("placed", "true", {"cpus": "1", **place})
    region = record("placed")["handle"].launched_resources.region
    eq(region, "default" if OLD else "ssh-default")
    sky.get(sky.down("placed"))


@check("a request is found by the beginning of its id, listed, and streamed again with the same lines")
def _():
    request = sky.launch(sky.Task(run="true").set_resources(sky.Resources(cpus="1")), cluster_name="again")
    _, first = printed(lambda: sky.stream_and_get(request))
    _, second = printed(lambda: sky.stream_and_get(request[:8]))
    eq(first, second)
    eq(sky.get(request[:8])[0], 1)
    listed = {each.request_id: each for each in sky.api_status(all_status=True)}
    eq((listed[request].name, listed[request].status, listed[request].cluster_name), ("sky.launch", "SUCCEEDED", "again"))
    eq([each.request_id for each in sky.api_status([request[:8]])], [request])


@check("a launch that waits in line is cancelled, and says so to who waits for it")
def _():
    wide = sky.Task(run="true", num_nodes=2).set_resources(sky.Resources(cpus="4"))
    request = sky.launch(wide, cluster_name="waits", retry_until_up=True)
    until(lambda: any(each.request_id == request for each in sky.api_status()))
    eq(sky.get(sky.api_cancel([request])), [request])
    raises(exceptions.RequestCancelled, lambda: sky.get(request))
    until(lambda: sky.get(sky.status(["waits"])) == [], what="its end")


@check("down cancels the requests that are open on its cluster")
def _():
    wide = sky.Task(run="true", num_nodes=2).set_resources(sky.Resources(cpus="4"))
    request = sky.launch(wide, cluster_name="waits", retry_until_up=True)
    until(lambda: any(each.request_id == request for each in sky.api_status()))
    sky.get(sky.down("waits"))
    raises(exceptions.RequestCancelled, lambda: sky.get(request))
    sky.get(sky.down("again"))


@check("what is not built yet has empty lists")
def _():
    eq(sky.get(sky.storage_ls()), [])
    eq(sky.get(sky.serve.status(None)), [])
    jobs = sky.get(sky.jobs.queue(refresh=False))
    eq(list(jobs), [])


@check("check, enabled clouds and accelerators tell what there is")
def _():
    _, text = printed(lambda: sdk.stream_and_get(sdk.check(None, False)))
    assert "pool/default: enabled" in text, text
    assert sky.get(sdk.enabled_clouds()), "no clouds"
    eq(sky.get(sdk.list_accelerator_counts()), {"GPU": [1, 2, 4]})
    eq(sky.get(sdk.list_accelerators())["GPU"][0].accelerator_count, 4)
    if not OLD:
        eq(sky.get(sdk.enabled_clouds(expand=True)), ["SSH/default", "SSH/local"])
        eq(sky.get(sdk.workspaces()), {"default": {}})
        eq(sky.get(sky.volumes.ls()), [])
        eq(sky.get(sdk.realtime_kubernetes_gpu_availability(is_ssh=True)), [["ssh-default", [["GPU", [1, 2, 4], 4, 4]]]])


@check("api_info says that the head is healthy")
def _():
    info = sky.api_info()
    assert "healthy" in str(info["status"]).lower()


run()
