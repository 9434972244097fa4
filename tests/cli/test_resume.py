"""Stopping, killing, resuming, splitting: the payload digest stays the same. Usage: test_resume.py MHO"""
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time

import harness
from harness import Skip, fresh

SEED = int(os.environ.get("MHO_TEST_SEED", "20240607"))
SWEEP = """  chip.cell.name: [ideal, pcm, nor_flash]
  chip.noise: [0, 0.5, 1]
  chip.adc.uniform.bits: [4, 6]
"""
POINTS, TRIALS = 14, 2 + 2 * 2 * (1 + 3 + 3)  # ideal cells: noise does not apply; without a random term: one chip


def trained(place):
    """The tiny model, trained once, and the usual study over it."""
    study = place.study("study.yaml", SWEEP)
    if not place.model.exists():
        place.done("train", place.study("train.yaml"), "--quiet")
    return study


def whole(place):
    """The digest of the uninterrupted sweep."""
    path = place.folder / "whole.h5"
    study = trained(place)
    if not path.exists():
        place.done("sweep", study, "-o", path, "-j", "2", "--quiet")
    return place.digest(path)


def journalled(result):
    """Keys of all whole records in a result's journals, as often as they are there."""
    keys = []
    for path in pathlib.Path(f"{result}.parts").glob("*.journal"):
        data, at = path.read_bytes(), 0
        while at + 24 <= len(data):
            _, size, point, chip = struct.unpack_from("<IIQI", data, at)
            if at + size > len(data):
                break
            keys.append((point, chip))
            at += size
    return keys


def wait_for(condition, seconds=30.0):
    """Poll until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.002)


def test_points_of_unused_keys(place):
    """Combinations that differ in unused keys only are one point, with that value not applicable, run on one chip where nothing is random."""
    import h5py
    import numpy
    whole(place)
    with h5py.File(place.folder / "whole.h5") as file:
        noise, cells = file["chip.noise"][:], file["chip.cell.name"].asstr()[:]
        assert len(noise) == POINTS, list(zip(cells, noise))
        assert [bool(numpy.isnan(x)) for x in noise] == [cell == "ideal" for cell in cells], list(zip(cells, noise))
        assert file["grid/accuracy"].shape == (3, 3, 2, 3)
        chips = [int(n) for n in file["n_chips"]]
        assert chips == [1 if numpy.isnan(x) or x == 0 else 3 for x in noise], list(zip(cells, noise, chips))


def test_digest_of_threads_and_kernels(place):
    """The digest of a result does not depend on threads or on the kernels of the CPU."""
    expected, study = whole(place), trained(place)
    place.done("sweep", study, "-o", "one.h5", "-j", "1", "--quiet")
    assert place.digest("one.h5") == expected, "-j 1 differs"
    ran = 0
    for cpu in ["scalar", "avx2", "avx512"]:
        process = place.run("sweep", study, "-o", f"{cpu}.h5", "--cpu", cpu, "--quiet")
        if process.returncode == 2 and cpu != "scalar":
            assert cpu in process.stderr, process.stderr
            continue
        assert process.returncode == 0, process.stderr
        assert place.digest(f"{cpu}.h5") == expected, f"--cpu {cpu} differs"
        ran += 1
    assert ran > 0


def test_digest_of_batches(place):
    """The digest of a result does not depend on the batch size."""
    expected, study = whole(place), trained(place)
    for batch in ["1", "32", "256"]:  # of the 40 images of the study
        place.done("sweep", study, "-o", f"batch{batch}.h5", "--batch", batch, "--quiet")
        assert place.digest(f"batch{batch}.h5") == expected, f"--batch {batch} differs"
    place.refused(2, ["--batch", "whole number"], "sweep", study, "-o", "none.h5", "--batch", "0")


def test_digest_of_other_images(place):
    """The digest changes when a result changes: one image less gives another one."""
    place.done("sweep", trained(place), "-o", "other_limit.h5", "--set", "data.limit=39", "--quiet")
    assert place.digest("other_limit.h5") != whole(place)


def test_shards(place):
    """Merged shards have the digest of the whole sweep in any order; missing or foreign shards are refused."""
    expected, study = whole(place), trained(place)
    shards = [place.folder / f"shard{i}.h5" for i in (1, 2, 3)]
    for i in (3, 1, 2):
        place.done("sweep", study, "-o", shards[i - 1], "--shard", f"{i}/3", "--quiet")
    place.refused(1, ["missing", "chip"], "merge", shards[0], shards[2], "-o", "merged.h5")
    assert not (place.folder / "merged.h5").exists()
    place.done("merge", *shards, "-o", "merged.h5", "--quiet")
    assert place.digest("merged.h5") == expected, "merged shards differ from the whole"
    place.done("merge", shards[1], shards[0], shards[2], shards[1], "-o", "again.h5", "--quiet")
    assert place.digest("again.h5") == expected, "order or a repeated shard matters"
    place.done("sweep", study, "-o", "idle.h5", "--shard", "99/100", "--quiet")  # more parts than trials
    place.done("merge", "idle.h5", *shards, "-o", "with_idle.h5", "--quiet")
    assert place.digest("with_idle.h5") == expected, "a shard without trials matters"
    place.done("sweep", study, "-o", "foreign.h5", "--shard", "2/3", "--set", "data.limit=39", "--quiet")
    place.refused(2, ["foreign.h5", "different sweeps: data.limit is 40", "39"], "merge", shards[0], "foreign.h5", shards[2], "-o", "merged2.h5")


def test_interrupt(place):
    """Ctrl-C, a closed terminal and Slurm's SIGUSR1 end with 75 and keep what is done; the second run completes it."""
    expected, study = whole(place), trained(place)
    for stop in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        code = 0
        for attempt in range(5):  # a busy machine may let it finish before the signal
            result = place.folder / f"interrupted{stop.name}{attempt}.h5"
            process = place.popen("sweep", study, "-o", result, "-j", "1", "--cpu", "scalar", "--quiet")
            wait_for(lambda: process.poll() is not None or len(journalled(result)) >= 3)
            process.send_signal(stop)
            code = process.wait(30)
            if code != 0:
                break
        assert code == 75, f"{stop.name}: exit {code}"
        assert 3 <= len(journalled(result)) < TRIALS and not result.exists()
        place.done("sweep", study, "-o", result, "-j", "2", "--quiet")
        assert place.digest(result) == expected
        assert not pathlib.Path(f"{result}.parts").exists(), "journals were not removed"


def test_stopped_eval(place):
    """eval keeps nothing to go on from, so it only says that it was stopped."""
    trained(place)
    for _ in range(10):  # the signal may come before eval listens
        with subprocess.Popen([place.mho, "eval", str(place.model), "--set", f"data.name={place.test}", "--set", f"data.train={place.train}", "--set", "chip.cell.name=pcm", "--set", "repeat=100000", "-j", "1"],
                              cwd=place.folder, env=place.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=60)[1]
        if process.returncode == 75:
            break
    assert process.returncode == 75 and "mho: stopped\n" in said and "go on" not in said, said


def test_kill(place):
    """kill -9 at random moments, then resumed: the same digest, and no finished trial is computed twice."""
    expected, study, dice = whole(place), trained(place), random.Random(SEED)
    print(f"# MHO_TEST_SEED={SEED}")
    for round_ in range(3):
        result, kills = place.folder / f"killed{round_}.h5", 0
        for _ in range(6):
            # the slowest kernels, so that there is time to be killed; the resumed run takes the fastest
            process = place.popen("sweep", study, "-o", result, "-j", str(1 + round_ % 2), "--cpu", "scalar", "--quiet")
            before = len(journalled(result))
            wait_for(lambda: process.poll() is not None or len(journalled(result)) > before)
            time.sleep(dice.random() * 0.08)
            process.send_signal(signal.SIGKILL)
            kills += process.wait(30) == -signal.SIGKILL
            keys = journalled(result)
            assert len(keys) == len(set(keys)), f"{len(keys) - len(set(keys))} trials computed twice"
            if dice.random() < 0.5 and keys:  # a torn tail, as of a machine that lost power
                newest = max(pathlib.Path(f"{result}.parts").glob("*.journal"), key=lambda path: path.stat().st_mtime_ns)
                with open(newest, "ab") as file:
                    file.write(os.urandom(dice.randrange(1, 60)))
        assert kills >= 1, "every run was over before it was killed"
        place.done("sweep", study, "-o", result, "--quiet")
        assert place.digest(result) == expected, f"round {round_}: another digest"


def checkpoints(place, stem):
    """The checkpoints of models with this name."""
    return list((place.folder / "results" / "checkpoints").glob(f"{stem}-*.h5"))


def written(paths):
    """When the newest of these files was written; 0: there is none."""
    times = [0]
    for path in paths:
        try:
            times.append(path.stat().st_mtime_ns)
        except FileNotFoundError:  # training is just done
            pass
    return max(times)


def test_train_killed(place):
    """Training killed at random moments and resumed leaves the model of an uninterrupted run."""
    dice = random.Random(SEED + 1)
    steady = ["train", place.study("train.yaml"), "-j", "1", "--quiet", "--set", "train.crop=1", "--set", "train.noise.weight=0.1"]
    place.done(*steady, "-o", "steady.h5")
    model, kills = place.folder / "resumed.h5", 0
    while not model.exists():
        seen = written(checkpoints(place, "resumed"))
        process = place.popen(*steady, "-o", model)
        wait_for(lambda: process.poll() is not None or written(checkpoints(place, "resumed")) not in (0, seen))
        time.sleep(dice.random() * 0.03)
        if kills < 3:
            process.send_signal(signal.SIGKILL)
        kills += process.wait(60) == -signal.SIGKILL
    assert kills >= 1, "training was over before it was killed"
    assert place.digest(model) == place.digest("steady.h5")
    assert not checkpoints(place, "resumed") and not checkpoints(place, "steady"), "checkpoints were not removed"


METHODS = {
    "stages": [],
    "uniq": ["train.stages=float:1 4/8:2", "quant.weight.name=uniq", "train.gradual.layers=2"],
    "chip": ["train.stages=float:1 4/4:1 chip:2", "train.chip.cell.name=pcm", "train.chip.time=3600", "train.chip_curriculum=growing"],
    "allocate": ["train.stages=float:1 8/8:1 allocate", "allocate.bit_widths=8 4", "allocate.size=5", "allocate.recovery_epochs=1",
                 "allocate.trial_images=32"],
}


def test_train_interrupted(place):
    """SIGTERM while training: 75, and the same command continues to the same bytes, for every method."""
    for method, sets in METHODS.items():
        command = ["train", place.study("train.yaml"), "-j", "1", "--quiet", "--set", "train.batch=16",
                   *[word for pair in sets for word in ("--set", pair)]]
        place.done(*command, "-o", f"calm-{method}.h5")
        model = place.folder / f"{interrupted(place, 'stopped-' + method, *command)}.h5"
        place.done(*command, "-o", model)
        assert place.digest(model) == place.digest(f"calm-{method}.h5"), f"{method}: other bytes"
        assert not checkpoints(place, model.stem)


def test_checkpoint_of_another_recipe(place):
    """A checkpoint is named after its recipe and its model's folder: others neither take nor remove it."""
    command = ["train", place.study("train.yaml"), "-j", "1", "--set", "train.batch=16"]
    name = interrupted(place, "other", *command, "--quiet")
    process = place.run(*command, "-o", f"elsewhere/{name}.h5", "--set", "train.batch=8")
    assert process.returncode == 0 and epochs(process) == 4 and "unfinished" not in process.stderr, process.stderr
    assert checkpoints(place, name)
    process = place.run(*command, "-o", f"third/{name}.h5")
    assert process.returncode == 0 and epochs(process) == 4 and "going on" not in process.stderr, process.stderr
    assert len(checkpoints(place, name)) == 1
    process = place.run(*command, "-o", f"./{name}.h5")  # the same folder in other words
    assert process.returncode == 0 and epochs(process) < 4 and "going on" in process.stderr, process.stderr


def interrupted(place, stem, *command):
    """Stop a training after its first epoch; the stem of its model, which a checkpoint has."""
    code = 0
    for attempt in range(5):  # a busy machine may let it finish before the signal
        name = f"{stem}{attempt}"
        process = place.popen(*command, "-o", place.folder / f"{name}.h5")
        wait_for(lambda: process.poll() is not None or checkpoints(place, name))
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
        if code != 0:
            break
    assert code == 75, f"exit {code}"
    assert len(checkpoints(place, name)) == 1 and not (place.folder / f"{name}.h5").exists()
    return name


def epochs(process):
    """Epochs that a run has trained."""
    return process.stderr.count("images/s  ")


def test_restart(place):
    """A stopped training goes on by itself; --restart starts over; a damaged checkpoint is an error with --resume, else a warning."""
    command = ["train", place.study("train.yaml"), "-j", "1", "--set", "train.batch=16"]
    place.done(*command, "-o", "calm.h5")
    name = interrupted(place, "restarted", *command, "--quiet")
    checkpoint = checkpoints(place, name)[0]
    whole_file = checkpoint.read_bytes()
    checkpoint.write_bytes(whole_file[:len(whole_file) // 2])
    place.refused(2, ["results/checkpoints", "--restart"], *command, "-o", f"{name}.h5", "--resume", "--quiet")
    process = place.run(*command, "-o", "damaged.h5")
    assert process.returncode == 0 and epochs(process) == 4
    for option, name_of, all_epochs in [([], "gone_on", False), (["--restart"], "restarted", True)]:
        twin = checkpoint.with_name(checkpoint.name.replace(name, name_of))
        twin.write_bytes(whole_file)
        process = place.run(*command, "-o", f"{name_of}.h5", *option)
        assert process.returncode == 0 and (epochs(process) == 4) == all_epochs, process.stderr
        assert ("going on from" in process.stderr) != all_epochs, process.stderr
        assert place.digest(f"{name_of}.h5") == place.digest("calm.h5")
        assert not twin.exists()


def test_stopped_within_an_epoch(place):
    """SIGTERM in the first epoch leaves a checkpoint of its last step, the message says how to go on, and the model has the same bytes."""
    command = ["train", place.study("train.yaml"), "-j", "1", "--set", "train.batch=2", "--set", "train.crop=1",
               "--set", "train.stages=float:9 fq 2/4:9", "-o", "slow.h5"]
    place.done(*command[:-1], "unbroken.h5", "--quiet")
    stops = 0
    while not (place.folder / "slow.h5").exists():
        process = subprocess.Popen([place.mho, *map(str, command)], cwd=place.folder, env=place.env, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        wait_for(lambda: (place.folder / "slow.h5.lock").exists() or process.poll() is not None)  # signals are heard by then
        time.sleep(0.15)
        if stops < 4:
            process.send_signal(signal.SIGTERM)
        text = process.communicate(timeout=60)[1]
        if process.returncode == 75:
            stops += 1
            assert "run the same command again to go on" in text and "step" in text, text
        else:
            assert process.returncode == 0, text
    assert stops >= 2, "it was never stopped"
    assert place.digest("slow.h5") == place.digest("unbroken.h5")
    assert not checkpoints(place, "slow")


def test_sweep_resumes_training(place):
    """A sweep that is stopped while it trains continues from the checkpoint; a damaged checkpoint is reported and its epochs are trained again."""
    folder = fresh(place, "sweeps")
    study = place.study("trains.yaml", "  chip.noise: [0, 1]\n", model=folder / "sweep.h5")
    command = ["sweep", study, "-j", "1", "--set", "train.batch=16", "--set", "train.crop=1", "-o", folder / "r.h5"]
    place.done("train", place.study("train.yaml"), "-j", "1", "--quiet", *command[4:8], "-o", "unstopped.h5")
    for damage in [False, True]:
        code = 0
        for _ in range(5):
            (folder / "sweep.h5").unlink(missing_ok=True)
            process = place.popen(*command)
            wait_for(lambda: process.poll() is not None or checkpoints(place, "sweep"))
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
            if code != 0:
                break
        assert code == 75 and len(checkpoints(place, "sweep")) == 1, f"exit {code}"
        if damage:
            checkpoint = checkpoints(place, "sweep")[0]
            checkpoint.write_bytes(checkpoint.read_bytes()[:-2000])
        process = place.run(*command)
        assert process.returncode == 0, process.stderr
        warnings = [line for line in process.stderr.splitlines() if "training starts from the beginning" in line]
        assert len(warnings) == damage and (epochs(process) == 4 if damage else 0 < epochs(process) < 4), process.stderr
        assert place.digest(folder / "sweep.h5") == place.digest("unstopped.h5")
        assert not checkpoints(place, "sweep")
        (folder / "r.h5").unlink()


def test_no_test_images_needed(place):
    """Training, calibration and quantization never open the test files: they succeed without them."""
    folder = fresh(place, "no_test")
    study = place.study("validation.yaml", "  chip.noise: [0, 1]\n", test=f"idx:{folder}/none,{folder}/none", model=folder / "model.h5")
    place.done("sweep", study, "-o", folder / "validation.h5", "--set", "data.split=validation", "--quiet")
    place.refused(2, "none", "sweep", study, "-o", folder / "test.h5")
    floats = ["--set", "train.stages=float:1", "--set", "quant.weight.bits=8", "--set", "quant.activation.bits=8"]
    place.done("sweep", study, "-o", folder / "quantized.h5", "--set", "data.split=validation", "--set", f"model={folder}/float.h5", *floats, "--quiet")


def test_no_test_images_of_a_named_set(place):
    """The same with a set known by name whose test files are missing."""
    source, folder = pathlib.Path("/usr/share/datasets/fashion-mnist"), fresh(place, "named") / "fashion-mnist"
    if not source.is_dir():
        raise Skip("needs Debian's dataset-fashion-mnist")
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("mount namespaces are closed here")
    folder.mkdir()
    for path in source.glob("train-*"):
        shutil.copy(path, folder)
    study = place.study("named.yaml", "  chip.noise: [0, 1]\n", test="fashion-mnist", train="", model=place.folder / "named.h5")
    script = f"mount -t tmpfs none /usr/share/datasets && exec {place.mho} sweep {study} --data {folder.parent} --quiet " \
             "--set train.limit=400 --set data.split="
    for split, code in [("validation -o validation.h5", 0), ("test -o test.h5", 2)]:
        process = subprocess.run(["unshare", "-Urm", "sh", "-c", script + split], cwd=place.folder, env=place.env, capture_output=True,
                                 text=True, check=False, timeout=100)
        assert process.returncode == code, f"data.split={split}: exit {process.returncode}\n{process.stderr}"


def test_other_commands(place):
    """show, list, describe, eval with --layers and --trace, and digest of several files print what they promise."""
    whole(place)
    data = ["--set", f"data.name={place.test}", "--set", f"data.train={place.train}", "--set", "data.calibration=32", "--quiet"]
    shown = place.done("show", "whole.h5")
    assert "accuracy f64 (point 14, chip 3)" in shown
    table = shown[shown.index("accuracy %  95"):].splitlines()
    keys = shown[:shown.index("accuracy %  95")].splitlines()[-1].split()
    assert sorted(keys) == ["chip.adc.uniform.bits", "chip.cell.name", "chip.noise", "chips"], keys  # whole, apart from each other
    assert len({line.rindex(" to ") for line in table[1:]}) == 1, "rows of different width"
    assert "conv1" in place.done("show", place.model)
    for kind in ["cell", "adc", "dac", "wire", "quantizer", "layer", "dataset", "network"]:
        assert kind in place.done("list", kind)
    assert "chip.cell.pcm." in place.done("describe", "pcm")
    assert "does not use: chip.time" in place.done("describe", "cell.ideal")
    assert "does not use" not in place.done("describe", "ccq"), "keys of chips mean nothing to an allocator"
    assert "train.stages" in place.done("describe", "train")
    assert place.done("describe").count("source:") > 20
    text = place.done("eval", place.model, *data, "--set", "chip.cell.name=pcm", "--layers")
    assert "integer network" in text and "95 % interval" in text and "conv1" in text and "SNR dB" in text, text
    table = [line.split() for line in text.splitlines() if "%" in line and line.split()[0] in ("conv1", "conv2", "logits")]
    assert len(table) >= 2 and all(float(row[-1]) > 0 for row in table), text
    bits = {row[0]: row[1:4] for row in table}
    assert bits["conv1"] == ["2", "8", "8"] and bits["conv2"] == ["2", "4", "8"], text
    total = float(re.search(r"bit operations per image: (\S+) million", text).group(1))
    assert 0 < sum(float(row[-1]) for row in table) <= 1.001 * total, text
    place.done("eval", place.model, *data, "--set", "chip.cell.name=pcm", "--trace", "3", "-o", "trace.h5")
    place.done("eval", place.model, *data, "--set", "chip.cell.name=ideal", "--set", "chip.adc.range=unit", "--set",
               "chip.adc.uniform.bits=24", "--trace", "3", "-o", "ideal.h5")
    import h5py
    with h5py.File(place.folder / "trace.h5") as noisy, h5py.File(place.folder / "ideal.h5") as ideal:
        layers = list(ideal["integer"])
        assert len(layers) >= 5
        same = {name: (ideal["integer"][name][:] == ideal["chip"][name][:]).all() for name in layers if name in ideal["chip"]}
        assert same and all(same.values()), same
        assert any((noisy["integer"][name][:] != noisy["chip"][name][:]).any() for name in same), "a PCM chip without a changed code"
    place.refused(2, "--trace 60", "eval", place.model, *data, "--trace", "60")
    assert len(place.done("digest", "whole.h5", place.model).splitlines()) == 2


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
