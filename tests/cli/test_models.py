"""Models that a study makes: a float network shared by a family, seeds, chips in training, allocated bits. Usage: test_models.py MHO"""
import re
import subprocess
import sys

import harness
from harness import fresh


def trained_epochs(process):
    """Stages of the epochs that a run has trained, in order."""
    assert process.returncode == 0, process.stderr
    return re.findall(r"stage (\S.*?)  epoch \d", process.stderr)


def test_shared_float(place):
    """A family trains its float network once, and every member has the bytes of a run on its own."""
    folder = fresh(place, "family")
    study = place.study("family.yaml", model=folder / "f_{recipe}.h5")
    train = ["-j", "1", "--set", "train.crop=1"]
    for rate in ["0.02", "0.01"]:
        place.done("train", study, *train, "--set", f"train.quant_learning_rate={rate}", "-o", f"straight{rate}.h5", "--quiet")
    first = place.run("train", study, *train, "--set", "train.quant_learning_rate=0.02")
    assert trained_epochs(first) == ["float"] * 2 + ["fq 2/4"] * 2, first.stderr
    second = place.run("train", study, *train, "--set", "train.quant_learning_rate=0.01")
    assert trained_epochs(second) == ["fq 2/4"] * 2, second.stderr
    for process, rate in [(first, "0.02"), (second, "0.01")]:
        assert place.digest(process.stdout.strip()) == place.digest(f"straight{rate}.h5"), f"quant_learning_rate {rate}: not the straight run's bytes"
    shared = list(folder.glob("f_float-*.h5"))
    assert len(shared) == 1 and len(list(folder.iterdir())) == 3, list(folder.iterdir())
    place.done("train", study, *train, "--set", "train.stages=float:2", "-o", "float.h5", "--quiet")
    expected = place.digest("float.h5")
    assert place.digest(shared[0]) == expected, "the shared network is not the float recipe's"
    # another seed has another one; a damaged one is named and stays
    place.done("train", study, *train, "--set", "seed=4", "--quiet")
    assert len(list(folder.glob("f_float-*.h5"))) == 2
    shared[0].write_bytes(shared[0].read_bytes()[:-3000])
    place.refused(2, [shared[0].name, "cannot be read", "--retrain"], "train", study, *train, "--set", "train.quant_learning_rate=0.03")
    shared[0].unlink()
    process = place.run("train", study, *train, "--set", "train.quant_learning_rate=0.03")
    assert trained_epochs(process)[:2] == ["float"] * 2, process.stderr
    assert place.digest(shared[0]) == expected


def test_seeds(place):
    """A sweep over seeds trains another model for each and tests it on other chips."""
    import h5py
    folder = fresh(place, "seeds")
    study = place.study("seeds.yaml", "  chip.noise: [0, 1]\n", model=folder / "{recipe}.h5")
    place.done("sweep", study, "--set", "seed=1,2", "-j", "1", "-o", folder / "seeds.h5", "--quiet")
    assert len([path for path in folder.glob("*.h5") if not path.name.startswith(("float-", "seeds"))]) == 2
    assert len(list(folder.glob("float-*.h5"))) == 2
    with h5py.File(folder / "seeds.h5") as file:
        seeds, noise, logits = file["seed"][:], file["chip.noise"][:], file["logits_digest"][:]
        assert sorted(zip(seeds, noise)) == [(1, 0), (1, 1), (2, 0), (2, 1)]
        assert len({int(value) for value in logits[noise == 0][:, 0]}) == 2, "two seeds, one model"
        noisy = logits[noise == 1].ravel()
        assert len({int(value) for value in noisy}) == len(noisy), "chips of two seeds are the same"


def test_logits(place):
    """eval --logits writes what the printed accuracy is made of, for every chip, and never over another kind of file."""
    import h5py
    import numpy as np
    folder = fresh(place, "logits")
    model = folder / "m.h5"
    place.done("train", place.study("logits.yaml", model=model), "-j", "1", "--quiet")
    sets = [part for word in [f"data.name={place.test}", f"data.train={place.train}", "data.calibration=32", "repeat=2",
                              "chip.cell.name=pcm"] for part in ("--set", word)]
    process = place.run("eval", model, *sets, "--logits", folder / "out.h5", "--quiet")
    assert process.returncode == 0, process.stderr
    printed = float(re.search(r"^chip +accuracy ([0-9.]+) %", process.stdout, re.M)[1])
    with h5py.File(folder / "out.h5") as file:
        logits, predicted, label = file["logits"][:], file["predicted"][:], file["label"][:]
    assert logits.shape[:2] == predicted.shape == (2, len(label)) and not np.array_equal(logits[0], logits[1])
    assert np.array_equal(logits.argmax(axis=2), predicted)
    assert abs(100 * np.mean(predicted == label) - printed) < 0.006, (printed, np.mean(predicted == label))
    place.done("eval", model, *sets, "--logits", folder / "out.h5", "--quiet")
    before = model.read_bytes()
    place.refused(2, ["m.h5", "--logits"], "eval", model, *sets, "--logits", model)
    assert model.read_bytes() == before
    (folder / "notes.txt").write_text("mine")
    place.refused(2, ["notes.txt", "--logits"], "eval", model, *sets, "--logits", folder / "notes.txt")
    assert (folder / "notes.txt").read_text() == "mine"


def test_chips_in_training(place):
    """A stage through the device model: the chip of the recipe acts, as assignments or mapping, and the study's own chip does not."""
    study = place.study("hardware.yaml")
    stages = ["-j", "1", "--quiet", "--set", "train.stages=float:1 4/4:1 chip:1"]
    digests = {}
    for name, sets in {"pcm": ["train.chip.time=3600", "train.chip.cell.name=pcm"], "swapped": ["train.chip.cell.name=pcm", "train.chip.time=3.6e3"],
                       "fresh": ["train.chip.cell.name=pcm"],
                       "other": ["train.chip.time=3600", "train.chip.cell.name=pcm", "chip.noise=0.5"]}.items():
        place.done("train", study, *stages, *[word for pair in sets for word in ("--set", pair)], "-o", f"{name}.h5")
        digests[name] = place.digest(f"{name}.h5")
    assert digests["pcm"] == digests["swapped"] == digests["other"] != digests["fresh"], digests
    place.refused(2, ["train.chip", "train.stages"], "train", study, "--set", "train.chip.cell.name=pcm", "-o", "none.h5")
    place.refused(2, ["unknown key", "'train.chip.cell.name'"], "train", study, *stages, "--set", "train.chip.cell.nam=pcm", "-o", "none.h5")
    text = study.read_text().replace("train:\n", "train:\n  chip: {cell: {name: pcm}, time: 3600}\n")
    study.write_text(text)
    place.done("train", study, *stages, "-o", "yaml.h5")
    assert place.digest("yaml.h5") == digests["pcm"]


def test_allocation(place):
    """Allocation prints every move, the network has the bits of these moves, and the target holds."""
    study = place.study("allocate.yaml")
    sets = ["train.stages=float:1 8/8:1 allocate", "allocate.bit_widths=8 4", "allocate.size=4.5", "allocate.recovery_epochs=1", "allocate.trial_images=64"]
    command = ["train", study, "-j", "1", "--quiet", *[word for pair in sets for word in ("--set", pair)]]
    place.done(*command, "-o", "allocated.h5")
    shown = place.done("show", "allocated.h5")
    moves = re.findall(r"^ +(\d+)  (\S+) +8 to  4 +([\d.]+) ", shown, re.M)
    assert len(moves) >= 2 and "allocation by ccq: from 8 bit" in shown and "ended by size" in shown, shown
    sizes = [float(size) for _, _, size in moves]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] <= 4.5 < sizes[-2], sizes
    data = ["--set", f"data.name={place.test}", "--set", f"data.train={place.train}", "--set", "data.calibration=32", "--quiet"]
    layers = place.done("eval", "allocated.h5", *data, "--layers")
    bits = dict(re.findall(r"^(\S+) +(\d+) +\d+ +8 .*%", layers, re.M))
    assert {name for name, value in bits.items() if value == "4"} == {layer for _, layer, _ in moves}, (bits, moves)
    place.refused(2, ["allocate.size", "smallest"], *command, "--set", "allocate.size=2", "-o", "none.h5")
    place.refused(2, ["allocate.size", "train.stages"], "train", study, "--set", "allocate.size=4", "-o", "none.h5")


def test_provenance(place):
    """A model says how it was made: recipe in full, data, seed, dates, build, machine, threads, parents; the payload digest leaves it out; show prints it."""
    import h5py
    folder = fresh(place, "provenance")
    study = place.study("provenance.yaml", model=folder / "p_{recipe}.h5")
    path = place.done("train", study, "-j", "2", "--quiet", "--set", "train.limit=128", timeout=200).strip()
    parent = next(folder.glob("p_float-*.h5"))
    with h5py.File(path) as file:
        made, digest = dict(file["provenance"].attrs), file.attrs["recipe"]
    text = {key: value.decode() if isinstance(value, bytes) else value for key, value in made.items()}
    recipe = dict(line.split("=", 1) for line in text["recipe"].splitlines())
    assert recipe["train.stages"] == "float:2 fq 2/4:2" and recipe["seed"] == "3" and len(recipe) > 20, recipe
    assert recipe["data.training_sha256"] == text["data_digest"] and len(text["data_digest"]) == 64 and text["data"] == place.train
    import hashlib
    assert hashlib.sha256(text["recipe"].encode()).hexdigest() == (digest.decode() if isinstance(digest, bytes) else digest)
    assert text["parents"].split() == [str(parent), place.digest(parent)], text["parents"]
    assert text["threads"] == 2 and text["seed"] == 3 and text["processes"] == 1 and text["seconds"] > 0
    assert re.fullmatch(r"20..-..-..T..:..:..Z", text["started"]) and text["started"] <= text["written"]
    for key in ["mho_version", "git_commit", "compiler", "processor", "kernels", "host", "dnnl"]:
        assert text[key], key
    shown = place.done("show", path)
    ending = shown[shown.index("\ntrained by the recipe"):]
    for words in [text["data_digest"], text["git_commit"], text["started"], "2 threads", str(parent), f"train --from {path} -o NEW.h5 -j 2"]:
        assert words in ending, (words, ending)
    before = place.digest(path)
    with h5py.File(path, "a") as file:
        file["provenance"].attrs["host"] = "another"
    assert place.digest(path) == before


def test_repeat(place):
    """train --from repeats the recipe of a model without its study, to the same payload; other threads are told; --set changes the recipe."""
    folder = fresh(place, "repeat")
    study = place.study("repeat.yaml", model=folder / "first.h5")
    sets = [word for pair in ["train.stages=float:1 4/4:1 chip:1", "train.chip.cell.name=pcm", "train.chip.time=3600", "quant.weight.name=dorefa", "seed=9"]
            for word in ("--set", pair)]
    place.done("train", study, "-j", "1", "--quiet", *sets)
    study.unlink()
    again = place.run("train", "--from", folder / "first.h5", "-o", folder / "again.h5", "-j", "1")
    assert again.returncode == 0 and "bytes may differ" not in again.stderr, again.stderr
    assert place.digest(folder / "again.h5") == place.digest(folder / "first.h5")
    process = place.run("train", "--from", folder / "first.h5", "-o", folder / "other.h5", "-j", "2", "--set", "train.limit=128", timeout=200)
    assert process.returncode == 0 and "with 1 thread and this run has 2, so the bytes may differ: -j 1" in process.stderr, process.stderr
    assert place.digest(folder / "other.h5") != place.digest(folder / "first.h5")
    # data beside a study file are found again from anywhere, and -o is not looked up beside it
    beside = folder / "beside"
    beside.mkdir()
    (beside / "s.yaml").write_text(f'data: {{name: "idx:i-images,i-labels", train: "{harness.write_idx(beside, "i", 200).replace(str(beside) + "/", "")}"}}\n'
                                   'train: {net: allconv, width: 0.25, stages: "float:1", batch: 32, validation: 64}\n')
    place.done("train", beside / "s.yaml", "-j", "1", "--quiet", "-o", beside / "m.h5")
    (folder / "elsewhere").mkdir()
    process = subprocess.run([place.mho, "train", "--from", str(beside / "m.h5"), "-o", "m.h5", "-j", "1", "--quiet"], cwd=folder / "elsewhere",
                             env=place.env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert place.digest(folder / "elsewhere" / "m.h5") == place.digest(beside / "m.h5")
    place.refused(2, ["--from", "-o NEW.h5"], "train", "--from", folder / "first.h5")
    place.refused(2, "seed is 9 there and 4 here", "train", "--from", folder / "first.h5", "-o", folder / "again.h5", "--set", "seed=4")
    place.refused(2, ["train-images", "no recipe"], "train", "--from", foreign(folder), "-o", folder / "none.h5")
    place.refused(2, "needs a study", "train")


def foreign(folder):
    """An HDF5 file of another program."""
    import h5py
    path = folder / "train-images.h5"
    with h5py.File(path, "w") as file:
        file.attrs["name"] = "nobody's"
    return path


def test_other_training_images(place):
    """Changed training images are another recipe: the model is kept and refused, and cannot be repeated."""
    folder = fresh(place, "images")
    images = harness.write_idx(folder, "own", 480, 7)
    train = ["train", place.study("images.yaml", model=folder / "m.h5", train=images), "-j", "1", "--quiet", "--set", "train.stages=float:1"]
    place.done(*train)
    before = (folder / "m.h5").read_bytes()
    harness.write_idx(folder, "own", 480, 8)
    place.refused(2, ["m.h5", "its training images were others", "-o FILE"], *train)
    assert (folder / "m.h5").read_bytes() == before
    place.refused(2, ["cannot be repeated", "its training images were others", "--data"], "train", "--from", folder / "m.h5", "-o", folder / "n.h5")
    harness.write_idx(folder, "own", 480, 7)
    assert "nothing to do" in place.run(*train[:-3], *train[-2:]).stderr


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
