"""Every command of docs/tutorial.md runs, in its order, in an empty folder, on fewer images. Usage: test_tutorial.py MHO [own_cell]

With own_cell, the cell of the tutorial is compiled in a copy of the tree (suite slow).
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import harness
from harness import Skip

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TEXT = (SOURCE / "docs" / "tutorial.md").read_text(encoding="utf-8")
# What makes the study small: other numbers in its lines, nothing else.
SMALL = [("width: 0.5, limit: 6000", "width: 0.25, limit: 500, validation: 100"), ("float:3 4/4:2", "float:1 4/4:1"), ("limit: 500}", "limit: 40}"),
         ("repeat: 4 ", "repeat: 2 ")]


def blocks(kind):
    """The fenced blocks of a kind, in order."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)


def commands(kind="sh"):
    return [line for block in blocks(kind) for line in block.splitlines()]


def prepare(place):
    """The tutorial's study, small, and what finds mho; Skip without the images."""
    if not pathlib.Path("/usr/share/datasets/fashion-mnist").is_dir() and not os.environ.get("MHO_DATA"):
        raise Skip("needs the images of Fashion-MNIST")
    for study in blocks("yaml"):
        name = re.match(r"# (\S+\.yaml)\n", study)[1]
        for usual, small in SMALL:
            assert usual in study, f"{name} has no '{usual}'"
            study = study.replace(usual, small)
        (place.folder / name).write_text(study, encoding="utf-8")


def shell(place, command, mho):
    env = {**place.env, "PATH": f"{pathlib.Path(mho).parent}:{os.environ['PATH']}", "MHO_SHARED": str(SOURCE)}
    if os.environ.get("MHO_DATA"):
        env["MHO_DATA"] = os.environ["MHO_DATA"]
    small = " --set data.limit=40" if command.startswith("mho eval") else ""
    done = subprocess.run(command + small, shell=True, cwd=place.folder, env=env, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert "warning" not in done.stderr, f"{command}\n{done.stderr}"
    return done.stdout


def test_every_command(place):
    """The commands outside "Your own cell" run one after another; each writes what the text says."""
    prepare(place)
    lines = commands()
    assert len(lines) >= 14 and all(line.startswith("mho ") for line in lines), lines
    printed = {line: shell(place, line, place.mho) for line in lines}
    results = place.folder / "results"
    for name in ["first.svg", "first.png", "drift.h5", "drift.svg", "noise.h5", "first_minute.h5"]:
        assert (results / name).exists(), name
    assert (place.folder / "drift.csv").exists() and (place.folder / "models" / "noise.h5").exists()
    first, noise = (line.split()[0] for line in printed["mho digest models/first.h5 models/noise.h5"].splitlines())
    assert first != noise
    whole = place.folder / "whole.h5"
    shell(place, f"mho sweep first.yaml --set chip.time=60 -o {whole}", place.mho)
    assert place.digest(whole) == place.digest(results / "first_minute.h5"), "the shards are another result"


def own_cell(place):
    """The cell of the tutorial, compiled in a copy of the tree: listed, described and swept."""
    prepare(place)
    cell, = blocks("c")
    assert cell.count("\n") <= 50
    tree, build = place.folder / "tree", place.folder / "build"
    tree.mkdir()
    for name in ["meson.build", "meson_options.txt", "devices", "docs", "experiments", "include", "results", "src", "tests"]:
        (shutil.copytree if (SOURCE / name).is_dir() else shutil.copy)(SOURCE / name, tree / name)
    (tree / "devices" / "cell" / "gaussian.c").write_text(cell, encoding="utf-8")
    words = tree / "devices" / "cell" / "meson.build"
    words.write_text(words.read_text(encoding="utf-8").replace("cells = [", "cells = ['gaussian', ", 1), encoding="utf-8")
    for command in [["meson", "setup", str(build), str(tree), "-Dtests=false", "-Dwerror=true"], ["ninja", "-C", str(build), "src/cli/mho"]]:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    mho = build / "src" / "cli" / "mho"
    shell(place, "mho sweep first.yaml --set chip.noise=1 --set chip.adc.uniform.bits=8 -o results/trained.h5", mho)
    printed = [shell(place, line, mho) for line in commands("sh own-cell")]
    assert "gaussian" in printed[0] and "chip.cell.gaussian.sigma" in printed[1], printed
    assert (place.folder / "results" / "gaussian.png").exists()


if len(sys.argv) > 2 and sys.argv[2] == "own_cell":
    del sys.argv[2]
    del test_every_command
    test_own_cell = own_cell

if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
