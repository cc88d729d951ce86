"""GPUs: counts, exact indices, sharing; and what waits for them."""

import pylet

from checks import CONF, check, eq, refused, run, until
from support import ADDRESS, clear, log_of, reach, show

pylet.init(ADDRESS)
GPUS, PLAIN = (worker["id"] for worker in CONF["workers"])
HOLD = "echo [$CUDA_VISIBLE_DEVICES]; exec sleep 60"


def hold(**more):
    instance = pylet.submit(HOLD, cpu=0, memory=16, **more)
    reach(instance.id, "RUNNING")
    instance.refresh()
    until(lambda: log_of(instance.id), what="its log")
    return instance


def free():
    return next(worker for worker in pylet.workers() if worker.id == GPUS).gpu_indices_available


@check("a count: the lowest free ones, in CUDA_VISIBLE_DEVICES, given back at the end")
def _():
    one, two = hold(gpu=2), hold(gpu=1)
    eq((one.gpu_indices, log_of(one.id)), ([0, 1], "[0,1]\n"))
    eq((two.gpu_indices, log_of(two.id), free()), ([2], "[2]\n", [3]))
    one.cancel()
    reach(one.id)
    one.refresh()
    eq(one.gpu_indices, None)
    until(lambda: free() == [0, 1, 3], what="the GPUs")
    clear()


@check("indices: exactly these, whatever gpu says")
def _():
    instance = hold(gpu=1, gpu_indices=[3, 1], target_worker=GPUS)
    eq((instance.gpu_indices, log_of(instance.id), free()), ([1, 3], "[1,3]\n", [0, 2]))
    clear()


@check("indices that are refused: without a target, twice, negative, too high, on a worker without GPUs")
def _():
    for bad in [
        {"gpu_indices": [0]},
        {"gpu_indices": [1, 1], "target_worker": GPUS},
        {"gpu_indices": [-1], "target_worker": GPUS},
        {"gpu_indices": [4], "target_worker": GPUS},
        {"gpu_indices": [0], "target_worker": PLAIN},
    ]:
        detail = refused(lambda: pylet.submit("true", **bad), 400)
        assert "gpu_indices" in detail, detail


@check("no indices means no GPU")
def _():
    instance = hold(gpu=2, gpu_indices=[], target_worker=GPUS)
    eq((instance.gpu_indices, free()), (None, [0, 1, 2, 3]))
    clear()


@check("exclusive=False neither blocks nor is blocked; an exclusive one does not mind it")
def _():
    store = hold(gpu_indices=[0, 1, 2, 3], target_worker=GPUS, exclusive=False, labels={"type": "store"})
    eq((store.gpu_indices, store.exclusive, free()), ([0, 1, 2, 3], False, [0, 1, 2, 3]))
    other = hold(gpu_indices=[0], target_worker=GPUS, exclusive=False)
    eq((other.gpu_indices, free()), ([0], [0, 1, 2, 3]))
    model = hold(gpu=1)
    eq((model.gpu_indices, model.exclusive, free()), ([0], True, [1, 2, 3]))
    late = hold(gpu_indices=[0], target_worker=GPUS, exclusive=False)
    eq(late.gpu_indices, [0])
    eq([one.id for one in pylet.instances(labels={"type": "store"})], [store.id])
    clear()


@check("an exclusive request waits for indices that are held, and comes when they are free")
def _():
    holder = hold(gpu_indices=[2], target_worker=GPUS)
    waiting = pylet.submit(HOLD, gpu_indices=[2], target_worker=GPUS)
    everything = pylet.submit(HOLD, gpu=4)
    eq((waiting.status, everything.status, waiting.gpu_indices), ("PENDING", "PENDING", None))
    holder.cancel()
    eq(reach(waiting.id, "RUNNING")["gpu_indices"], [2])
    eq(show(everything.id)["status"], "PENDING")
    clear()


@check("without a GPU, a user's CUDA_VISIBLE_DEVICES stays")
def _():
    instance = hold(env={"CUDA_VISIBLE_DEVICES": "7"})
    eq(log_of(instance.id), "[7]\n")
    clear()


@check("CPU and memory are held: what does not fit waits")
def _():
    big = [pylet.submit("exec sleep 60", cpu=4, memory=16) for _ in range(3)]
    for instance in big[:2]:
        reach(instance.id, "RUNNING")
    eq(show(big[2].id)["status"], "PENDING")
    big[0].cancel()
    reach(big[2].id, "RUNNING")
    clear()


run()
