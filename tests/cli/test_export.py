"""`mho export --csv`: the numbers of the result, quoted, in a new file only. Usage: test_export.py MHO"""
import csv
import math
import shutil
import sys

import harness


def result(place):
    """A finished sweep of words that need quotes (model files), a number with a unit, and a key that does not apply to every point."""
    path = place.folder / "r.h5"
    if not path.exists():
        place.done("train", place.study("train.yaml"), "--quiet")
        for name in ["a,b.h5", 'c"d.h5']:
            shutil.copy(place.model, place.folder / name)
        sweep = "  model: ['a,b.h5', 'c\"d.h5']\n  chip.cell.name: [ideal, pcm]\n  chip.time: [1, 0.1]\n"
        study = place.study("r.yaml", sweep)
        study.write_text("\n".join(line for line in study.read_text().splitlines() if not line.startswith(("model:", "  time:"))))
        place.done("sweep", study, "-o", path, "--quiet")
    return path


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def test_layers_of_different_networks(place):
    """Layers that have no common names are numbered, and a trial has a row for each number; what a network does not have is
    empty."""
    import h5py
    path = place.folder / "numbered.h5"
    shutil.copy(result(place), path)
    with h5py.File(path, "r+") as file:
        n = file["layer"].shape[0]
        file["layer"][...] = [str(i) for i in range(n)]
    place.done("export", path, "--csv", "--layers", "-o", "numbered.csv")
    table = rows(place.folder / "numbered.csv")
    assert {row["layer"] for row in table} == {str(i) for i in range(n)} and len(table) % n == 0


def test_rows(place):
    """One row per trial; names, numbers and missing values are those that h5py reads."""
    import h5py
    place.done("export", result(place), "--csv", "-o", "r.csv")
    table = rows(place.folder / "r.csv")
    with h5py.File(result(place)) as file:
        accuracy, times, models = file["accuracy"][()], file["chip.time"][()], [word.decode() for word in file["model"][()]]
        points = {(p, c) for p in range(accuracy.shape[0]) for c in range(accuracy.shape[1]) if not math.isnan(accuracy[p, c])}
    assert len(table) == len(points) and {(int(row["point"]), int(row["chip"])) for row in table} == points
    assert {row["model"] for row in table} == {"a,b.h5", 'c"d.h5'}
    for row in table:
        p, c = int(row["point"]), int(row["chip"])
        assert float(row["accuracy"]) == accuracy[p, c] and row["model"] == models[p]
        assert row["chip.time [s]"] == "" if math.isnan(times[p]) else float(row["chip.time [s]"]) == times[p], row
        assert row["chip.time [s]"] == "" or row["chip.cell.name"] == "pcm", row
    assert float(table[0]["loss [nat]"]) > 0 and float(table[0]["seconds [s]"]) > 0 and table[0]["host"]
    process = place.run("export", result(place), "--csv")
    assert process.stdout == (place.folder / "r.csv").read_text(), "another table on standard output"


def test_layers(place):
    """With --layers, one row per layer of each trial."""
    import h5py
    place.done("export", result(place), "--csv", "--layers", "-o", "layers.csv")
    with h5py.File(result(place)) as file:
        names, signal = [name.decode() for name in file["layer"][()]], file["signal"][()]
    table = rows(place.folder / "layers.csv")
    assert [row["layer"] for row in table[:len(names)]] == names
    column = next(name for name in table[0] if name.split(" ")[0] == "signal")
    for row in table:
        assert float(row[column]) == signal[int(row["point"]), int(row["chip"]), names.index(row["layer"])]


def test_nothing_is_overwritten(place):
    """A file that exists is refused and stays as it is; without a format, for a model and on a full disk there is one line."""
    target = place.folder / "notes.csv"
    target.write_text("mine")
    place.refused(2, ["notes.csv", "never overwritten"], "export", result(place), "--csv", "-o", target)
    assert target.read_text() == "mine"
    place.refused(2, "--csv", "export", result(place))
    place.refused(2, [str(place.model), "not a result"], "export", place.model, "--csv")
    place.refused(1, "nowhere/x.csv", "export", result(place), "--csv", "-o", "nowhere/x.csv")
    with open("/dev/full", "w", encoding="utf-8") as full:
        import subprocess
        process = subprocess.run([place.mho, "export", result(place), "--csv"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 1 and "No space left" in process.stderr, process
    assert not list(place.folder.glob("*.part.*"))


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
