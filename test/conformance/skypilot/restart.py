"""The head is killed under its clients: requests outlive it, and who follows goes on."""

import threading

from checks import check, eq, kill_head, printed, raises, run, until

import sky
from sky import exceptions


def launch(name, setup, run="echo ran"):
    task = sky.Task(setup=setup, run=run).set_resources(sky.Resources(cpus="1"))
    return printed(lambda: sky.launch(task, cluster_name=name))[0]


@check("a launch under way comes to its end, and is told under its id")
def _():
    request = launch("outlives", "sleep 3")
    until(lambda: any(each.request_id == request for each in sky.api_status()))
    kill_head()
    job, handle = sky.get(request)
    eq((job, handle.cluster_name), (1, "outlives"))
    assert "ran" in printed(lambda: sky.tail_logs("outlives", 1, follow=True))[1]


@check("an error that was told is told again")
def _():
    request = sky.down("nowhere")
    raises(exceptions.ClusterDoesNotExist, lambda: sky.get(request))
    kill_head()
    raises(exceptions.ClusterDoesNotExist, lambda: sky.get(request))


@check("who follows a request goes on where it was, and sees each line once", since="0.10")
def _():
    request = launch("followed", "for i in 1 2 3 4 5 6; do echo step $i; sleep 0.5; done")
    seen = []

    def follow():
        seen.append(printed(lambda: sky.stream_and_get(request)))

    thread = threading.Thread(target=follow)
    thread.start()
    until(lambda: any(each.request_id == request and each.status == "RUNNING" for each in sky.api_status()))
    kill_head()
    thread.join(30)
    (job, _), text = seen[0]
    eq(job, 1)
    for step in range(1, 7):
        eq(text.count(f"step {step}\n"), 1)


@check("who follows a job goes on where it was, and sees each line once", since="0.10")
def _():
    task = sky.Task(run="for i in 1 2 3 4 5 6; do echo row $i; sleep 0.5; done")
    job, _ = sky.get(sky.exec(task, cluster_name="followed"))
    seen = []
    thread = threading.Thread(
        target=lambda: seen.append(printed(lambda: sky.tail_logs("followed", job, follow=True)))
    )
    thread.start()
    until(lambda: sky.get(sky.job_status("followed", [job]))[job].value == "RUNNING")
    kill_head()
    thread.join(30)
    code, text = seen[0]
    eq(code, 0)
    for row in range(1, 7):
        eq(text.count(f"row {row}\n"), 1)


@check("clusters are taken down by the head that came after")
def _():
    for name in ("outlives", "followed"):
        if sky.get(sky.status([name])):
            sky.get(sky.down(name))


run()
