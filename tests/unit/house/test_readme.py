#!/usr/bin/python3
"""The Python in the documents runs: one snippet writes a model, mho sweeps it, the others read the result. The README's
training commands run, too, on a few images.

Usage: test_readme.py MHO SOURCE. TAP on stdout.
"""
import contextlib
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile

import h5py
import numpy as np

STUDY = """
title: A tiny study
model: model.h5
repeat: 2
data: {name: images.h5, train: images.h5, calibration: 8}
quant: {weight: {bits: 8}, activation: {bits: 8}}
sweep:
  chip.cell.name: [ideal, pcm]
  chip.noise: [0.5, 1]
"""


def snippet(source, path):
    """The one block of Python in a document."""
    blocks = re.findall(r"^```python\n(.*?)^```$", open(os.path.join(source, path), encoding="utf-8").read(), re.M | re.S)
    assert len(blocks) == 1, f"{path} has {len(blocks)} blocks of Python"
    return blocks[0]


def execute(source, path):
    """Run it in the current folder; the variables that it sets and what it prints."""
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet(source, path), path, "exec"), names)  # our own documents
    return names, printed.getvalue()


def check_model(mho, source):
    np.random.seed(1)
    execute(source, "results/MODEL.md")
    rng = np.random.default_rng(2)
    with h5py.File("images.h5", "w") as file:
        file["x"] = rng.integers(0, 256, size=(12, 28, 28, 1), dtype="u1")
        file["y"] = np.arange(12, dtype="u1") % 10
        file.attrs["class_names"] = [str(k) for k in range(10)]
    with open("tiny.yaml", "w", encoding="utf-8") as file:
        file.write(STUDY)
    done = subprocess.run([mho, "sweep", "tiny.yaml", "-o", "results/quickstart.h5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def expected():
    """Mean accuracy of the PCM points at each noise, by h5py alone."""
    with h5py.File("results/quickstart.h5", "r") as file:
        cells = np.array([value.decode() for value in file["chip.cell.name"][()]])
        noise, accuracy = file["chip.noise"][()], file["accuracy"][()]
    assert sorted(noise[cells == "pcm"]) == [0.5, 1.0] and np.isnan(noise[cells == "ideal"]).all()
    return [accuracy[(cells == "pcm") & (noise == value)].mean() for value in (0.5, 1.0)]


def check_reading(source, path):
    names, printed = execute(source, path)
    pcm = names["pcm"]
    means = pcm.accuracy.mean("chip").groupby(pcm["chip.noise"]).mean()
    assert list(means["chip.noise"].values) == [0.5, 1.0]
    assert np.allclose(means.values, expected()), (means, expected())
    assert "chip.noise" in printed and f"{expected()[0]:.4f}"[:5] in printed, printed
    if "grid" in names:
        assert names["grid"].accuracy.dims == ("chip.cell.name", "chip.noise", "chip"), names["grid"]


def check_figure(mho, source):
    """The figure of a real sweep, by the script that the README names."""
    script = os.path.join(source, "results", "plot.py")
    done = subprocess.run([sys.executable, script, "results/quickstart.h5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and os.path.exists("results/quickstart.png"), done.stderr


def check_images(mho, source):
    """The HDF5 set of results/DATA.md is read, and its digest is that of the formula on the page."""
    names, _ = execute(source, "results/DATA.md")
    text = open(os.path.join(source, "results/DATA.md"), encoding="utf-8").read()
    formula = re.search(r"`(hashlib\.sha256\(.*?\.hexdigest\(\))`", text)[1]
    with h5py.File("train.h5", "r") as file:
        digest = eval(formula, {"hashlib": hashlib, "x": file["x"][()], "y": file["y"][()]})  # our own documents
    assert len(names["labels"]) == 100
    done = subprocess.run([mho, "sweep", "tiny.yaml", "-o", "results/own.h5", "--set", "data.name=train.h5", "--set",
                           "data.train=train.h5", "--set", "model=model.h5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with h5py.File("results/own.h5", "r") as file:
        assert digest in file.attrs["data"], (digest, file.attrs["data"])


# Settings that shorten the README's commands to seconds, by command.
SMALL = {"train": ["train.net=lenet", "train.validation=16", "train.batch=16", "data.name=many.h5", "data.train=many.h5"],
         "allocate": ["allocate.trial_images=16", "allocate.recovery_epochs=1"],
         "eval": ["data.name=many.h5", "data.train=many.h5", "data.calibration=8"]}


def training_commands(source):
    """The study and the commands of README.md that train, show and evaluate."""
    text = open(os.path.join(source, "README.md"), encoding="utf-8").read()
    section = text[text.index("\n## Train for it"):text.index("\n## Read the result")]
    return re.search(r"```yaml\n(.*?)^```$", section, re.M | re.S)[1], re.findall(r"^    build/src/cli/mho (.*)$", section, re.M)


def check_training(mho, source):
    rng = np.random.default_rng(3)
    with h5py.File("many.h5", "w") as file:
        labels = np.arange(64, dtype="u1") % 10
        file["x"] = np.clip(rng.integers(0, 90, size=(64, 28, 28, 1)) + 16 * labels[:, None, None, None], 0, 255).astype("u1")
        file["y"] = labels
        file.attrs["class_names"] = [str(k) for k in range(10)]
    study, commands = training_commands(source)
    with open("mine.yaml", "w", encoding="utf-8") as file:
        file.write(study)
    printed = {}
    for command in commands:
        words = shlex.split(command)
        small = SMALL.get(words[0], []) + (SMALL["allocate"] if "allocate" in command and words[0] == "train" else [])
        done = subprocess.run([mho, *words, *[word for pair in small for word in ("--set", pair)]], capture_output=True,
                              text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
        assert done.returncode == 0, f"{command}: {done.stderr}"
        printed[words[0], words[1]] = done.stdout
    assert len([command for command in commands if command.startswith("train")]) == 5
    assert "ended by size" in printed["show", "models/ccq.h5"], printed
    assert "noise on codes" in printed["eval", "models/hardened.h5"], printed
    with h5py.File("models/uniq.h5", "r") as file:
        policies = [node.attrs["policy"] for node in file["layers"].values() if "policy" in node.attrs]
    assert any(policy.startswith("uniq") for policy in map(str, policies)), policies


def main():
    mho, source = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    checks = (("results/MODEL.md writes a model that mho sweeps", lambda: check_model(mho, source)),
              ("results/DATA.md writes images that mho reads", lambda: check_images(mho, source)),
              ("results/README.md reads the result", lambda: check_reading(source, "results/README.md")),
              ("README.md reads the result", lambda: check_reading(source, "README.md")),
              ("the figure of that result", lambda: check_figure(mho, source)),
              ("README.md trains", lambda: check_training(mho, source)))
    failed = 0
    print(f"1..{len(checks)}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for number, (name, check) in enumerate(checks, 1):
            try:
                check()
                print(f"ok {number} - {name}")
            except Exception as problem:  # the other checks are still of interest
                failed += 1
                print(f"not ok {number} - {name}: {type(problem).__name__}: {problem}".replace("\n", " "))
        os.chdir("/")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
