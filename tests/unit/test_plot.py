#!/usr/bin/python3
"""results/plot.py over synthetic files: which figure it chooses, the same bytes twice, one line for files it cannot draw.

Usage: test_plot.py PLOT.py [FOLDER]; with FOLDER the figures stay there to be looked at. TAP on stdout.
"""
import importlib.util
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np


def write_result(path, axes, model, chips=8, ideal=()):
    """A full grid over axes {key: (values, unit)}; words first. `ideal`: (key, values) points with NaN noise and one chip."""
    grids = np.meshgrid(*[np.arange(len(v)) for v, _ in axes.values()], indexing="ij")
    columns = {key: [values[i] for i in grid.ravel()] for (key, (values, _)), grid in zip(axes.items(), grids)}
    noise = np.random.default_rng(1).normal(size=(grids[0].size, chips)) * 0.01 if grids else np.zeros((1, chips))
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    accuracy = np.array([model(row) for row in rows])[:, None] + noise
    for row, value in ideal:
        rows.append(row)
        accuracy = np.vstack([accuracy, [value] + [np.nan] * (chips - 1)])
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "Accuracy of a ternary network on analog chips"
        file["accuracy"] = accuracy
        file["n_chips"] = np.isfinite(accuracy).sum(axis=1).astype("i4")
        for key, (values, unit) in axes.items():
            column = [row[key] for row in rows]
            file[key] = column if isinstance(values[0], str) else np.array(column, float)
            file[key].attrs["units"] = unit


def falling(row):
    bits = row.get("chip.adc.uniform.bits", 8)
    loss = {"pcm": 0.05, "nor_flash": 0.02}.get(row.get("chip.cell.name"), 0.03)
    time = np.log10(row.get("chip.time", 1.0) + 1)
    return 0.91 - 0.5 * 2.0 ** (2 - bits) - loss * row.get("chip.noise", 1.0) ** 1.5 - 0.02 * time


def quickstart(path):
    cells, bits, noise = ["pcm", "nor_flash"], [4.0, 5.0, 6.0, 8.0], [0.0, 0.5, 1.0, 2.0]
    axes = {"chip.cell.name": (cells, ""), "chip.adc.uniform.bits": (bits, ""), "chip.noise": (noise, "")}
    ideal = [({"chip.cell.name": "ideal", "chip.adc.uniform.bits": b, "chip.noise": np.nan}, 0.91 - 0.5 * 2.0 ** (2 - b))
             for b in bits]
    write_result(path, axes, falling, ideal=ideal)


def drift(path):
    write_result(path, {"chip.time": ([1.0, 3600.0, 86400.0, 2.6e6, 3.2e7], "s")}, falling)


def heat(path):
    axes = {"chip.noise": (list(np.linspace(0, 3, 8)), ""), "chip.time": (list(np.logspace(0, 7, 9)), "s")}
    write_result(path, axes, falling)


def names_only(path):
    write_result(path, {"chip.cell.name": (["pcm", "nor_flash"], "")}, falling)


def model(path):
    epochs = np.arange(24)
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "Training of a small network"
        history = file.create_group("history")
        history["loss"] = 2.3 * np.exp(-epochs / 8) + 0.3
        history["train_accuracy"] = 0.9 - 0.6 * np.exp(-epochs / 6)
        history["held_accuracy"] = 0.88 - 0.6 * np.exp(-epochs / 6)
        history["stage"] = ["float"] * 8 + ["w8a8"] * 6 + ["w2a4"] * 10


def load(path):
    spec = importlib.util.spec_from_file_location("plot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(plot, *arguments):
    return subprocess.run([sys.executable, plot, *arguments], capture_output=True, text=True, check=False)


def draw_twice(plot, write, folder, name):
    """Draw through the command, twice: both files there, the same bytes, a readable PNG of journal width and 300 dpi."""
    data, stem = os.path.join(folder, name + ".h5"), os.path.join(folder, name)
    write(data)
    found = []
    for _ in range(2):
        done = run(plot, data, "--output", stem)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        found.append([open(stem + kind, "rb").read() for kind in (".svg", ".png")])
    assert found[0] == found[1], "two runs differ"
    svg, png = found[0]
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and b"</svg>" in svg
    assert int.from_bytes(png[16:20], "big") >= 1000, "less than 8.5 cm at 300 dpi"
    assert not [entry for entry in os.listdir(folder) if entry.endswith(".tmp")]


def check_quickstart(module, folder):
    with h5py.File(os.path.join(folder, "quickstart.h5"), "r") as file:
        figure = module.plot_result(file)
    assert [ax.get_title() for ax in figure.axes] == ["nor flash", "pcm"] or \
        [ax.get_title() for ax in figure.axes] == ["pcm", "nor flash"]
    for ax in figure.axes:
        lines = ax.get_lines()
        assert len(lines) == 8 and len(ax.collections) == 4  # four curves with bands, four references
        dashed = [line for line in lines if line.is_dashed()]
        assert len(dashed) == 4 and abs(dashed[0].get_ydata()[0] - 100 * (0.91 - 0.125)) < 1e-9
    labels = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert "4-bit ADC" in labels and "ideal, 8-bit ADC" in labels, labels
    assert any("8 simulated chips" in entry.get_text().replace("\n", " ") for entry in figure.texts)


def check_interval(module, folder):
    """Without a summary in the file the interval is Student's: 8 chips, 2.365 standard errors."""
    with h5py.File(os.path.join(folder, "drift.h5"), "r") as file:
        result, accuracy = module.Result(file), 100 * file["accuracy"][()]
        figure = module.plot_result(file)
    half = 2.365 * accuracy[2].std(ddof=1) / np.sqrt(8)
    assert abs(result.high[2] - accuracy[2].mean() - half) < 1e-9
    assert figure.axes[0].get_xscale() == "log" and figure.axes[0].get_xlabel() == "time since programming (s)"


def check_heat(module, folder):
    with h5py.File(os.path.join(folder, "heat.h5"), "r") as file:
        mesh = module.plot_result(file).axes[0].collections[0]
    assert mesh.get_array().size == 72 and abs(mesh.get_array().max() - 91) < 3


def check_refusals(plot, folder):
    garbage, other = os.path.join(folder, "garbage.h5"), os.path.join(folder, "other.h5")
    with open(garbage, "w") as file:
        file.write("no HDF5")
    with h5py.File(other, "w") as file:
        file["x"] = [1.0]
    for path in (garbage, other, os.path.join(folder, "missing.h5")):
        done = run(plot, path)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 and path in done.stderr, done.stderr


def main():
    plot = sys.argv[1]
    module = load(plot)
    with tempfile.TemporaryDirectory() as temporary:
        folder = sys.argv[2] if len(sys.argv) > 2 else temporary
        checks = [(write.__name__, lambda write=write: draw_twice(plot, write, folder, write.__name__))
                  for write in (quickstart, drift, heat, names_only, model)]
        checks += [(check.__name__, lambda check=check: check(module, folder))
                   for check in (check_quickstart, check_interval, check_heat)]
        checks.append(("refusals", lambda: check_refusals(plot, folder)))
        failed = 0
        print(f"1..{len(checks)}")
        for number, (name, check) in enumerate(checks, 1):
            try:
                check()
                print(f"ok {number} - {name}")
            except Exception as problem:  # the other figures are still of interest
                failed += 1
                print(f"not ok {number} - {name}: {type(problem).__name__}: {problem}".replace("\n", " "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
