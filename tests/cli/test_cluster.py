"""Shards, their merge, and jobs of a cluster without a cluster. Usage: test_cluster.py MHO"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import harness
from harness import Skip, fresh

SWEEP = """  chip.cell.name: [ideal, pcm]
  chip.noise: [0.5, 1]
  chip.adc.uniform.bits: [4, 6]
"""
TRIALS = 2 + 2 * 2 * 3
SHARDS = 3


def trained(place):
    """The usual study with its model."""
    study = place.study("study.yaml", SWEEP)
    if not place.model.exists():
        place.done("train", place.study("train.yaml"), "--quiet")
    return study


def whole(place):
    """The digest of the sweep in one piece."""
    path = place.folder / "whole.h5"
    if not path.exists():
        place.done("sweep", trained(place), "-o", path, "--quiet")
    return place.digest(path)


def shards(place, name):
    """The shards of the study in a folder of their own."""
    source, folder = place.folder / "shards", fresh(place, name)
    if not source.exists():
        source.mkdir()
        for i in range(1, SHARDS + 1):
            place.done("sweep", trained(place), "-o", source / f"s{i}.h5", "--shard", f"{i}/{SHARDS}", "--quiet")
    return [shutil.copy(source / f"s{i}.h5", folder) for i in range(1, SHARDS + 1)]


def edit(path, change):
    """Edit a result with h5py, as a user would."""
    import h5py
    with h5py.File(path, "r+") as file:
        change(file)


def wait_for(condition, seconds=30.0):
    """Poll until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def test_merge_of_a_folder(place):
    """All shards of a folder are merged into the digest of the whole; other files there are left out; provenance names every shard."""
    import h5py
    expected, folder = whole(place), place.folder / "joined"
    files = shards(place, "joined")
    shutil.copy(place.model, folder / "a-model.h5")
    place.done("sweep", trained(place), "-o", folder / "z-other.h5", "--set", "data.limit=20", "--quiet")
    assert place.done("merge", f"{folder}/").strip() == f"{folder}.h5"
    assert place.digest(f"{folder}.h5") == expected
    with h5py.File(f"{folder}.h5") as file:
        provenance = file["provenance"]
        assert [s.decode() for s in provenance["shard_file"][:]] == files
        assert [s.decode() for s in provenance["shard_part"][:]] == ["1/3", "2/3", "3/3"]
        for name in ["shard_host", "shard_commit", "shard_version", "shard_written"]:
            assert all(provenance[name][:]), name
        assert (provenance["shard_seconds"][:] > 0).all() and not provenance["shard_edited"][:].any()
        assert "missing" not in file.attrs and "shard" not in file.attrs
        readme = (pathlib.Path(os.environ["MHO_SOURCE"]) / "results" / "README.md").read_text()
        assert all(f"`{name}`" in readme for name in provenance if name.startswith("shard_")), list(provenance)
        assert all(provenance[name].attrs["long_name"] for name in provenance if name.startswith("shard_"))
    place.refused(2, ["joined.h5", "exists"], "merge", folder)
    place.refused(2, ["no file of this folder"], "merge", fresh(place, "empty"), "-o", "none.h5")
    place.refused(2, ["-o RESULT.h5"], "merge", files[0])


def test_default_name_of_shards(place):
    """Shards without -o have i-of-n in their names, and their merge without -o has the name of the whole."""
    study = trained(place)
    for i in (1, 2):
        assert place.done("sweep", study, "--shard", f"{i}/2", "--quiet").strip() == f"results/study.shard-{i}-of-2.h5"
    assert place.done("merge", "results/study.shard-1-of-2.h5", "results/study.shard-2-of-2.h5").strip() == "results/study.h5"
    assert place.digest("results/study.h5") == whole(place)


def test_partial_merge(place):
    """A lost shard: the merge names what is missing; --partial writes the rest, says so, and merges with the lost one later into the whole's digest."""
    import h5py
    expected, files = whole(place), shards(place, "partial")
    place.refused(1, ["trials are missing (point", "--partial"], "merge", files[0], files[2], "-o", "part.h5")
    assert not (place.folder / "part.h5").exists()
    process = place.run("merge", files[0], files[2], "-o", "part.h5", "--partial")
    assert process.returncode == 0 and "is partial" in process.stderr, process.stderr
    with h5py.File(place.folder / "part.h5") as file:
        missing = int(file.attrs["missing"])
        assert 0 < missing < TRIALS and "point" in file.attrs["missing_trials"] and file.attrs["shard"] == "partial"
        held = [[not bool(x != x) for x in row] for row in file["accuracy"][:]]
        assert sum(map(sum, held)) == TRIALS - missing
    assert f"{missing} trials are missing" in place.done("status", "part.h5")
    assert place.digest("part.h5") != expected
    place.done("merge", "part.h5", files[1], "-o", "completed.h5", "--quiet")
    assert place.digest("completed.h5") == expected
    with h5py.File(place.folder / "completed.h5") as file:
        assert [s.decode() for s in file["provenance/shard_part"][:]] == ["1/3", "3/3", "2/3"]
    shutil.copy(place.folder / "part.h5", pathlib.Path(files[0]).parent / "part.h5")
    place.done("merge", pathlib.Path(files[0]).parent, "-o", "once.h5", "--quiet")  # shards beside a merge of them: each run is named once
    with h5py.File(place.folder / "once.h5") as file:
        assert sorted(s.decode() for s in file["provenance/shard_part"][:]) == ["1/3", "2/3", "3/3"]


def test_shards_of_two_commits(place):
    """Shards that two commits of one version have run are merged with a warning that names both; those of one commit without."""
    files = shards(place, "commits")
    assert "commits" not in place.run("merge", *files, "-o", "one-commit.h5").stderr
    edit(files[1], lambda file: file["provenance"].attrs.__setitem__("git_commit", "0123456789ab"))
    process = place.run("merge", *files, "-o", "two-commits.h5", "--accept-edited")
    assert process.returncode == 0 and process.stderr.count("different commits") == 1 and f"{files[1]} by 0123456789ab" in process.stderr, process.stderr


def test_shards_of_several_grids(place):
    """A study with several grids has a key on several lines: only what differs is named."""
    study, folder = trained(place), fresh(place, "grids")
    text = study.read_text().split("sweep:")[0] + "sweep:\n  - {chip.cell.name: pcm, chip.noise: [0.5, 1]}\n  - {chip.cell.name: pcm, chip.noise: [2, 4]}\n"
    study = folder / "grids.yaml"
    study.write_text(text)
    place.done("sweep", study, "-o", folder / "a.h5", "--shard", "1/2", "--quiet")
    place.done("sweep", study, "-o", folder / "b.h5", "--shard", "2/2", "--set", "data.limit=30", "--quiet")
    process = place.refused(2, "data.limit is 40 in", "merge", folder / "a.h5", folder / "b.h5", "-o", "n.h5")
    assert "chip.noise" not in process.stderr, process.stderr
    study.write_text(text.replace("[2, 4]", "[2, 3]"))
    place.done("sweep", study, "-o", folder / "c.h5", "--shard", "2/2", "--quiet")
    process = place.refused(2, ["chip.noise", "4", "3"], "merge", folder / "a.h5", folder / "c.h5", "-o", "n.h5")
    assert process.stderr.count("chip.noise") == 1 and "more differences" not in process.stderr, process.stderr


def test_shards_that_differ(place):
    """Shards of other keys, data, models or versions are refused, with both files and both values."""
    files = shards(place, "differ")
    study, folder = trained(place), place.folder / "differ"
    place.done("sweep", study, "-o", folder / "keys.h5", "--shard", "2/3", "--set", "data.limit=39", "--set", "repeat=2", "--quiet")
    place.refused(2, [files[0], "keys.h5", "repeat is 3 in", "2 in", "data.limit: 40 and 39"], "merge", files[0], folder / "keys.h5", "-o", "n.h5")
    labels = place.folder / "test-labels"
    label_bytes = labels.read_bytes()
    try:
        labels.write_bytes(label_bytes[:-25] + bytes([1]) + label_bytes[-24:])
        place.done("sweep", study, "-o", folder / "data.h5", "--shard", "2/3", "--quiet")
    finally:
        labels.write_bytes(label_bytes)
    place.refused(2, [files[0], "data.h5", "data test", " in ", " and "], "merge", files[0], folder / "data.h5", "-o", "n.h5")
    for name, value, words in [("models", f"{place.model} {'0' * 64}\n", f"model {place.model}"), ("study_digest", "d" * 64, "study_digest")]:
        changed = shutil.copy(files[1], folder / f"{name}.h5")
        edit(changed, lambda file, name=name, value=value: file.attrs.__setitem__(name, value))
        place.refused(2, [files[0], f"{name}.h5", words, value.split()[-1][:40]], "merge", files[0], changed, "-o", "n.h5", "--accept-edited")
    changed = shutil.copy(files[1], folder / "version.h5")
    edit(changed, lambda file: file["provenance"].attrs.__setitem__("mho_version", "9.9"))
    place.refused(2, [files[0], "version.h5", "version of mho is", "9.9"], "merge", files[0], changed, "-o", "n.h5", "--accept-edited")
    assert not (place.folder / "n.h5").exists()


def test_edited_shard(place):
    """A shard that another program has edited is merged only with --accept-edited, and the result says so."""
    import h5py
    files = shards(place, "edited")
    edit(files[1], lambda file: file.attrs.__setitem__("note", "mine"))
    process = place.refused(2, [files[1], "edited", "--accept-edited"], "merge", place.folder / "edited", "-o", "accepted.h5")
    assert process.stderr.count(files[1]) == 1, process.stderr
    place.done("merge", place.folder / "edited", "-o", "accepted.h5", "--accept-edited")
    assert place.digest("accepted.h5") == whole(place)
    with h5py.File(place.folder / "accepted.h5") as file:
        assert list(file["provenance/shard_edited"][:]) == [0, 1, 0]


def test_damaged_shard(place):
    """A damaged shard is named once, and so is a file that is no result."""
    files = shards(place, "damaged")
    data = bytearray(pathlib.Path(files[1]).read_bytes())
    data[len(data) // 2] ^= 255
    pathlib.Path(files[1]).write_bytes(data)
    process = place.refused(2, [files[1]], "merge", *files, "-o", "n.h5")
    assert process.stderr.count(files[1]) == 1, process.stderr
    process = place.refused(2, [str(place.model)], "merge", files[0], place.model, "-o", "n.h5")
    assert process.stderr.count(str(place.model)) == 1, process.stderr


def test_lost_and_doubled_shard(place):
    """A shard whose process was killed is lost for `mho status` and goes on; two processes on one shard make it once."""
    expected, study, folder = whole(place), trained(place), fresh(place, "doubled")
    command = ["sweep", study, "-j", "1", "--cpu", "scalar", "--quiet"]
    slow = ["-o", folder / "q.shard-1-of-2.h5", "--shard", "1/2"]
    process = place.popen(*command, *slow)
    wait_for(lambda: process.poll() is not None or list(folder.glob("*.parts/*.journal")))
    running = json.loads(place.done("status", folder / "q.h5", "--json"))
    process.send_signal(signal.SIGKILL)
    killed = process.wait(30) == -signal.SIGKILL
    if killed:
        assert running["parts"][0]["state"] == "running" and running["parts"][0]["process"] == process.pid, running
        text = place.done("status", folder / "q.h5")
        assert "1 lost, 1 not started" in text and f"process {process.pid}" in text, text
    twins = [place.popen(*command, *slow) for _ in range(2)]
    assert [twin.wait(60) for twin in twins] == [0, 0]
    place.refused(1, "trials are missing", "merge", folder, "-o", "d.h5")
    state = json.loads(place.done("status", folder / "q.h5", "--json"))
    assert [part["state"] for part in state["parts"]] == ["done", "not started"] and state["trials"] == TRIALS, state
    assert state["trials_done"] == (TRIALS + 1) // 2, state
    place.done(*command, "-o", folder / "q.shard-2-of-2.h5", "--shard", "2/2")
    assert "every part is done" in place.done("status", folder / "q.h5")
    place.done("merge", folder, "-o", folder / "q.h5", "--quiet")
    assert place.digest(folder / "q.h5") == expected
    assert "is done" in place.done("status", folder / "q.h5")
    place.refused(2, "there is no result", "status", folder / "nothing.h5")


def dry(place, *arguments):
    """Scripts of a dry run by name, and the lines that would submit them."""
    text = place.done("submit", *arguments, "--dry-run", "--quiet")
    blocks = re.split(r"^# (?=sbatch )", text, flags=re.M)[1:]
    lines = [block.split("\n", 1) for block in blocks]
    return {re.search(r"(\w+)\.sh'", line).group(1): script for line, script in lines}, [line for line, _ in lines]


def test_submit_dry_run(place):
    """The scripts are sound shell, whatever the path; options stand over the study's keys; nothing is written or submitted."""
    folder = fresh(place, "it's a \"path\" $HOME")
    study = place.study("jobs.yaml", SWEEP, model=folder / "m.h5")
    study = shutil.move(study, folder / "jobs $(x).yaml")
    text = pathlib.Path(study).read_text().replace(f"model: {folder / 'm.h5'}", "model: none/m.h5")
    pathlib.Path(study).write_text(text + "cluster: {partition: long, time: 1-12, memory: 2G, cpus: 3}\n")
    before = sorted(folder.iterdir())
    scripts, lines = dry(place, study, "-o", folder / "r.h5", "--partition", "short", "--account=me", "--set", "seed=4")
    assert list(scripts) == ["train", "array", "merge"] and "afterok:JOB_train --array=1 " in lines[1] and "afterany:JOB_array" in lines[2], lines
    for name, script in scripts.items():
        assert "#SBATCH --partition=short\n" in script and "#SBATCH --time=1-12\n" in script and "#SBATCH --mem=2G\n" in script, script
        assert "#SBATCH --account=me\n" in script and f"--cpus-per-task={1 if name == 'merge' else 3}\n" in script, script
        assert name == "merge" or "'--set' \\\n  'seed=4'" in script, script
        checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr
    assert sorted(folder.iterdir()) == before and not (folder / "r.h5.cluster").exists()
    scripts, lines = dry(place, study, "-o", folder / "r.h5", "--tasks", "7")
    assert "--array=1-7 " in lines[1] and '"$SLURM_ARRAY_TASK_ID/7"' in scripts["array"], lines
    place.refused(2, ["--tasks", "1000"], "submit", study, "--tasks", "1001", "--dry-run")
    place.refused(2, ["cluster.time", "soon"], "submit", study, "--time", "soon", "--dry-run")
    place.refused(2, ["cluster.partition", "character"], "submit", study, "--partition", "a b", "--dry-run")
    place.refused(1, "no sbatch on PATH", "submit", study, env={**place.env, "PATH": "/nowhere"})


def test_scripts_pass_shellcheck(place):
    """Shellcheck finds nothing in the scripts."""
    if not shutil.which("shellcheck"):
        raise Skip("needs shellcheck")
    for name, script in dry(place, trained(place), "-o", "it's.h5", "--tasks", "7")[0].items():
        checked = subprocess.run(["shellcheck", "-"], input=script, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{name}: {checked.stdout}"


def test_keys_of_a_cluster_change_nothing(place):
    """The keys cluster.* are in no digest; a sweep of one is refused."""
    trained(place)
    study = place.study("clustered.yaml", SWEEP)
    study.write_text(study.read_text() + "cluster: {partition: short, cpus: 2, tasks: 5}\n")
    process = place.run("sweep", study, "-o", "clustered.h5")
    assert process.returncode == 0 and "nothing in this study uses" not in process.stderr, process.stderr
    assert place.digest("clustered.h5") == whole(place)
    place.refused(2, "cluster.cpus", "sweep", study, "-o", "n.h5", "--set", "cluster.cpus=1,2")


FAKES = {
    "sbatch": 'echo "$@" >>"$FAKE/sbatch.log"; wc -l <"$FAKE/sbatch.log"',
    "squeue": 'cat "$FAKE/queue" 2>/dev/null || true',
    "scontrol": 'case $1 in show) echo "RequeueExit             = $FAKE_EXIT" ;; *) echo "$@" >>"$FAKE/scontrol.log" ;; esac',
}


def fake_slurm(place, name):
    """Programs of Slurm that only write down how they are called."""
    folder = fresh(place, name)
    for program, line in FAKES.items():
        path = folder / program
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    return folder, {**place.env, "PATH": f"{folder}:{os.environ['PATH']}", "FAKE": str(folder), "FAKE_EXIT": "(null)"}


def test_status_counts_what_can_be(place):
    """Journals of another study in the same place, a hostile number of missing trials and files that are no results: never more trials than there are."""
    study, folder = trained(place), fresh(place, "counts")
    name = interrupted(place, folder, study, "repeat=8")
    before = json.loads(place.done("status", name, "--json"))
    assert 0 < before["trials_done"] <= before["trials"], before
    plan = pathlib.Path(f"{name}.parts") / "plan"
    plan.write_text(re.sub("trials [0-9]+", "trials 1", plan.read_text()))
    after = json.loads(place.done("status", name, "--json"))
    assert after["trials"] == after["trials_done"] == 1 and after["trials_other"] == before["trials_done"] - 1, after
    if before["trials_done"] > 1:
        assert "more lie in the journals" in place.done("status", name)
    files = shards(place, "counts/shards")
    place.done("merge", files[0], "-o", folder / "part.h5", "--partial", "--quiet")
    for missing in [-3, 10**6]:
        changed = shutil.copy(folder / "part.h5", folder / f"missing{missing}.h5")
        edit(changed, lambda file, missing=missing: file.attrs.__setitem__("missing", missing))
        place.refused(2, [str(missing), "missing is"], "status", changed)
    place.refused(2, "not a result", "status", place.model)


def test_status_of_another_study(place):
    """A result, and shards, of another study at the same place are none of this study, whose own parts are counted."""
    study, folder = trained(place), fresh(place, "foreign")
    other = ["--set", "data.limit=20", "--quiet"]
    place.done("sweep", study, "-o", folder / "r.h5", *other)
    place.refused(2, ["r.h5", "is the result of another study"], "status", study, "-o", folder / "r.h5")
    assert "is done" in place.done("status", study, "-o", folder / "r.h5", "--set", "data.limit=20")
    assert "is done" in place.done("status", folder / "r.h5")
    place.done("sweep", study, "--shard", "1/2", "-o", folder / "r.shard-1-of-2.h5", "--quiet")
    place.done("sweep", study, "--shard", "2/2", "-o", folder / "r.shard-2-of-2.h5", *other)
    text = place.done("status", study, "-o", folder / "r.h5")
    for words in ["result of another study", "1 done, 1 not started", f"{TRIALS // 2}/{TRIALS}", "1 of the files of parts"]:
        assert words in text, (words, text)
    state = json.loads(place.done("status", study, "-o", folder / "r.h5", "--json"))
    assert state["of_another_study"] and not state["done"] and state["trials_done"] == TRIALS // 2, state


def test_submit_of_a_finished_study(place):
    """A study whose result is finished is not submitted, and that is no error; the result of another study is refused."""
    study, folder = trained(place), fresh(place, "submitted")
    place.done("sweep", study, "-o", folder / "r.h5", "--quiet")
    for words in [[], ["--dry-run"], ["--partition", "short"]]:
        process = place.run("submit", study, "-o", folder / "r.h5", *words)
        assert process.returncode == 0 and process.stdout == "" and "is the finished result of this study; nothing to do" in process.stderr, process
    place.refused(2, ["r.h5", "another study", "never overwritten"], "submit", study, "-o", folder / "r.h5", "--dry-run", "--set", "data.limit=20")
    assert not (folder / "r.h5.cluster").exists()


def interrupted(place, folder, study, *sets):
    """A result whose sweep was killed with some trials in its journal."""
    for attempt in range(5):  # a busy machine may let it finish before the signal
        name = folder / f"killed{attempt}.h5"
        process = place.popen("sweep", study, "-o", name, "-j", "1", "--cpu", "scalar", *[word for key in sets for word in ("--set", key)])
        wait_for(lambda: process.poll() is not None or any(path.stat().st_size > 1000 for path in pathlib.Path(f"{name}.parts").glob("*.journal")))
        process.send_signal(signal.SIGKILL)
        if process.wait(30) == -signal.SIGKILL:
            return name
    raise AssertionError("every sweep was done before its signal")


def test_status_of_points_that_stop(place):
    """With a stop rule the parts have whole points, and totals are at most."""
    study, folder = trained(place), fresh(place, "stops")
    rule = ["--set", "repeat=16", "--set", "stop.half_width=0.1", "--quiet"]
    for part in (1, 2):
        place.done("sweep", study, *rule, "-o", folder / f"r.shard-{part}-of-3.h5", "--shard", f"{part}/3")
    state = json.loads(place.done("status", folder / "r.h5", "--json"))
    chips = dealt(folder / "r.shard-1-of-3.h5", 3)
    assert [part["trials"] for part in state["parts"]] == chips and state["trials"] == sum(chips), (state, chips)
    assert state["trials_at_most"] and "of at most" in place.done("status", folder / "r.h5")
    for other in (5, 6, 7):  # other numbers of parts in names: the one that most names have counts, though it is not half of them
        (folder / f"r.shard-1-of-{other}.h5").touch()
    assert len(json.loads(place.done("status", folder / "r.h5", "--json"))["parts"]) == 3


def dealt(shard, parts):
    """Trials of every part, where whole points are dealt out."""
    import h5py
    with h5py.File(shard) as file:
        chips = [int(n) for n in file["n_chips"][:]]
    return [sum(chips[part::parts]) for part in range(parts)]


def test_status_of_training(place):
    """While a model of the study is being trained, status names it and who trains it."""
    folder = fresh(place, "training")
    study = place.study("training.yaml", "  chip.noise: [0, 1]\n", model=folder / "m.h5")
    place.refused(2, "there is no result", "status", study, "-o", folder / "r.h5")
    process = place.popen("train", study, "-j", "1", "--set", "train.stages=float:100000")
    try:
        wait_for(lambda: (folder / "m.h5.lock").exists() and (folder / "m.h5.lock").stat().st_size > 0)
        text = place.done("status", study, "-o", folder / "r.h5")
        assert f"training {folder / 'm.h5'} by " in text and f"process {process.pid} since" in text and "nothing runs" not in text, text
        run = json.loads(place.done("status", study, "-o", folder / "r.h5", "--json"))["training"][0]
        assert run["model"] == str(folder / "m.h5") and run["process"] == process.pid, run
    finally:
        process.kill()
        process.wait(30)


def test_status_of_stopped_training(place):
    """After Ctrl-C in training, status names the model and the checkpoint that the same command goes on from."""
    folder = fresh(place, "stopped-training")
    study = place.study("stopped.yaml", "  chip.noise: [0, 1]\n", model=folder / "m.h5")
    kept, long = place.folder / "results" / "checkpoints", ["--set", "train.stages=float:100000"]
    process = place.popen("train", study, "-j", "1", *long)
    try:
        wait_for(lambda: (folder / "m.h5.lock").exists())
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 75
    finally:
        process.kill()
    checkpoint = next(kept.glob("m-*.h5"))
    command = ["status", study, "-o", folder / "r.h5", *long]
    text = place.done(*command)
    assert f"training of {folder / 'm.h5'} was stopped; results/checkpoints/{checkpoint.name}" in text, text
    state = json.loads(place.done(*command, "--json"))
    assert state["training"] == [] and state["checkpoints"][0]["model"] == str(folder / "m.h5"), state
    place.refused(2, "there is no result", "status", study, "-o", folder / "r.h5")


def test_submit_again(place):
    """What is submitted again is only what is missing; jobs that still wait are not submitted twice; another study does not take the folder."""
    fake, env = fake_slurm(place, "fake")
    command = ["submit", trained(place), "-o", "again.h5", "--quiet"]
    log = lambda: (fake / "sbatch.log").read_text().splitlines()
    place.done(*command, "--tasks", "5", env=env)
    assert len(log()) == 2 and "--array=1-5 " in log()[0] and "--dependency=afterany:1 " in log()[1], log()  # the model is there: nothing to train
    (fake / "queue").write_text("1 PENDING\n1 RUNNING\n99 RUNNING\n")
    place.refused(2, ["1 jobs", "1 wait"], *command, env=env)
    assert "queue   1 running, 1 waiting" in place.done("status", command[1], "-o", "again.h5", env=env)
    asked = (fake / "squeue").read_text()
    (fake / "squeue").write_text("#!/bin/sh\nexit 1\n")
    place.refused(1, ["squeue does not answer", "nothing was submitted"], *command, env=env)
    assert len(log()) == 2, log()
    (fake / "squeue").write_text(asked)
    (fake / "queue").unlink()
    cluster = place.folder / "again.h5.cluster"
    for task in (1, 2, 4):
        task_env = {**env, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_JOB_ID": "1"}
        assert subprocess.run(["bash", cluster / "array.sh"], env=task_env, check=False, timeout=60).returncode == 0
    place.done(*command, env=env)
    assert "--array=3,5 " in log()[2], log()
    assert "3 done, 2 not started" in place.done("status", command[1], "-o", "again.h5", env=env)
    place.refused(2, ["another study", "-o"], *command, "--set", "data.limit=20", env=env)
    assert subprocess.run(["bash", cluster / "merge.sh"], env=env, check=False, timeout=60).returncode == 1
    assert "trials are missing" in (cluster / "logs" / "merge.log").read_text()
    for task in (3, 5):
        task_env = {**env, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_JOB_ID": "1"}
        assert subprocess.run(["bash", cluster / "array.sh"], env=task_env, check=False, timeout=60).returncode == 0
    assert subprocess.run(["bash", cluster / "merge.sh"], env=env, check=False, timeout=120).returncode == 0
    assert place.digest("again.h5") == whole(place)
    place.done(*command, env=env)  # finished: nothing to do


def test_job_that_is_warned(place):
    """USR1 at the shell of a job, as before its time limit: mho ends with 75 and keeps its trials; the job is put back unless the cluster does so; the
    next start goes on."""
    fake, env = fake_slurm(place, "warned")
    study = trained(place)
    place.done("submit", study, "-o", "warned.h5", "--tasks", "1", "--cpu", "scalar", "--quiet", "--set", "data.limit=60", env=env)
    cluster = place.folder / "warned.h5.cluster"
    slow = {**env, "SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "1", "SLURM_JOB_ID": "7", "PATH": env["PATH"]}
    (fake / "sleep").write_text("#!/bin/sh\nexit 0\n")
    (fake / "sleep").chmod(0o755)
    codes = []
    for exit_codes in ["(null)", "75"]:
        journals = lambda: len(list((cluster / "parts").glob("*.parts/*.journal")))
        before = journals()
        process = subprocess.Popen(["bash", cluster / "array.sh"], env={**slow, "FAKE_EXIT": exit_codes})
        wait_for(lambda: process.poll() is not None or journals() > before)
        process.send_signal(signal.SIGUSR1)
        codes.append(process.wait(60))
    if codes[0] == 75:  # a busy machine may let it finish before the signal
        assert (fake / "scontrol.log").read_text().splitlines() == ["requeue 1_1"]
    assert all(code in (0, 75) for code in codes), codes
    assert subprocess.run(["bash", cluster / "array.sh"], env=slow, check=False, timeout=60).returncode == 0
    assert codes[0] == 0 or "stopped" in (cluster / "logs" / "array-1.log").read_text()


def test_models_only(place):
    """--models-only trains what is missing and runs no trial; a second time there is nothing to do."""
    folder = fresh(place, "models")
    study = place.study("models.yaml", "  chip.noise: [0, 1]\n  train.noise.weight: [0, 0.1]\n", model=folder / "m-{recipe}.h5")
    place.done("sweep", study, "-o", folder / "r.h5", "--models-only", "--quiet")
    models = sorted(path.name for path in folder.glob("m-*.h5"))
    assert len([name for name in models if "float" not in name]) == 2 and not (folder / "r.h5").exists() and not (folder / "r.h5.parts").exists(), models
    process = place.run("sweep", study, "-o", folder / "r.h5", "--models-only")
    assert process.returncode == 0 and "training" not in process.stderr, process.stderr


RECIPES = {
    "parallel": "parallel mho sweep study.yaml --shard {}/8 ::: {1..8} && mho merge results/study.shard-*",
    "bash": "for i in {1..8}; do mho sweep study.yaml --shard $i/8 & done; wait; mho merge results/study.shard-*",
}


def test_recipes_of_the_manual(place):
    """The one-line recipes for GNU parallel and a plain shell stand in the README and give the whole's digest."""
    readme = (pathlib.Path(os.environ["MHO_SOURCE"]) / "README.md").read_text()
    expected, study = whole(place), trained(place)
    ran = 0
    for program, line in RECIPES.items():
        assert line in readme, f"README.md lacks: {line}"
        if not shutil.which(program):
            continue
        folder = fresh(place, f"recipe-{program}")
        shutil.copy(study, folder)
        path = f"{pathlib.Path(place.mho).parent}:{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", line], cwd=folder, env={**place.env, "PATH": path}, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert place.digest(folder / "results" / "study.h5") == expected, program
        ran += 1
    assert ran > 0


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
