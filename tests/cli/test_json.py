"""What --json prints is JSON with what the text says. Usage: test_json.py MHO"""
import json
import sys

import harness


def strict(text):
    """The one JSON value on one line; NaN and Infinity, which are not JSON, are refused."""
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")
    assert text.endswith("\n") and text.count("\n") == 1, text
    return json.loads(text, parse_constant=refuse)


def data(place):
    return ["--set", f"data.name={place.test}", "--set", f"data.train={place.train}", "--set", "data.calibration=32", "--quiet"]


def trained(place):
    """The tiny model, trained once."""
    if not place.model.exists():
        place.done("train", place.study("train.yaml"), "--quiet")
    return place.model


def finished(place):
    """A small finished result."""
    path = place.folder / "finished.h5"
    if not path.exists():
        trained(place)
        place.done("sweep", place.study("finished.yaml", "  chip.cell.name: [ideal, pcm]\n  chip.noise: [0, 1]\n"), "-o", path, "--quiet")
    return path


def test_list(place):
    """Every line of `list` is an object; the kinds are those of the text."""
    rows = strict(place.done("list", "--json"))
    lines = place.done("list").splitlines()
    assert [row["kind"] for row in rows] == [line.split()[0] for line in lines]
    assert [row["name"] for row in rows] == [line.split()[1] for line in lines]
    cells = strict(place.done("list", "cell", "--json"))
    assert {"kind", "name", "summary"} <= set(cells[0]) and {row["kind"] for row in cells} == {"cell"}


def test_describe(place):
    """A table, one key, a section of keys, and the types of defaults."""
    table, = strict(place.done("describe", "pcm", "--json"))
    assert table["kind"] == "cell" and table["does_not_use"] == ["chip.temperature"] and len(table["keys"]) >= 3
    key, = strict(place.done("describe", "--json", "chip.cell.pcm.t_read"))[0]["keys"]
    assert key["key"] == "chip.cell.pcm.t_read" and key["unit"] == "s" and key["min"] <= key["default"] <= key["max"], key
    everything = strict(place.done("describe", "--json"))
    for key in [key for table in everything for key in table["keys"]]:
        kind = {"real": (int, float), "integer": int, "boolean": bool, "choice": str, "text": str}[key["type"]]
        assert isinstance(key["default"], kind) and key["help"], key
        assert key["type"] != "choice" or key["default"] in key["choices"], key


def test_describe_unknown(place):
    """A name that is not known gives its line of error and no JSON."""
    assert place.refused(2, "nosuch", "describe", "--json", "nosuch").stdout == ""


def test_describe_keys(place):
    """`describe KEY` explains any key that --set takes; a misspelt one names the nearest."""
    for key in ["chip.cell.pcm.prog_scale", "chip.noise", "seed", "train.chip.time", "quant.weight.uniq.tails", "data.limit",
                "allocate.ccq.temperature"]:
        tables = strict(place.done("describe", key, "--json"))
        assert [entry["key"] for table in tables for entry in table["keys"]] == [key], key
        assert key in place.done("describe", key)
    section = [entry["key"] for table in strict(place.done("describe", "data", "--json")) for entry in table["keys"]]
    assert "data.limit" in section and all(key.startswith("data.") for key in section), section
    assert place.done("describe", "chip.cell.*") == place.done("describe", "chip.cell")
    place.refused(2, ["chip.cell.pcm.prog_scal'", "'chip.cell.pcm.prog_scale'"], "describe", "chip.cell.pcm.prog_scal")


def test_eval(place):
    """Accuracies, interval, speed, layers and files."""
    told = strict(place.done("eval", trained(place), *data(place), "--set", "chip.cell.name=pcm", "--set", "repeat=3", "--layers",
                             "--json", "--logits", "logits.h5"))
    chip = told["chip"]
    assert len(chip["accuracy_per_chip"]) == 3 and chip["accuracy_low"] <= chip["accuracy"] <= chip["accuracy_high"]
    assert chip["images_per_second"] > 0 and told["integer"]["images_per_second"] > 0 and told["integer"]["images"] == 60
    assert told["settings"]["chip.cell.name"] == "pcm" and told["logits"] == "logits.h5"
    assert told["layers"][0]["name"] == "conv1" and told["layers"][0]["weight_bits"] == 2
    told = strict(place.done("eval", trained(place), *data(place), "--set", "noise.weight=0.2", "--json"))
    assert "noise_on_codes" in told and "chip" not in told
    failed = place.run("eval", trained(place), *data(place), "--json", "--trace", "60")
    assert failed.returncode == 2 and failed.stdout == "", failed
    text = place.done("eval", trained(place), *data(place), "--set", "chip.cell.name=pcm")
    assert text.count("images/s") == 2, text


def test_show(place):
    """The arrays of a result with their axes, and its points; a model."""
    told = strict(place.done("show", finished(place), "--json"))
    accuracy = told["arrays"]["accuracy"]
    assert accuracy["axes"] == ["point", "chip"] and accuracy["shape"] == [3, 3], accuracy
    points = told["points"]
    assert [point["chip.cell.name"] for point in points].count("pcm") == 2 and points[0]["chip.noise"] in (None, 0, 1)
    assert all(point["accuracy_low"] <= point["accuracy_mean"] <= point["accuracy_high"] for point in points)
    model = strict(place.done("show", trained(place), "--json"))
    assert "conv1" in model["groups"]["layers"]["groups"] and "points" not in model


def test_status(place):
    """The state of a finished sweep."""
    told = strict(place.done("status", finished(place), "--json"))
    assert isinstance(told, dict) and told, told


def test_sweep_events(place):
    """One object a line: started, every trial, finished; a second run starts with everything done; failures are events too."""
    trained(place)
    study = place.study("events.yaml", "  chip.noise: [0, 1]\n")

    def events(*words, code=0):
        process = place.run("sweep", study, "-o", "events.h5", "--json", "--quiet", *words)
        assert process.returncode == code, process
        return [strict(line) for line in process.stdout.splitlines(keepends=True)]

    first = events()
    assert [event["event"] for event in first] == ["started"] + ["trial"] * 4 + ["finished"], first  # noise 0 runs one chip
    assert first[0]["points"] == 2 and first[0]["trials"] == 4 and first[0]["done"] == 0
    trials = first[1:-1]
    assert [event["done"] for event in trials] == [1, 2, 3, 4] and all(event["trials"] == 4 and event["seconds"] > 0 for event in trials)
    assert {(event["point"], event["chip"]) for event in trials} == {(0, 0), (1, 0), (1, 1), (1, 2)}
    assert first[-1]["result"] == "events.h5"
    assert [event["event"] for event in events()] == ["finished"]
    failed = events("--set", "chip.noise=0,2", code=2)
    assert failed[-1]["event"] == "failed" and failed[-1]["exit_code"] == 2 and "events.h5" in failed[-1]["message"], failed
    rows = {(p, c): a for p, c, a in [(e["point"], e["chip"], e["accuracy"]) for e in trials]}
    import h5py
    with h5py.File(place.folder / "events.h5") as file:
        assert all(file["accuracy"][at] == accuracy for at, accuracy in rows.items())


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
