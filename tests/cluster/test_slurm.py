"""A study on a real Slurm: a node is lost, tasks are requeued and run twice, and the result is that of one machine. Usage: test_slurm.py MHO"""
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))

import harness
import local_slurm
from harness import Skip
from local_slurm import wait_for

SWEEP = """  chip.noise: [0.25, 0.5, 0.75, 1]
  chip.adc.uniform.bits: [4, 5, 6, 8]
"""
TASKS = 8


def log_of(folder, task):
    """What the runs of a task have printed."""
    path = folder / "logs" / f"array-{task}.log"
    return path.read_text() if path.exists() else ""


def processes(place):
    """Lines of ps: the cluster and its jobs."""
    listing = subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listing.splitlines() if str(place.folder / "slurm") in line and " Z" not in line]


def test_study_on_a_failing_cluster(place):
    """Through `mho submit`: the model is trained by a job; a node dies, a task is requeued by Slurm, another by its time limit's signal, a third runs
    twice at once; the merged result has the digest of a run without a cluster, and a later merge job draws it. When
    the cluster is stopped, no process of it or of its jobs is left."""
    if local_slurm.missing():
        raise Skip(f"needs slurm-wlm and munge: no {', '.join(local_slurm.missing())}")
    images = harness.write_idx(place.folder, "many", 1000, 7)
    study = place.study("study.yaml", SWEEP, test=images)
    study.write_text(study.read_text().replace("limit: 40", "limit: 1000") + "cluster: {time: 30, memory: 100M}\n")
    result, folder = place.folder / "r.h5", place.folder / "r.h5.cluster"
    sets = ["--cpu", "scalar"]
    with local_slurm.Slurm(place.folder / "slurm", nodes=3, cpus=3) as slurm:
        place.env["SLURM_CONF"] = slurm.env["SLURM_CONF"]
        begun = time.monotonic()
        output = place.done("submit", study, "-o", result, "--tasks", TASKS, *sets)
        jobs = dict(re.findall(r"^(\w+) (\d+)$", output, re.M))
        assert sorted(jobs) == ["array", "merge", "train"], output
        def running(job):
            return [line for line in slurm.queue() if line[0] == job and line[2] == "RUNNING"]
        parts = folder / "parts"
        wait_for(lambda: len(running(jobs["array"])) == TASKS and len(list(parts.glob("*.parts/*.journal"))) >= 4, "tasks with trials", 60)
        print(f"# {time.monotonic() - begun:.1f} s: trained, tasks run", flush=True)
        place.refused(2, ["running", "mho status"], "submit", study, "-o", result, "--tasks", TASKS, *sets)
        tasks = running(jobs["array"])
        lost = tasks[0][3]
        others = [line for line in tasks if line[3] != lost]
        assert len(others) >= 3, tasks
        requeued, warned, doubled = others[0], others[1], others[2]
        twin = slurm.call("sbatch", "--parsable", f"--array={doubled[1]}", folder / "array.sh").strip()
        wait_for(lambda: running(twin), "a twin of a task")
        assert [line for line in running(jobs["array"]) if line[1] == doubled[1]], "the task was over before its twin ran"
        slurm.call("scontrol", "requeue", f"{requeued[0]}_{requeued[1]}")
        # the signal that comes before a time limit; scancel itself tries again when the job has left before it asks
        subprocess.run(["timeout", "3", "scancel", "--signal=USR1", "--batch", f"{warned[0]}_{warned[1]}"], env=slurm.env, check=False)
        slurm.kill_node(lost)
        on_lost = [line[1] for line in tasks if line[3] == lost]
        assert processes(place), "no process of the cluster is to be seen"
        wait_for(lambda: not slurm.queue(), "the end of all jobs", 120)
        print(f"# {time.monotonic() - begun:.1f} s: all jobs have ended", flush=True)
        for task in [requeued[1], warned[1], *on_lost]:
            assert "start 2" in log_of(folder, task), f"task {task} did not start again:\n{log_of(folder, task)}"
        assert log_of(folder, doubled[1]).count("start 1") == 2, f"task {doubled[1]} did not run twice (job {twin}):\n{log_of(folder, doubled[1])}"
        assert result.exists(), (folder / "logs" / "merge.log").read_text()
    assert not processes(place), processes(place)
    place.env.pop("SLURM_CONF")
    place.done("sweep", study, "-o", "whole.h5", "--quiet")
    assert place.digest(result) == place.digest("whole.h5"), "the cluster's result differs from that of one machine"


if __name__ == "__main__":
    local_slurm.enter_namespace()
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
