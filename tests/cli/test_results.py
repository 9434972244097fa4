"""Results that are claimed, extended, repeated and never mixed. Usage: test_results.py MHO"""
import json
import os
import pathlib
import signal
import sys
import time

import harness
from harness import fresh

NOISE = "  chip.noise: [0.5, 1]\n"


def trained(place):
    """The tiny model, trained once."""
    if not place.model.exists():
        place.done("train", place.study("train.yaml"), "--quiet")


def wait_for(condition, seconds=60.0):
    """Poll until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def journals(result):
    """The journals beside a result."""
    return list(pathlib.Path(f"{result}.parts").glob("*.journal"))


def long_sweep(place, study, result, *more):
    """A sweep in the background that runs for long; returns when its first trial is written."""
    process = place.popen("sweep", study, "-o", result, "--set", "repeat=100000", "--cpu", "scalar", "-j", "1", "--quiet", *more)
    wait_for(lambda: process.poll() is not None or any(path.stat().st_size for path in journals(result)))
    assert process.poll() is None, "it was over at once"
    return process


def test_two_studies_one_output(place):
    """The result of a running sweep is claimed: another study is refused and told who has it. A dead owner's claim is taken over and its trials stay."""
    trained(place)
    folder = fresh(place, "claim")
    result = folder / "r.h5"
    first = place.study("first.yaml", NOISE)
    second = place.study("second.yaml", "  chip.noise: [2]\n")
    process = long_sweep(place, first, result)
    try:
        place.refused(2, ["is being made by process", str(process.pid), "-o"], "sweep", second, "-o", result)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    kept = {path: path.stat().st_size for path in journals(result)}
    again = place.run("sweep", second, "-o", result)
    assert again.returncode == 0 and "trials of another study that was stopped" in again.stderr, again.stderr
    assert {path: path.stat().st_size for path in journals(result)} == kept, "trials of the first study are gone"
    assert not pathlib.Path(f"{result}.lock").exists()
    place.refused(2, ["another study (it has chip.noise=[2], this has chip.noise=[0.5, 1]) and", "-o"], "sweep", first, "-o", result)
    place.refused(2, ["no result of a sweep", "-o"], "sweep", first, "-o", place.model)


def test_eight_shards_one_output(place):
    """Of eight shards with one -o one makes the file, and each of the others is one line that names the claim or the part that is there."""
    trained(place)
    folder = fresh(place, "shards")
    study, result = place.study("shards.yaml", "  chip.noise: [0.5, 1, 1.5, 2]\n"), folder / "r.h5"
    processes = [place.popen("sweep", study, "-o", result, "--shard", f"{i}/8", "-j", "1", "--quiet") for i in range(1, 9)]
    codes = [process.wait(120) for process in processes]
    assert codes.count(0) == 1 and codes.count(2) == 7, codes
    winner = codes.index(0) + 1
    place.done("sweep", study, "-o", folder / "alone.h5", "--shard", f"{winner}/8", "--quiet")
    assert place.digest(result) == place.digest(folder / "alone.h5")
    other = winner % 8 + 1
    place.refused(2, ["another part", "-o"], "sweep", study, "-o", result, "--shard", f"{other}/8")


def test_same_sweep_twice_at_once(place):
    """Two processes with the same study and result: the second waits and then finds it finished; nothing runs twice."""
    trained(place)
    folder = fresh(place, "twice")
    study, result = place.study("twice.yaml", NOISE), folder / "r.h5"
    first = place.popen("sweep", study, "-o", result, "--cpu", "scalar", "-j", "1", "--set", "repeat=40", "--quiet")
    wait_for(lambda: pathlib.Path(f"{result}.lock").exists() or first.poll() is not None)
    second = place.run("sweep", study, "-o", result, "--set", "repeat=40")
    assert first.wait(120) == 0 and second.returncode == 0, second.stderr
    assert "nothing to do" in second.stderr, second.stderr
    place.done("sweep", study, "-o", folder / "calm.h5", "--set", "repeat=40", "--quiet")
    assert place.digest(result) == place.digest(folder / "calm.h5")


def events(process):
    """The events of sweep --json."""
    return [json.loads(line) for line in process.splitlines()]


def test_other_images_are_other_trials(place):
    """Images or labels that changed make other trials: a result is refused, journals are not taken, trials are computed anew."""
    trained(place)
    folder = fresh(place, "images")
    data = harness.write_idx(folder, "mine", 60, 5)
    study, result = place.study("images.yaml", NOISE, test=data), folder / "r.h5"
    process = long_sweep(place, study, folder / "stopped.h5")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 75
    place.done("sweep", study, "-o", result, "--quiet")
    labels = folder / "mine-labels"
    changed = bytearray(labels.read_bytes())
    changed[20] = (changed[20] + 1) % harness.CLASSES
    labels.write_bytes(changed)
    place.refused(2, ["other images", "-o"], "sweep", study, "-o", result)
    place.refused(2, "other images", "rerun", result, "--trial", "0")
    found = events(place.done("sweep", study, "-o", folder / "stopped.h5", "--json", "--quiet"))
    assert [event["event"] for event in found].count("trial") == 6, "trials of the old images were taken"
    assert place.digest(folder / "stopped.h5") != place.digest(result)


def test_extend(place):
    """A study that grew computes only what is new; a file that grows in place loses nothing; the digest is that of a run from the beginning."""
    import h5py
    trained(place)
    folder = fresh(place, "extend")
    small, large = place.study("small.yaml", NOISE), place.study("large.yaml", "  chip.noise: [0.5, 1, 2]\n")
    old, new = folder / "old.h5", folder / "new.h5"
    place.done("sweep", small, "-o", old, "--quiet")
    more = ["--set", "repeat=4"]
    found = events(place.done("sweep", large, *more, "-o", new, "--extend", old, "--json", "--quiet"))
    assert [event["event"] for event in found].count("trial") == 3 * 4 - 2 * 3
    place.done("sweep", large, *more, "-o", folder / "whole.h5", "--quiet")
    assert place.digest(new) == place.digest(folder / "whole.h5")
    place.refused(2, ["another study", "--extend"], "sweep", large, *more, "-o", old)
    place.done("sweep", large, *more, "-o", old, "--extend", old, "--quiet")
    assert place.digest(old) == place.digest(new)
    place.refused(2, ["would be lost", "-o"], "sweep", small, "-o", old, "--extend", old)
    # points that would stop early lose their later chips
    place.refused(2, ["would be lost", "-o"], "sweep", large, *more, "--set", "stop.half_width=0.5", "--set", "stop.first=3", "-o", old, "--extend", old)
    assert place.digest(old) == place.digest(new)
    with h5py.File(old, "a") as file:
        file.attrs["title"] = "edited"
    place.refused(2, "edited", "sweep", large, *more, "-o", folder / "laundered.h5", "--extend", old)


def test_rerun(place):
    """Any trial of a result runs again to the same logits, with other threads and kernels too; another model is named."""
    trained(place)
    folder = fresh(place, "rerun")
    study, result = place.study("rerun.yaml", "  chip.cell.name: [ideal, pcm]\n  chip.noise: [0.5, 1]\n"), folder / "r.h5"
    place.done("sweep", study, "-o", result, "--quiet")
    for trial in [0, 3, 6]:
        assert "the same" in place.done("rerun", result, "--trial", trial, "--cpu", "scalar", "-j", "2")
    place.refused(2, ["trials 0 to 6", "--trial 7"], "rerun", result, "--trial", "7")
    place.refused(2, "--trial N", "rerun", result)
    named = place.study("named.yaml", "  chip.noise: [0.5]\n", model=folder / "m-{recipe}.h5")
    place.done("sweep", named, "-o", folder / "named.h5", "--quiet")
    assert "the same" in place.done("rerun", folder / "named.h5", "--trial", 0)
    place.refused(2, "not the result", "rerun", place.model, "--trial", "0")
    kept = place.model.read_bytes()
    place.model.unlink()
    place.done("train", place.study("train.yaml"), "--set", "seed=4", "--quiet")
    try:
        place.refused(2, "another model", "rerun", result, "--trial", "3")
    finally:
        place.model.write_bytes(kept)


def test_dry_run_writes_nothing(place):
    """--dry-run counts points and trials, estimates the time and leaves every folder as it was."""
    trained(place)
    study = place.study("dry.yaml", "  chip.cell.name: [ideal, pcm]\n  chip.noise: [0.5, 1]\n")
    before = sorted(str(path) for path in place.folder.rglob("*"))
    text = place.done("sweep", study, "--dry-run", "-o", "dry.h5")
    assert "3 points" in text and "7 trials" in text and "s a trial, measured on" in text, text
    assert sorted(str(path) for path in place.folder.rglob("*")) == before


def contents(place):
    """Every file and folder with its bytes, without the digests of data that are remembered for the user."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in place.folder.rglob("*") if ".cache" not in path.parts}


def assert_same(after, before):
    """Both hold the same; names what does not."""
    differs = [path for path in after.keys() | before.keys() if after.get(path, "") != before.get(path, "")]
    assert not differs, differs


def test_dry_run_trains_nothing(place):
    """--dry-run without a model, and with --retrain over one, says that models have to be trained, and leaves every file as it was: model, checkpoints."""
    trained(place)
    study = place.study("dry-train.yaml", "  chip.noise: [0.5, 1]\n", model="dry/m.h5")
    before = contents(place)
    text = place.done("sweep", study, "--dry-run", "-o", "dry.h5")
    assert "at most 6 trials" in text and "models have to be trained first" in text, text
    assert_same(contents(place), before)
    study = place.study("dry.yaml", "  chip.cell.name: [ideal, pcm]\n  chip.noise: [0.5, 1]\n")
    before = contents(place)
    text = place.done("sweep", study, "--dry-run", "--retrain", "-o", "dry.h5")
    assert "models have to be trained first" in text, text
    assert_same(contents(place), before)
    text = place.done("sweep", study, "--dry-run", "-o", "dry.h5", "--set", "repeat=16", "--set", "stop.half_width=0.1")
    assert "at most 33 trials" in text and "have to be trained" not in text, text


def test_dry_run_knows_recipes(place):
    """Points of two recipes are timed on two networks: the point whose net stays float is refused, as the sweep would."""
    study = place.study("recipes.yaml", "  train.stages: ['float:1 fq 2/4:1', 'float:1']\n", model="dry/{recipe}.h5")
    before = contents(place)
    text = place.run("sweep", study, "--dry-run", "-o", "dry.h5").stderr
    assert "float" in text and "quant.weight.bits" in text, text
    assert_same(contents(place), before)


def test_points_that_stop(place):
    """With stop.half_width, points end at a look; parts merge to the same digest as the whole, and the result says how many chips ran."""
    import h5py
    trained(place)
    folder = fresh(place, "stop")
    study = place.study("stop.yaml", "  chip.noise: [0.2, 1, 4]\n")
    rule = ["--set", "repeat=16", "--set", "stop.half_width=0.1"]
    whole = place.run("sweep", study, *rule, "-o", folder / "whole.h5")
    assert whole.returncode == 0 and "warning" not in whole.stderr, whole.stderr
    with h5py.File(folder / "whole.h5") as file:
        chips = [int(n) for n in file["n_chips"]]
        assert min(chips) < 16 and set(chips) <= {4, 8, 16}, chips
        assert file["accuracy"].shape == (3, max(chips))
        low = file["summary/accuracy_low"]  # looks at 4, 8 and 16 chips share the error of 5 %
        assert abs(low.attrs["confidence"] - (1 - 0.05 / 3)) < 1e-12 and "98.33 %" in low.attrs["long_name"], dict(low.attrs)
    shown = place.done("show", folder / "whole.h5")
    assert "98.3 % interval" in shown and "chips" in shown, shown
    place.refused(2, ["repeat", "cannot be swept"], "sweep", study, "--set", "repeat=2,3", "-o", folder / "none.h5")
    parts = [folder / f"part{i}.h5" for i in (1, 2)]
    for i, part in enumerate(parts, 1):
        place.done("sweep", study, *rule, "-o", part, "--shard", f"{i}/2", "--quiet")
    place.done("merge", *parts, "-o", folder / "merged.h5")
    assert place.digest(folder / "merged.h5") == place.digest(folder / "whole.h5")


def test_kills(place):
    """MHO_TEST_KILLS kill -9 (default 6) over one study: the digest of an undisturbed run, and no finished trial is computed twice."""
    import random
    import struct
    trained(place)
    kills, dice, folder = int(os.environ.get("MHO_TEST_KILLS", "6")), random.Random(7), fresh(place, "kills")
    study, result = place.study("kills.yaml", NOISE), folder / "killed.h5"
    options = ["--set", f"repeat={4 * kills}", "-j", "1", "--quiet"]
    done = 0
    while done < kills:
        before = sum(path.stat().st_size for path in journals(result))
        process = place.popen("sweep", study, "-o", result, *options, "--cpu", "scalar")
        wait_for(lambda: process.poll() is not None or sum(path.stat().st_size for path in journals(result)) > before)
        time.sleep(dice.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL, f"over after {done} kills"
        done += 1
    keys = []
    for path in journals(result):
        data, at = path.read_bytes(), 0
        while at + 24 <= len(data):
            _, size, point, chip = struct.unpack_from("<IIQI", data, at)
            if at + size > len(data):
                break
            keys.append((point, chip))
            at += size
    assert len(keys) == len(set(keys)) and len(keys) >= kills, f"{len(keys)} trials, {len(set(keys))} different"
    place.done("sweep", study, "-o", result, *options)
    place.done("sweep", study, "-o", folder / "calm.h5", *options)
    assert place.digest(result) == place.digest(folder / "calm.h5")
    assert not journals(result)
    print(f"# {done} kills, {len(keys)} trials before the last run")


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
