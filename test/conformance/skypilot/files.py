"""Files on their way: working directories and mounts, sent once, laid out as they are."""

import os
import shutil

from checks import HOME, at_end, check, eq, printed, raises, run

import sky

WORK = os.path.join(HOME, "work")
DATA = os.path.join(HOME, "data")


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def fresh():
    for folder in (WORK, DATA):
        shutil.rmtree(folder, ignore_errors=True)
    write(f"{WORK}/main.sh", "#!/bin/sh\necho version 1\n", 0o755)
    write(f"{WORK}/deep/er/note.txt", "deep\n")
    write(f"{WORK}/secret.tmp", "not to be sent\n")
    write(f"{WORK}/.skyignore", "*.tmp\n")
    os.symlink("deep/er/note.txt", f"{WORK}/link")
    os.symlink("deep", f"{WORK}/folder")
    os.makedirs(f"{WORK}/empty")
    write(f"{DATA}/rows.csv", "a,b\n")


def output(request):
    job, handle = printed(lambda: sky.stream_and_get(request))[0]
    code, text = printed(lambda: sky.tail_logs(handle.cluster_name, job, follow=True))
    eq(code, 0)
    return text


def launch(run, **more):
    task = sky.Task(run=run, **more).set_resources(sky.Resources(cpus="1"))
    return output(printed(lambda: sky.launch(task, cluster_name="files"))[0])


@check("a working directory arrives with its modes, links and empty folders; what is ignored stays behind")
def _():
    fresh()
    text = launch("./main.sh; cat link folder/er/note.txt; ls -d empty; ls secret.tmp 2>&1 || true", workdir=WORK)
    for part in ("version 1", "deep", "empty", "No such file"):
        assert part in text, text


@check("the job begins in the copy")
def _():
    assert "/workdir" in launch("pwd -P", workdir=WORK)


@check("mounts of a folder and of a file are where the task says")
def _():
    task = sky.Task(run="cat ~/in/rows.csv ~/one.csv")
    task.set_file_mounts({"~/in": DATA, "~/one.csv": f"{DATA}/rows.csv"})
    task.set_resources(sky.Resources(cpus="1"))
    eq(output(printed(lambda: sky.launch(task, cluster_name="files"))[0]).count("a,b"), 2)


@check("what has changed is sent again, by exec too")
def _():
    write(f"{WORK}/main.sh", "#!/bin/sh\necho version 2\n", 0o755)
    task = sky.Task(run="./main.sh", workdir=WORK)
    assert "version 2" in output(printed(lambda: sky.exec(task, cluster_name="files"))[0])


@check("a link that leads out of the folder is refused, with its target")
def _():
    os.symlink("/etc/hostname", f"{WORK}/away")
    error = raises(Exception, lambda: launch("true", workdir=WORK))
    eq(type(error), ValueError)
    assert "away" in str(error) and "hostname" in str(error), error
    os.remove(f"{WORK}/away")


@check("a file of many parts arrives whole", since="0.10")
def _():
    # Zeros: an upload of one part that unpacks to many more bytes.
    with open(f"{DATA}/zeros", "wb") as file:
        file.truncate(100_000_000)
    write(f"{DATA}/noise", "")
    with open(f"{DATA}/noise", "wb") as file:
        for _ in range(100):
            file.write(os.urandom(1_000_000))
    task = sky.Task(run="wc -c ~/big/zeros ~/big/noise")
    task.set_file_mounts({"~/big": DATA})
    task.set_resources(sky.Resources(cpus="1"))
    text = output(printed(lambda: sky.launch(task, cluster_name="files"))[0])
    assert "100000000 " in text and text.count("100000000 ") == 2, text
    os.remove(f"{DATA}/zeros")
    os.remove(f"{DATA}/noise")


@check("what the head has is not sent again", since="0.10")
def _():
    launch("true", workdir=WORK)
    _, text = printed(lambda: launch("true", workdir=WORK))
    eq("Uploading (" in text, False)



at_end.append(lambda: sky.get(sky.down("files")))
run()
