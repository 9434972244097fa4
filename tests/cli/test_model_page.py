"""results/MODEL.md names every group, array, attribute and unit of the model files that mho writes, and nothing else. Usage: test_model_page.py MHO"""
import pathlib
import re
import shutil
import sys
import time

import harness
from harness import fresh

PAGE = pathlib.Path(__file__).resolve().parents[2] / "results" / "MODEL.md"


def rows(text):
    """Cells of all rows of a page's tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def documented():
    """Places of the page: arrays with their unit, "group:attribute", and groups whose content is described elsewhere."""
    arrays, attributes, groups = {}, set(), set()
    for row in rows(PAGE.read_text(encoding="utf-8")):
        words = [] if "NODE`" in row[0] else re.findall(r"`([^`]+)`", row[0])  # nodes: see kinds()
        if "attribute" in row[0] and words:
            group = words[0].strip("/")
            attributes |= {f"{group}:{word}" for word in words[1:]}
            groups |= {group} if len(words) == 1 else set()
        elif words and "/" in words[0]:
            group = words[0].rsplit("/", 1)[0]
            for word in words:
                if word.endswith("/"):
                    groups.add(word.strip("/"))
                else:
                    arrays[word if "/" in word else f"{group}/{word}"] = row[2]
    return arrays, attributes, groups


def kinds():
    """Settings and arrays of every kind of node."""
    table = {}
    for row in rows(PAGE.read_text(encoding="utf-8")):
        names = re.findall(r"`(\w+)`", row[0])
        if len(row) != 3 or not names or "/" in row[0]:
            continue
        for name in names:
            table[name] = (set(re.findall(r"`(\w+)`", row[1])), set(re.findall(r"`(\w+)`", row[2])))
    words_of_text = {"per_channel", "per_tensor", "fqconv", "max", "average", "global", "fake_quant"}
    table = {name: (settings - words_of_text, arrays - words_of_text - {"bits", "adc_range"}) for name, (settings, arrays) in table.items()}
    table["dense"] = (table["dense"][0], table["conv"][1])  # "the same"
    return table


def model_files(place, folder):
    """Models and checkpoints that together have everything."""
    study = place.study("page.yaml", model=folder / "page_{recipe}.h5")
    train = ["train", study, "-j", "1", "--quiet", "--set", "train.limit=192"]

    def made(name, *sets):
        place.done(*train, "-o", folder / name, *[word for pair in sets for word in ("--set", pair)])
        return folder / name

    chip = ["train.chip.cell.name=pcm", "train.chip.time=3600", "train.chip.adc.range=learned"]
    allocation = ["allocate.bit_widths=8 4", "allocate.recovery_epochs=1", "allocate.trial_images=16"]
    files = [made("float.h5", "train.stages=float:1"), made("fq.h5", "train.stages=float:1 fq 4/4:1"),
             made("resnet.h5", "train.net=resnet20", "train.stages=float:1 4/4:1"), made("lenet.h5", "train.net=lenet", "train.stages=float:1"),
             made("allocated.h5", "train.stages=float:1 8/8:1 allocate", "allocate.size=6", "allocate.feedback=chip", "allocate.adc_bit_widths=8 6",
                  *chip, *allocation)]
    place.done(*train, "--set", "train.stages=float:1 4/4:1")
    files += sorted(folder.glob("page_*.h5"))
    stop = ["train.stages=float:1 8/8:1 allocate", "allocate.accuracy=99", "allocate.moves=4", *allocation, "allocate.recovery_epochs=9", "train.batch=4"]
    process = place.popen(*train, "-o", folder / "stopped.h5", *[word for pair in stop for word in ("--set", pair)])
    import h5py
    copy = folder / "checkpoint.h5"
    end = time.monotonic() + 60
    while True:
        assert process.poll() is None and time.monotonic() < end, "no checkpoint within a recovery was seen"
        for path in (place.folder / "results" / "checkpoints").glob("stopped-*.h5"):
            try:
                shutil.copy(path, copy)
            except FileNotFoundError:
                continue
        try:
            with h5py.File(copy) as file:
                if "allocation/accepted" in file:
                    break
        except OSError:
            pass
        time.sleep(0.005)
    process.kill()
    process.wait()
    return files + [copy]


NETCDF = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_FillValue", "units", "long_name", "labels"}


def text_of(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def test_page(place):
    """Every array and attribute of real files is documented with its unit, and every documented one is in some file."""
    import h5py
    folder = fresh(place, "page")
    arrays, attributes, groups = documented()
    nodes = kinds()
    units, seen_attributes, seen_settings, faults = {}, set(), set(), []

    def look(path, name, item, kind_of):
        covered = [group for group in groups if name == group or name.startswith(group + "/")]
        if covered:
            units.setdefault(covered[0] + "/", "")
            return
        parts = name.split("/")
        if parts[0] == "layers" and len(parts) > 1:
            settings, node_arrays = nodes[kind_of[parts[1]]]
            if isinstance(item, h5py.Group):
                for key in set(item.attrs) - NETCDF:
                    seen_settings.add((kind_of[parts[1]], key))
                    if key not in settings:
                        faults.append(f"{path.name}: {name} attribute {key}")
                return
            if text_of(item.attrs.get("NAME", "")).startswith("This is a netCDF dimension"):
                return
            if item.dtype.kind in "iuf" and not item.attrs.get("units"):
                faults.append(f"{path.name}: {name} has no units")
            seen_settings.add((kind_of[parts[1]], parts[2]))
            if parts[2] not in node_arrays | {"codes"}:
                faults.append(f"{path.name}: {name}")
            units["layers/NODE/codes"] = "1" if parts[2] == "codes" else units.get("layers/NODE/codes")
            return
        for key in set(item.attrs) - NETCDF:
            seen_attributes.add(f"{name}:{key}")
            if f"{name}:{key}" not in attributes and isinstance(item, h5py.Group):
                faults.append(f"{path.name}: {name} attribute {key}")
        if isinstance(item, h5py.Dataset) and not text_of(item.attrs.get("NAME", "")).startswith("This is a netCDF dimension"):
            units[name] = text_of(item.attrs.get("units", ""))
            if name not in arrays and parts[0] != "graph":
                faults.append(f"{path.name}: {name}")
            if item.dtype.kind in "iuf" and (not units[name] or units[name] != arrays.get(name)):
                faults.append(f"{path.name}: {name} has units '{units[name]}', documented '{arrays.get(name)}'")

    for path in model_files(place, folder):
        with h5py.File(path) as file:
            kind_of = {name.decode(): kind.decode() for name, kind in zip(file["graph/name"][:], file["graph/kind"][:])}
            look(path, "", file, kind_of)
            file.visititems(lambda name, item: look(path, name, item, kind_of))
    assert not faults, "not documented: " + ", ".join(sorted(set(faults)))
    assert "layers/NODE/codes" in units
    missing = [name for name in arrays if name not in units and "NODE" not in name] + [f"{group}/" for group in groups if f"{group}/" not in units]
    missing += [name for name in attributes if name not in seen_attributes]
    missing += [f"{kind} {key}" for kind, (settings, node_arrays) in nodes.items() for key in settings | node_arrays if (kind, key) not in seen_settings]
    assert not missing, "documented, and in no file: " + ", ".join(sorted(missing))


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
