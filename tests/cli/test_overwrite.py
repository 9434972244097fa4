"""Models, traces and logits of other recipes and runs are never overwritten; a model that two processes need is trained once. Usage: test_overwrite.py MHO"""
import os
import pathlib
import signal
import subprocess
import sys
import time

import harness
from harness import fresh


def kept(place, path, words, *command, code=2):
    """The command refuses, with these words, and the file keeps its bytes."""
    before = pathlib.Path(path).read_bytes()
    process = place.refused(code, words, *command)
    assert pathlib.Path(path).read_bytes() == before, f"{path} was changed"
    return process


def foreign_model(place, path):
    """A model of another program: a trained one without its recipe."""
    import h5py
    place.done("train", place.study("foreign.yaml"), "-j", "1", "--quiet", "--set", "train.stages=float:1", "-o", path)
    with h5py.File(path, "a") as file:
        del file.attrs["recipe"]
        if "provenance" in file:
            del file["provenance"]


def test_train_refuses_other_models(place):
    """train names what differs from the model that is there, up to three keys, and the remedies; --retrain replaces a model and nothing else."""
    folder = fresh(place, "train")
    study, model = place.study("own.yaml"), folder / "m.h5"
    train = ["train", study, "-j", "1", "--quiet", "-o", model]
    place.done(*train, "--set", "train.stages=float:1")
    kept(place, model, ["m.h5", "train.learning_rate is 0.1 there and 0.05 here", "-o", "{recipe}", "--retrain"], *train,
         "--set", "train.stages=float:1", "--set", "train.learning_rate=0.05")
    several = ["seed=9", "train.learning_rate=0.05", "train.momentum=0.5", "train.batch=16", "train.crop=1", "train.stages=float:1"]
    process = kept(place, model, ["seed is 3 there and 9 here", "and 2 more"], *train, *[word for pair in several for word in ("--set", pair)])
    assert process.stderr.count(" there and ") == 3, process.stderr
    place.done(*train, "--set", "train.stages=float:1", "--set", "seed=9", "--retrain")
    kept(place, model, "seed is 9 there and 3 here", *train, "--set", "train.stages=float:1")
    foreign_model(place, folder / "foreign.h5")
    kept(place, folder / "foreign.h5", ["another program made it", "--retrain"], *train[:-1], folder / "foreign.h5")
    notes = folder / "notes.h5"
    notes.write_text("mine")
    for option in [[], ["--retrain"]]:
        kept(place, notes, ["notes.h5", "is not a model"], *train[:-1], notes, *option)
    kept(place, place.folder / "own.yaml", "is not a model", *train[:-1], place.folder / "own.yaml", "--retrain")
    place.refused(2, "is not a file", *train[:-1], folder, "--retrain")
    assert not list((place.folder / "results" / "checkpoints").glob("m-*")), "it was trained"


def test_same_recipe_is_done(place):
    """The model of the very same recipe is not trained again, and stays as it is; --retrain trains it to the same payload."""
    folder = fresh(place, "same")
    train = ["train", place.study("same.yaml"), "-j", "1", "--set", "train.stages=float:1", "-o", folder / "m.h5"]
    first = place.run(*train)
    before, digest = (folder / "m.h5").stat().st_mtime_ns, place.digest(folder / "m.h5")
    again = place.run(*train)
    assert again.returncode == 0 and again.stdout == first.stdout and "nothing to do" in again.stderr, again.stderr
    assert (folder / "m.h5").stat().st_mtime_ns == before and "images/s" not in again.stderr
    place.done(*train, "--retrain", "--quiet")
    assert (folder / "m.h5").stat().st_mtime_ns != before and place.digest(folder / "m.h5") == digest


def test_sweep_refuses_other_models(place):
    """A sweep whose model's file is of another recipe, or imported, refuses and names the remedies."""
    folder = fresh(place, "sweep")
    model = folder / "m.h5"
    study = place.study("other.yaml", "  chip.noise: [0, 1]\n", model=model)
    place.done("train", place.study("first.yaml", model=model), "-j", "1", "--quiet", "--set", "train.stages=float:1 4/4:1")
    sweep = ["sweep", study, "-j", "1", "--quiet", "-o", folder / "r.h5"]
    kept(place, model, ["m.h5", "train.stages is float:1 4/4:1 there and float:2 fq 2/4:2 here", "--set model=FILE", "{recipe}", "--retrain"], *sweep)
    foreign_model(place, folder / "foreign.h5")
    kept(place, folder / "foreign.h5", ["another program made it", "--set model=FILE"], *sweep, "--set", f"model={folder}/foreign.h5")
    assert not (folder / "r.h5").exists()
    # said before any other model of the sweep is trained
    kept(place, model, ["m.h5", "another recipe"], *sweep[:-1], folder / "r2.h5", "--set", f"model=[{folder}/new.h5, {model}]")
    assert not (folder / "new.h5").exists(), "a model was trained before the refusal"


def test_outputs_of_eval(place):
    """A trace or logits of another model, other images or other settings is refused; the same command again is not; folders are made."""
    folder = fresh(place, "outputs")
    model = folder / "m.h5"
    place.done("train", place.study("outputs.yaml", model=model), "-j", "1", "--quiet")
    data = [part for word in [f"data.name={place.test}", f"data.train={place.train}", "data.calibration=32", "repeat=2"] for part in ("--set", word)]
    command = ["eval", model, *data, "--quiet", "--set", "chip.cell.name=pcm"]
    for option, extra in [("-o", ["--trace", "3"]), ("--logits", [])]:
        path = folder / "new" / "folder" / f"out{option}.h5"
        place.done(*command, *extra, option, path)
        digest = place.digest(path)
        place.done(*command, *extra, option, path)
        assert place.digest(path) == digest
        kept(place, path, [path.name, "chip.noise is 1 there and 0.5 here", option], *command, *extra, option, path, "--set", "chip.noise=0.5")
        kept(place, path, "data.limit", *command, *extra, option, path, "--set", "data.limit=30")
        kept(place, model, ["m.h5", option], *command, *extra, option, model)
        foreign_model(place, folder / f"other{option}.h5")
        quantized = ["--set", "quant.weight.bits=8", "--set", "quant.activation.bits=8"]
        kept(place, path, "of another model", "eval", folder / f"other{option}.h5", *command[2:], *quantized, *extra, option, path)
    trace = folder / "new" / "folder" / "out-o.h5"
    kept(place, trace, "image is 3 there and 4 here", *command, "--trace", "4", "-o", trace)
    logits = folder / "new" / "folder" / "out--logits.h5"
    kept(place, logits, "chips is 2 there and 3 here", *command, "--set", "repeat=3", "--logits", logits)


def test_study_without_recipe(place):
    """train refuses a study without the section train: and says what to add."""
    study = place.folder / "bare.yaml"
    study.write_text(f"model: bare.h5\ndata: {{name: \"{place.test}\", train: \"{place.train}\"}}\n")
    place.refused(2, ["bare.yaml", "no section train:", "stages"], "train", study)
    assert not (place.folder / "bare.h5").exists()


def started(place, *command):
    """mho in the background with its messages."""
    return subprocess.Popen([place.mho, *map(str, command)], cwd=place.folder, env=place.env, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=30.0):
    """Poll until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def test_trained_once(place):
    """Of two processes that need a model one trains it; the other says for whom it waits, and takes the finished one. A stop ends the waiting with 75."""
    folder = fresh(place, "once")
    model, lock = folder / "m.h5", folder / "m.h5.lock"
    slow = ["-j", "1", "--set", "train.batch=2", "--set", "train.stages=float:6 4/4:6"]
    train = ["train", place.study("once.yaml", model=model), *slow]
    first = started(place, *train)
    wait_for(lambda: lock.exists() and "process" in lock.read_text())
    stopped, second = started(place, *train), started(place, *train)
    other = started(place, *train, "--set", "seed=8")
    assert other.wait(30) == 2 and f"process {first.pid}" in other.stderr.read()
    line = ""
    while "waiting" not in line:
        line = stopped.stderr.readline()
        assert line, "it did not wait"
    assert f"process {first.pid} on " in line and " since " in line, line
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(30) == 75, stopped.stderr.read()
    texts = [first.communicate(timeout=100)[1], second.communicate(timeout=100)[1]]
    assert first.returncode == second.returncode == 0, texts
    assert "images/s" in texts[0] and "images/s" not in texts[1] and "waiting" in texts[1], texts
    assert not lock.exists()


def test_dead_owner(place):
    """The lock of a process that was killed is taken over, and training goes on from its checkpoint."""
    folder = fresh(place, "dead")
    model = folder / "dead.h5"
    train = ["train", place.study("dead.yaml", model=model), "-j", "1", "--set", "train.batch=16"]
    process = started(place, *train)
    wait_for(lambda: list((place.folder / "results" / "checkpoints").glob("dead-*.h5")) or process.poll() is not None)
    process.kill()
    process.communicate()
    lock = folder / "dead.h5.lock"
    assert model.exists() or lock.exists()
    process = place.run(*train)
    assert process.returncode == 0 and ("going on" in process.stderr or "nothing to do" in process.stderr), process.stderr
    assert not lock.exists()


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
