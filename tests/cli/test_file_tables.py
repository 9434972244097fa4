#!/usr/bin/python3
"""The tables of results/README.md, and the names on results/MODEL.md, against real files: what is documented is there, and what is there is documented.

Usage: test_file_tables.py MHO. TAP on stdout.
"""
import os
import pathlib
import re
import sys

import h5py

import harness

SOURCE = pathlib.Path(os.environ.get("MHO_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
OF_THE_FORMAT = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_FillValue", "units", "long_name", "label", "mho_axis"}
ON_THE_ROOT = {"Conventions", "mho_format"}  # named in the text before the tables
ABSENT_HERE = {"/shard"}  # of shards only; test_shards_are_documented makes one


def tables(path, heading):
    """Tables of a section: lists of rows, each a list of cells; the first row is the heading."""
    text = (SOURCE / path).read_text().split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    found, table = [], []
    for line in text.splitlines() + [""]:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table:
            found.append([table[0]] + table[2:])
            table = []
    return found


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def documented():
    """Documented arrays {path: (axes, unit)} and the set of documented attributes."""
    arrays, attributes = {}, set()
    for table in tables("results/README.md", "## The result file"):
        if table[0] == ["path", "axes", "unit", "content"]:
            arrays.update({name: (row[1], row[2]) for row in table[1:] for name in names(row[0])})
        elif table[0] == ["attribute", "content"]:
            attributes.update(name for row in table[1:] for name in names(row[0]))
    return arrays, attributes


def is_dimension(item):
    name = item.attrs.get("NAME", b"")
    return (name.decode() if isinstance(name, bytes) else name).startswith("This is a netCDF dimension but not")


def axes_of(file, item):
    """Names of the axes of a dataset, which are those of its dimension scales."""
    if item.attrs.get("CLASS") is not None and item.ndim == 1:
        return [item.name.rsplit("/", 1)[1]]
    return [item.dims[i][0].name.rsplit("/", 1)[1] for i in range(item.ndim)]


def read(path):
    """Arrays {path: (axes, unit, is text)} and attributes of a file."""
    arrays, attributes = {}, set()

    with h5py.File(path, "r") as file:
        def visit(name, item):
            place = "/" + name
            if hasattr(item, "dtype"):
                if is_dimension(item):
                    return
                unit = item.attrs.get("units", "")
                arrays[place] = (axes_of(file, item), unit, item.dtype.kind == "O")
                assert item.attrs.get("long_name"), f"{place} has no long_name"
            for key in set(item.attrs) - OF_THE_FORMAT:
                attributes.add(f"{place}/{key}")

        file.visititems(visit)
        attributes.update("/" + key for key in set(file.attrs) - ON_THE_ROOT)
    return arrays, attributes


def entry_of(place, swept, arrays):
    """The documented path of an array of a file."""
    if place in arrays:
        return place
    group, key = place.rsplit("/", 1)
    return group + "/<key>" if key in swept and group + "/<key>" in arrays else None


def check(path, swept, absent):
    arrays, attributes = documented()
    assert len(arrays) > 20 and len(attributes) > 10, "the tables were not found"
    found, found_attributes = read(path)
    used = set()
    for place, (axes, unit, is_text) in found.items():
        entry = entry_of(place, swept, arrays)
        assert entry, f"{place} is in the file and not in results/README.md"
        used.add(entry)
        wanted_axes, wanted_unit = arrays[entry]
        if wanted_axes not in ("itself", "themselves") and "swept keys" not in wanted_axes:
            assert axes == [axis.strip() for axis in wanted_axes.split(",")], f"{place}: axes {axes}, documented {wanted_axes}"
        if wanted_unit == "of the key":
            assert unit or is_text, f"{place}: a number without a unit"
        elif wanted_unit in ("none", "words"):
            assert unit == "" and is_text == (wanted_unit == "words"), f"{place}: unit '{unit}', documented {wanted_unit}"
        else:
            assert unit == wanted_unit, f"{place}: unit '{unit}', documented {wanted_unit}"
    assert used == set(arrays), f"documented and not in the file: {sorted(set(arrays) - used)}"
    assert found_attributes == attributes - absent, \
        f"not documented: {sorted(found_attributes - attributes)}; not in the file: {sorted(attributes - absent - found_attributes)}"


def test_results_are_documented(place):
    """Every array and attribute of a result has a row with its axes and unit, and every row is one of a file."""
    study = place.study("documents.yaml", "  chip.noise: [0, 1]\n  chip.cell.name: [ideal, pcm]\n")
    place.done("sweep", study, "-o", "documents.h5", timeout=240)
    check(place.folder / "documents.h5", {"chip.noise", "chip.cell.name"}, ABSENT_HERE)


def test_shards_are_documented(place):
    """A shard has the attribute that says which it is; the rest is the same, but for the grid, which is of whole sweeps."""
    study = place.study("documents2.yaml", "  chip.noise: [0, 1]\n")
    place.done("sweep", study, "-o", "shard.h5", "--shard", "1/2", timeout=240)
    arrays, attributes = documented()
    found, found_attributes = read(place.folder / "shard.h5")
    assert found_attributes == attributes, f"{sorted(found_attributes ^ attributes)}"
    missing = [path for path in found if not entry_of(path, {"chip.noise"}, arrays)]
    assert not missing, missing


def test_logits_are_documented(place):
    """The same for the file of eval --logits."""
    study = place.study("documents3.yaml")
    if not place.model.exists():
        place.done("train", study, timeout=240)
    place.done("eval", place.model, "--logits", "documents-logits.h5", "--set", f"data.name={place.test}",
               "--set", f"data.train={place.train}", "--set", "data.limit=20", timeout=120)
    table = next(t for t in tables("results/README.md", "## The logits file") if t[0][0] == "path")
    arrays = {name: row[1] for row in table[1:] for name in names(row[0])}
    found, _ = read(place.folder / "documents-logits.h5")
    assert set(found) == set(arrays), f"{set(found) ^ set(arrays)}"
    for path, (axes, _, _) in found.items():
        assert ", ".join(axes) == arrays[path], f"{path}: {axes}"
    with h5py.File(place.folder / "documents-logits.h5") as file:
        assert file["logits"].attrs["units"] == "1"


def test_models_are_documented(place):
    """Every array and attribute that mho train writes is named on the page of models."""
    if not place.model.exists():
        place.done("train", place.study("documents4.yaml"), timeout=240)
    words = {word for name in names((SOURCE / "results/MODEL.md").read_text()) for word in (name, name.rsplit("/", 1)[-1])}
    found, attributes = read(place.model)
    missing = sorted(path for path in [*found, *attributes] if path.rsplit("/", 1)[1] not in words)
    assert not missing, missing


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules[__name__], sys.argv[1]))
