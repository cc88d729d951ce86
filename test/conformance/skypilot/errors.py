"""Each documented error by its class, from the call that it is documented of, and the same in a process without the package."""

from checks import OLD, check, eq, error_elsewhere, printed, raises, run, until

import sky
from sky import exceptions
from sky.client import sdk


def task(run="true", setup=None, nodes=1, **resources):
    made = sky.Task(run=run, setup=setup, num_nodes=nodes)
    made.set_resources(sky.Resources(**{"cpus": "1", **resources}))
    return made


def fails(kind, request):
    """The request raises just this class, here and elsewhere. Returns the error."""
    request = printed(lambda: request())[0] if callable(request) else request
    error = raises(Exception, lambda: printed(lambda: sky.stream_and_get(request)))
    eq(type(error), kind)
    told = error_elsewhere(request)
    eq(told["type"], kind.__name__)
    assert told["message"], told
    eq(told["stacktrace"], None)
    return error


def launch(made, name, **options):
    return lambda: sky.launch(made, cluster_name=name, **options)


MISSING = {
    "start": lambda: sky.start("nowhere"),
    "stop": lambda: sky.stop("nowhere"),
    "down": lambda: sky.down("nowhere"),
    "autostop": lambda: sky.autostop("nowhere", 5),
    "exec": lambda: sky.exec(task(), cluster_name="nowhere"),
    "queue": lambda: sky.queue("nowhere"),
    "job_status": lambda: sky.job_status("nowhere", [1]),
    "cancel": lambda: sky.cancel("nowhere", all=True),
    "endpoints": lambda: sdk.endpoints("nowhere"),
}
for name, call in MISSING.items():

    @check(f"{name} of a cluster that is not there: ClusterDoesNotExist")
    def _(call=call):
        assert "nowhere" in str(fails(exceptions.ClusterDoesNotExist, call))


@check("tail_logs and download_logs of a cluster that is not there: ClusterDoesNotExist")
def _():
    raises(exceptions.ClusterDoesNotExist, lambda: sky.tail_logs("nowhere", 1, follow=True))
    raises(exceptions.ClusterDoesNotExist, lambda: sky.download_logs("nowhere", None))


@check("a cluster that is stopped: ClusterNotUpError, and of exec ValueError")
def _():
    printed(lambda: sky.stream_and_get(launch(task(), "halted")()))
    sky.get(sky.stop("halted"))
    for call in (
        lambda: sky.queue("halted"),
        lambda: sky.job_status("halted", [1]),
        lambda: sky.cancel("halted", all=True),
        lambda: sky.autostop("halted", 5),
    ):
        fails(exceptions.ClusterNotUpError, call)
    raises(exceptions.ClusterNotUpError, lambda: sky.tail_logs("halted", 1, follow=True))
    raises(exceptions.ClusterNotUpError, lambda: sky.download_logs("halted", None))
    fails(ValueError, lambda: sky.exec(task(), cluster_name="halted"))
    sky.get(sky.down("halted"))


@check("start with down and without idle minutes: ValueError")
def _():
    printed(lambda: sky.stream_and_get(launch(task(), "here")()))
    fails(ValueError, lambda: sky.start("here", down=True))


@check("a launch that asks for more than the cluster has: ResourcesMismatchError")
def _():
    fails(exceptions.ResourcesMismatchError, launch(task(cpus="4"), "here"))
    fails(exceptions.ResourcesMismatchError, launch(task(nodes=2), "here"))
    fails(exceptions.ResourcesMismatchError, lambda: sky.exec(task(cpus="4"), cluster_name="here"))


@check("what could never be had: ResourcesUnavailableError without a history")
def _():
    error = fails(exceptions.ResourcesUnavailableError, launch(task(cpus="64"), "huge"))
    eq((error.no_failover, error.failover_history), (False, []))
    eq(sky.get(sky.status(["huge"])), [])


@check("what is all taken: ResourcesUnavailableError with an exception for each place that was tried")
def _():
    error = fails(exceptions.ResourcesUnavailableError, launch(task(cpus="4", nodes=2), "wide"))
    assert error.failover_history and all(isinstance(each, Exception) for each in error.failover_history), error
    sky.get(sky.down("wide"))


@check("a bad name of a cluster: InvalidClusterNameError")
def _():
    for name in ("bad name", "1st", "a" * 64, "-x"):
        fails(exceptions.InvalidClusterNameError, launch(task(), name))


@check("a place that is not there: NoCloudAccessError")
def _():
    place = {"cloud": sky.Kubernetes(), "region": "nothere"} if OLD else {"infra": "ssh/nothere"}
    fails(exceptions.NoCloudAccessError, launch(task(**place), "far"))


@check("setup that fails: CommandError with the code; the cluster stays")
def _():
    error = fails(exceptions.CommandError, launch(task(setup="echo oh; exit 7"), "unprepared"))
    eq(error.returncode, 7)
    assert "exit 7" in error.command, error.command
    eq(len(sky.get(sky.status(["unprepared"]))), 1)
    sky.get(sky.down("unprepared"))


@check("a task that cannot be read: the client's own error, before anything is sent")
def _():
    with raises_any(ValueError):
        sky.Task.from_yaml_config({"runn": "x"})


@check("what this head does not have: NotSupportedError, of a request or at once")
def _():
    image = task(image_id="docker:ubuntu")
    error = raises(exceptions.NotSupportedError, launch(image, "image"))
    assert "image" in str(error), error
    fails(exceptions.NotSupportedError, lambda: sky.jobs.launch(task(), name="managed"))
    service = sky.Task.from_yaml_config(
        {"run": "true", "resources": {"ports": 8080}, "service": {"readiness_probe": "/", "replicas": 1}}
    )
    error = raises(Exception, lambda: printed(lambda: sky.stream_and_get(sky.serve.up(service, "web"))))
    eq(type(error), exceptions.NotSupportedError)
    fails(exceptions.NotSupportedError, lambda: sky.jobs.cancel(job_ids=[1]))
    fails(exceptions.NotSupportedError, lambda: sky.serve.down("web"))
    fails(exceptions.NotSupportedError, lambda: sky.storage_delete("bucket"))
    raises(exceptions.NotSupportedError, lambda: sky.jobs.tail_logs(job_id=1))
    raises(exceptions.NotSupportedError, lambda: sky.serve.tail_logs("web", "controller"))


@check("a pipeline is refused where a cluster is launched")
def _():
    with sky.Dag() as dag:
        first, second = task(), task()
        first >> second
    error = raises(Exception, lambda: printed(lambda: sky.stream_and_get(sky.launch(dag, cluster_name="chain"))))
    assert not isinstance(error, TimeoutError), error


@check("a request that is not there: an error that names it")
def _():
    missing = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    assert missing in str(raises(RuntimeError, lambda: sky.get(missing)))
    raises(Exception, lambda: sky.stream_and_get(missing))
    eq(sky.api_status([missing]), [])


@check("a request that was cancelled: RequestCancelled, also elsewhere")
def _():
    request = launch(task(cpus="4", nodes=2), "line", retry_until_up=True)()
    until(lambda: any(each.request_id == request for each in sky.api_status()))
    sky.get(sky.api_cancel([request]))
    raises(exceptions.RequestCancelled, lambda: sky.get(request))
    raises(exceptions.RequestCancelled, lambda: sky.stream_and_get(request))


class raises_any:
    """One of these classes, or of those that are one of them."""

    def __init__(self, kind):
        self.kind = kind

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        assert kind is not None and issubclass(kind, self.kind), f"got {error!r}"
        return True


run()
