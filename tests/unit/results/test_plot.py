#!/usr/bin/python3
"""results/plot.py on synthetic files: the figure that it chooses, the same bytes twice, one line for files it cannot draw.

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
        history["validation_accuracy"] = 0.88 - 0.6 * np.exp(-epochs / 6)
        history["stage"] = ["float"] * 8 + ["w8a8"] * 6 + ["w2a4"] * 10


def write_table(path, variants, conditions, accuracy, versus=(), difference=None, samples=8, samples_are="chip"):
    """A result with a comparison: a row per variant and condition. accuracy(variant, row), difference(variant, versus, row):
    (mean, half of the interval) or None where not compared."""
    grids = np.meshgrid(*[np.arange(len(v)) for v, _ in conditions.values()], indexing="ij") if conditions else []
    rows = [{key: values[i] for (key, (values, _)), i in zip(conditions.items(), at)}
            for at in zip(*(grid.ravel() for grid in grids))] or [{}]
    rows = [(variant, row) for variant in variants for row in rows]
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "Variants of a network on the same chips"
        file["accuracy"] = np.array([[accuracy(*row)] * 2 for row in rows])
        table = file.create_group("summary/analysis")
        table.attrs["samples_are"] = samples_are
        if conditions:
            table.attrs["conditions"] = list(conditions)
        table["variant"] = [variant for variant, _ in rows]
        table["samples"] = np.full(len(rows), samples)
        for key, (values, unit) in conditions.items():
            column = [row[key] for _, row in rows]
            table[key] = column if isinstance(values[0], str) else np.array(column, float)
            table[key].attrs["units"] = unit
        for name, shift in (("mean", 0.0), ("low", -0.004), ("high", 0.004)):
            table["accuracy_" + name] = np.array([accuracy(*row) for row in rows]) + shift
        if versus:
            table["versus"] = list(versus)
            found = [[difference(variant, other, row) or (np.nan, np.nan) for other in versus] for variant, row in rows]
            found = np.array(found)
            for name, sign in (("mean", 0), ("low", -1), ("high", 1)):
                table["difference_" + name] = found[:, :, 0] + sign * found[:, :, 1]


TRAINED = ["plain training", "trained with 0.3 LSB weight noise"]


def difference(path):
    """Two cells, four levels of noise; the gain is made so that 0.5 shows nothing."""
    conditions = {"chip.cell.name": (["pcm", "nor_flash"], ""), "chip.noise": ([0.5, 1.0, 2.0, 4.0], "")}
    write_table(path, TRAINED, conditions, lambda variant, row: falling(row) + 0.01 * (variant != TRAINED[0]), TRAINED[:1],
                lambda variant, other, row: None if variant == other else (0.01 * row["chip.noise"] - 0.004, 0.005))


def bits(path):
    """Three quantizers over bits; each with those before it, over seeds."""
    names = ["even steps", "k-means", "quantiles"]
    write_table(path, names, {"quant.weight.bits": ([2.0, 3.0, 4.0, 8.0], "bit")},
                lambda variant, row: 0.9 - 0.4 * 2.0 ** (1 - row["quant.weight.bits"]) + 0.01 * names.index(variant),
                names[:2], lambda variant, other, row: (0.01 * (names.index(variant) - names.index(other)), 0.015)
                if names.index(variant) > names.index(other) else None, 5, "seed")


KINDS = ["noise.weight", "noise.activation", "noise.sum"]


def write_noise(path, rows):
    """Levels of the three kinds, a row each with chips' and images' draws where weights have noise; two variants."""
    rows = [(levels, draw) for levels in rows for draw in (("chip", "image") if levels[0] else ("",))]
    write_table(path, ["plain", "noise-trained"], {"row": (list(range(len(rows))), "")},
                lambda variant, row: 0.9 - cost(variant, *rows[row["row"]]), ["plain"],
                lambda variant, other, row: None if variant == other else (0.001 * row["row"], 0.005))
    with h5py.File(path, "r+") as file:
        table = file["summary/analysis"]
        which = table["row"][()].astype(int)
        for k, key in enumerate(KINDS):
            table[key] = np.array([rows[i][0][k] for i in which], float)
            table[key].attrs["units"] = "LSB"
        table["noise.draw"] = [rows[i][1] for i in which]
        table.attrs["conditions"] = ["noise.draw"] + KINDS


def cost(variant, levels, draw):
    return (levels[0] * (1.2 if draw == "image" else 1) + levels[1] / 2 + levels[2] / 10) * (1 if variant == "plain" else 0.5)


def one_noise(path):
    """Noise on weights, activations and sums, one at a time; only noise on weights has a draw."""
    write_noise(path, [(0, 0, 0), (0.1, 0, 0), (0.3, 0, 0), (0, 0.2, 0), (0, 0.4, 0), (0, 0, 1), (0, 0, 2)])


def three_noises(path):
    """The same, and all at once in a fixed ratio."""
    write_noise(path, [(0, 0, 0), (0.1, 0, 0), (0.3, 0, 0), (0, 0.2, 0), (0, 0.4, 0), (0, 0, 1), (0, 0, 2),
                       (0.1, 0.1, 0.5), (0.2, 0.2, 1)])


def list_only(path):
    """No numeric condition: a line per variant."""
    names = ["uniform", "CCQ as published", "accuracy decides, T = 100"]
    write_table(path, names, {}, lambda variant, row: 0.88 + 0.004 * names.index(variant), names[:1],
                lambda variant, other, row: None if variant == other else (0.004 * names.index(variant), 0.005), 5, "seed")


def write_log(group, undone=()):
    """The log of two layers and a converter: five moves, one of them the converter's."""
    winners = ["conv1", "logits", "conv1", "conv1", "conv1"]
    group.attrs["allocator"], group.attrs["end"] = "ccq", "size"
    group.attrs["start_size"], group.attrs["start_accuracy"] = 8.0, 0.9
    group.attrs["feedback"], group.attrs["recovery"] = "chip", "codes"
    group["candidate"], group["converter"] = ["conv1", "logits", "conv1"], np.array([0, 0, 1], "u1")
    group["winner"], group["winner_converter"] = winners, np.array([0, 0, 0, 1, 0], "i4")
    group["bits_from"] = np.array([8, 8, 6, 7, 4], "i4")
    group["bits_to"] = np.array([6, 6, 4, 6, 3], "i4")
    group["undone"] = np.isin(np.arange(5), undone).astype("i4")
    group["size"] = np.array([6.5, 6.0, 4.4, 4.4, 3.0])
    group["accuracy_after"] = np.array([0.9, 0.89, 0.885, 0.884, 0.87])
    group["accuracy_trial"] = np.array([0.88, 0.87, 0.86, 0.87, 0.8])


def allocated(path):
    """A model with allocated bits, whose stages are the moves."""
    with h5py.File(path, "w") as file:
        history = file.create_group("history")
        history["stage"] = ["float"] * 3 + [f"move {i} conv1 6" for i in range(1, 6)] + ["fq"]
        history["loss"] = np.linspace(2, 1, 9)
        history["learning_rate"], history["gradient_norm"] = np.full(9, 0.1), np.linspace(1, 2, 9)
        write_log(file.create_group("allocation"), undone=[4])


def trajectories(path):
    """Two variants of two networks each; one network has fewer moves."""
    list_only(path)
    with h5py.File(path, "r+") as file:
        group = file.create_group("summary/analysis/trajectories")
        group["variant"] = ["uniform", "uniform", "CCQ as published", "CCQ as published"]
        group["size"] = np.array([[7, 5, 3.0], [7, 4, 2.9], [6, 4, 3.0], [5, 3, np.nan]])
        group["validation_accuracy"] = np.where(np.isfinite(group["size"][()]), 0.9 - 0.1 / group["size"][()], np.nan)
        group["bits"] = np.array([[3, 3, 4.0], [3, 3, 2.0], [2, 3, 6.0], [2, 4, 8.0]])
        group["layer"] = ["conv1", "conv2", "logits"]


def load(path):
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("plot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(plot, *arguments):
    return subprocess.run([sys.executable, plot, *arguments], capture_output=True, text=True, check=False)


TWICE = ("quickstart", "allocated", "difference")  # curves, bars and a log


def draw(plot, write, folder, name):
    """Draw through the command, some of them twice: all files there, the same bytes, a readable PNG of journal width and 300 dpi, text as
    text in the SVG."""
    data, stem = os.path.join(folder, name + ".h5"), os.path.join(folder, name)
    write(data)
    found = []
    for _ in range(2 if name in TWICE else 1):
        done = run(plot, data, "--output", stem, *(() if name in TWICE else ("--format", "svg")))
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert done.stdout.splitlines()[0] == (f"{stem}.svg {stem}.png {stem}.pdf" if name in TWICE else f"{stem}.svg")
        if name not in TWICE:
            assert b"</svg>" in open(stem + ".svg", "rb").read()
            return
        found.append([open(stem + kind, "rb").read() for kind in (".svg", ".png", ".pdf")])
    assert found[0] == found[-1], "two runs differ"
    svg, png, pdf = found[0]
    assert b"<text" in svg and pdf[:5] == b"%PDF-" and b"CreationDate" not in pdf
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and b"</svg>" in svg
    assert int.from_bytes(png[16:20], "big") >= 1000, "less than 8.5 cm at 300 dpi"
    assert not [entry for entry in os.listdir(folder) if entry.endswith(".tmp")]


def check_quickstart(module, folder):
    """Cells are panels, ADC bits curves with bands, and the ideal cell, without noise, gives dashed reference lines."""
    with h5py.File(os.path.join(folder, "quickstart.h5"), "r") as file:
        figure = module.plot_result(file)
    assert sorted(ax.get_title() for ax in figure.axes) == ["NOR flash", "PCM"]
    for ax in figure.axes:
        lines = ax.get_lines()
        assert len(lines) == 8 and len(ax.collections) == 4  # four curves with bands, four references
        assert ax.get_xlabel() == "device noise" and list(ax.get_xticks()) == [0, 0.5, 1, 2]
        dashed = [line for line in lines if line.is_dashed()]
        assert len(dashed) == 4 and abs(dashed[0].get_ydata()[0] - 100 * (0.91 - 0.125)) < 1e-9
    labels = [entry.get_text() for entry in figure.legends[0].get_texts()]
    assert labels == [f"{which}{bits}-bit ADC" for which in ("", "ideal cell, ") for bits in (4, 5, 6, 8)], labels
    assert any("8 simulated chips" in entry.get_text().replace("\n", " ") for entry in figure.texts)


def check_interval(module, folder):
    """The interval is Student's, 8 chips, 2.365 standard errors, on a log scale to 0 and 100 %: never beyond them, and
    Student's in the middle; its quantiles are those of tables beyond 30 chips, too."""
    with h5py.File(os.path.join(folder, "drift.h5"), "r") as file:
        result, accuracy = module.results.Result(file), 100 * file["accuracy"][()]
        figure = module.plot_result(file)
    half = 2.365 * accuracy[2].std(ddof=1) / np.sqrt(8)
    room = 100 - accuracy[2].mean()
    assert abs(result.high[2] - (100 - room * np.exp(-half / room))) < 1e-3
    for freedom, quantile in ((1, 12.7062), (7, 2.36462), (31, 2.03951), (40, 2.02108), (100, 1.98397), (1000, 1.96234)):
        assert abs(module.results.student_quantile(freedom) - quantile) < 2e-4, freedom
    mean, low, high, _ = module.results.statistics(np.array([[0.97, 1, 1], [0.03, 0, 0], [1, 1, 1], [0.5, 0.52, 0.51]]))
    assert (low >= 0).all() and (high <= 1).all() and low[0] > 0.94 and abs(low[0] + high[1] - 1) < 1e-12 and low[2] == high[2] == 1
    assert abs(high[3] - mean[3] - 4.30265 * 0.01 / np.sqrt(3)) < 1e-3


def tick_texts(ax):
    return [tick.get_text() for tick in ax.get_xticklabels()]


def check_times(module, folder):
    """Times have their own units: on the axis while they are few, in legends and in the titles of panels."""
    for seconds, words in ((0.0, "0 s"), (1.0, "1 s"), (90.0, "1.5 min"), (3600.0, "1 h"), (86400.0, "1 day"),
                           (2592000.0, "30 days"), (3.15e7, "1 year"), (31536000.0, "1 year"), (3.1536e8, "10 years"),
                           (2.5e-7, "250 ns"), (1e-3, "1 ms"), (3.1536e11, "10000 years")):
        assert module.axes.duration(seconds) == words, module.axes.duration(seconds)
    with h5py.File(os.path.join(folder, "drift.h5"), "r") as file:
        ax = module.plot_result(file).axes[0]
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "time since programming"
    assert tick_texts(ax) == ["1 s", "1 min", "1 h", "1 day", "1 year"], tick_texts(ax)
    assert all(tick.get_rotation() == 0 for tick in ax.get_xticklabels())
    noise, times, bits = [0.0, 0.5, 1.0, 2.0], [3600.0, 86400.0], [4.0, 6.0, 8.0]
    axes = {"chip.noise": (noise, ""), "chip.adc.uniform.bits": (bits, ""), "chip.time": (times, "s")}
    path = os.path.join(folder, "times.h5")
    write_result(path, axes, falling)
    with h5py.File(path, "r") as file:
        assert [ax.get_title() for ax in module.plot_result(file).axes] == ["after 1 h", "after 1 day"]
    del axes["chip.adc.uniform.bits"]
    write_result(path, axes, falling)
    with h5py.File(path, "r") as file:
        figure = module.plot_result(file)
    assert [entry.get_text() for entry in figure.legends[0].get_texts()] == ["after 1 h", "after 1 day"]


def check_heat(module, folder):
    """Two axes of more than six values give a heat map of all points."""
    with h5py.File(os.path.join(folder, "heat.h5"), "r") as file:
        mesh = module.plot_result(file).axes[0].collections[0]
    assert mesh.get_array().size == 72 and abs(mesh.get_array().max() - 91) < 3


def note_of(figure):
    return " ".join(" ".join(entry.get_text() for entry in figure.texts).split())


def legend_of(figure):
    return [entry.get_text() for entry in figure.legends[0].get_texts()]


def check_difference(module, folder):
    """Plain training is not drawn; the bars are the file's intervals; intervals that contain 0 are hollow and named."""
    assert os.path.exists(os.path.join(folder, "difference_difference.png")), "the command did not write the second figure"
    with h5py.File(os.path.join(folder, "difference.h5"), "r") as file:
        plain, figure = module.plot_table(file), module.plot_difference(file)
    assert legend_of(plain) == TRAINED and legend_of(figure) == TRAINED[1:]
    assert [ax.get_title() for ax in figure.axes] == [ax.get_title() for ax in plain.axes] == ["PCM", "NOR flash"]
    for ax in figure.axes:
        bars = ax.containers[0]
        assert np.allclose(bars.lines[0].get_ydata(), [0.1, 0.6, 1.6, 3.6])
        ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
        assert np.allclose(ends, [[-0.4, 0.6], [0.1, 1.1], [1.1, 2.1], [3.1, 4.1]]), ends
        assert any(np.allclose(line.get_ydata(), 0) for line in ax.get_lines()), "no zero line"
        hollow = [line for line in ax.get_lines() if line.get_markerfacecolor() == "white"]
        assert len(hollow) == 1 and np.allclose(hollow[0].get_xdata(), 0.5)
    note = note_of(figure)
    assert "Trained with 0.3 LSB weight noise minus plain training, paired over 8 simulated chips" in note, note
    assert "contains 0 at PCM, noise × 0.5; NOR flash, noise × 0.5 (hollow)" in note, note
    assert "mean over 8 simulated chips; bands: 95 % Student interval" in note_of(plain), note_of(plain)


def check_bits(module, folder):
    """A curve per variant over bits; a panel per variant of the differences from it, in the same colours."""
    with h5py.File(os.path.join(folder, "bits.h5"), "r") as file:
        plain, figure = module.plot_table(file), module.plot_difference(file)
    ax = plain.axes[0]
    assert legend_of(plain) == ["even steps", "k-means", "quantiles"] and list(ax.get_xticks()) == [2, 3, 4, 8]
    assert len(plain.axes) == 1 and len(ax.collections) == 3 and ax.get_ylabel() == "accuracy (%)"
    assert ax.get_xlabel() == "weight bits", ax.get_xlabel()
    assert [ax.get_title() for ax in figure.axes] == ["minus even steps", "minus k-means"]
    assert [len(ax.containers) for ax in figure.axes] == [2, 1]
    colour = {line.get_label(): line.get_color() for line in ax.get_lines()}
    assert figure.axes[1].containers[0].lines[0].get_color() == colour["quantiles"]
    assert "5 networks of different seeds" in note_of(figure) and "8 of 12 differences" in note_of(figure), note_of(figure)


def curves_of(ax):
    """{(colour, marker, whether dashed): (x, y)} of what is drawn; entries of the legend and the ends of bars are left out."""
    return {(line.get_color(), line.get_marker(), line.is_dashed()): (list(line.get_xdata()), line.get_ydata())
            for line in ax.get_lines() if len(line.get_xdata()) > 1 and line.get_marker() != "_"}


def check_one_noise(module, folder):
    """A panel per kind of noise over its levels, a line per draw of the weights, dashed where new for every image; the row
    without noise is in every panel. All three kinds at once get the fourth panel, over the weights' level."""
    blue, orange = module.drawing.COLOURS[:2]
    drawn = {("o", False): "chip", ("s", True): "image"}
    levels = {"noise on weights (LSB)": [0, 0.1, 0.3], "noise on activations (LSB)": [0, 0.2, 0.4],
              "noise on sums (LSB)": [0, 1, 2]}
    together = "noise on weights (LSB), activations × 1, sums × 5"
    for name, n in (("one_noise", 3), ("three_noises", 4)):
        with h5py.File(os.path.join(folder, name + ".h5"), "r") as file:
            figure = module.plot_table(file)
        shown = [ax for ax in figure.axes if ax.get_visible()]
        labels = [" ".join(ax.get_xlabel().split()) for ax in shown]
        assert labels == [*levels, together][:n], labels
        assert [ax.get_title() for ax in shown] == ["", "", "", "all three"][:n]
        assert legend_of(figure) == ["plain", "noise-trained", "weight noise fixed per chip",
                                     "weight noise new for every image"], legend_of(figure)
        for k, ax in enumerate(shown):
            at = levels.get(labels[k], [0, 0.1, 0.2])
            curves = curves_of(ax)
            of_draw = drawn if k in (0, 3) else {("o", False): ""}
            assert set(curves) == {(colour, *look) for colour in (blue, orange) for look in of_draw}, list(curves)
            assert len(ax.collections) == len(curves), "a line without its intervals"
            for (colour, *look), (x, y) in curves.items():
                noise = [[level * (k == kind) for kind in range(3)] if k < 3 else (level, level, 5 * level) for level in at]
                variant = "plain" if colour == blue else "noise-trained"
                expected = [90 - 100 * cost(variant, row, of_draw[tuple(look)]) for row in noise]
                assert np.allclose(x, at, atol=0.05 * max(at)) and np.allclose(y, expected), (ax.get_xlabel(), x, y, expected)


def check_noise_difference(module, folder):
    """The difference's bars: a marker per draw, side by side; row 8 of the table is activations at 0.4."""
    with h5py.File(os.path.join(folder, "three_noises.h5"), "r") as file:
        figure = module.plot_difference(file)
    assert [len([bars for bars in ax.containers if len(bars.lines[0].get_xdata())]) for ax in figure.axes] == [2, 1, 1, 2]
    chip, image = (bars.lines[0] for bars in figure.axes[0].containers if len(bars.lines[0].get_xdata()))
    assert (chip.get_marker(), image.get_marker()) == ("o", "s") and (chip.get_xdata() < image.get_xdata()).all()
    assert np.allclose(chip.get_ydata(), [0, 0.1, 0.3]) and np.allclose(image.get_ydata(), [0, 0.2, 0.4])
    assert np.allclose(figure.axes[1].containers[0].lines[0].get_ydata(), [0, 0.5, 0.6])


def check_not_together(module, folder):
    """Rows without a fixed ratio are a grid, not a panel: no figure hides a condition."""
    path = os.path.join(folder, "ratios.h5")
    for rows, n in (([(0, 0.1, 0.1), (0, 0.2, 0.2)], 2), ([(0, 0.1, 0.1), (0, 0.2, 0.1)], 0), ([(0, 0.1, 0.1)], 0)):
        write_noise(path, [(0, 0, 0), (0, 0.1, 0)] + rows)
        with h5py.File(path, "r") as file:
            shown = sys.modules["figures.panels"].panels_of_groups(sys.modules["figures.comparisons"].Table(file),
                                                                   np.ones(2 * (2 + len(rows)), bool))
        assert len(shown) == n, shown
        assert not n or (shown[1].title, shown[1].x.label) == ("both", "noise on activations (LSB),\nsums × 1"), shown[1]


def check_apart(module, folder):
    """Two grids without a common number are rows; over one of the numbers, no title claims lines of the other grid."""
    path = os.path.join(folder, "apart.h5")
    write_result(path, {"chip.cell.name": (["pcm", "rram"], ""), "seed": ([1.0, 2.0, 3.0], "1")}, lambda row: 0.8)
    with h5py.File(path, "r+") as file:
        nan, cells = float("nan"), [cell.decode() for cell in file["chip.cell.name"][()]]
        del file["seed"]
        for key, unit, cell in (("chip.time", "s", "pcm"), ("chip.temperature", "K", "rram")):
            values = iter([60.0, 3600.0, 86400.0])
            file[key] = [next(values) if name == cell else nan for name in cells]
            file[key].attrs["units"] = unit
        module.drawing.plt.close("all")
        rows = [label.get_text() for label in module.plot_result(file).axes[0].get_yticklabels()]
        assert rows[:2] == ["PCM, after 1 min", "PCM, after 1 h"] and rows[3].startswith("RRAM, temperature"), rows
        figure = module.plot_result(file, module.Wishes("chip.time"))
        assert figure.axes[0].get_title() == "" and "PCM" in legend_of(figure), legend_of(figure)


def check_sampled(module, folder):
    """A study that asks for random samples is dots, even where a key of few integers repeats its values."""
    path = os.path.join(folder, "sampled.h5")
    write_result(path, {"chip.noise": ([0.5, 1.0, 1.5, 2.0], ""), "chip.adc.uniform.bits": ([4.0, 5.0], "bit")}, falling)
    with h5py.File(path, "r+") as file:
        assert "Random samples" not in note_of(module.plot_result(file))
        file.attrs["study"] = "repeat=8\nsample.n=8\n"
        figure = module.plot_result(file)
    assert note_of(figure).startswith("Random samples") and len(figure.axes) == 2, note_of(figure)


def check_learning_rate(module, folder):
    """Marks of a logarithmic axis have one form and no TeX; a learning rate that ends at 0 keeps its scale and its line."""
    assert module.axes.powers([1e4, 1e5, 1e6]) == ["10⁴", "10⁵", "10⁶"] and module.axes.powers([0.1, 1, 10]) == ["0.1", "1", "10"]
    path = os.path.join(folder, "rates.h5")
    with h5py.File(path, "w") as file:
        file["history/loss"], file["history/learning_rate"] = [0.9, 0.5, 0.4], [0.1, 0.001, 0.0]
    with h5py.File(path, "r") as file:
        figure = module.plot_history(file)
    ax = figure.axes[1]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert ax.get_yscale() == "log" and labels == ["0.001", "0.01", "0.1"], labels
    assert ax.get_ylim()[0] > 1e-4 and "left out" in note_of(figure)


def check_crowded_ticks(module, folder):
    """In narrow panels, where labels of the values would touch, ticks are round numbers."""
    path = os.path.join(folder, "crowded.h5")
    levels = [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4]
    for models, own in ((["a"], True), (["a", "b", "c", "d"], False)):
        write_result(path, {"model": (models, ""), "noise.weight": (levels, "LSB"), "chip.adc.uniform.bits": ([4.0, 8.0], "bit")}, falling)
        with h5py.File(path, "r") as file:
            ticks = [round(tick, 9) for tick in module.plot_result(file).axes[0].get_xticks()]
        assert (ticks == levels) == own, ticks


def check_list(module, folder):
    """Variants without a numeric condition are lines of a list, the first on top; differences that show nothing are named."""
    with h5py.File(os.path.join(folder, "list_only.h5"), "r") as file:
        plain, figure = module.plot_table(file), module.plot_difference(file)
    ax, names = plain.axes[0], ["uniform", "CCQ as published", "accuracy decides, T = 100"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == names and ax.get_xlabel() == "accuracy (%)"
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first variant is not on top"
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == names[1:]
    assert "CCQ as published minus uniform (hollow)" in note_of(figure), note_of(figure)


def check_allocation(module, folder):
    """Bits after every move; an undone move changes nothing and is hollow; the moves are shown as one stage."""
    assert os.path.exists(os.path.join(folder, "allocated_allocation.png")), "the command did not write the figure of the moves"
    with h5py.File(os.path.join(folder, "allocated.h5"), "r") as file:
        bits, moved, names = module.trajectories.bits_of_log(file["allocation"])
        figure, curves = module.plot_allocation(file), module.plot_history(file)
    assert names == ["conv1", "logits", "conv1 ADC"] and moved == [0, 1, 0, 2, 0]
    assert bits.tolist() == [[8, 8, 7], [6, 8, 7], [6, 6, 7], [4, 6, 7], [4, 6, 6], [4, 6, 6]], bits
    dots = [line for line in figure.axes[2].get_lines() if len(line.get_xdata()) and line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [[1, 2, 3, 4], [5]] and dots[1].get_markerfacecolor() == "white"
    assert list(figure.axes[0].get_lines()[0].get_ydata()) == [90, 90, 89, 88.5, 88.4, 87]
    steps = {patch.get_label(): patch.get_data() for patch in figure.axes[1].patches}
    assert list(steps["bits of a weight"].values) == [8, 6.5, 6, 4.4, 4.4, 4.4], steps
    assert list(steps["bits of a layer's ADC"].values) == [7, 7, 7, 7, 6, 6], steps
    assert list(steps["bits of a weight"].edges) == [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5], "steps and cells do not line up"
    assert "target of size" in note_of(figure) and "was undone" in note_of(figure), note_of(figure)
    assert [line.get_label() for line in figure.axes[0].get_lines()] == [
        "after recovery, validation images without a chip", "right after the move, trial images on the chip"]
    assert [entry.get_text() for entry in curves.axes[0].texts] == ["float", "allocate", "fq"]
    assert [ax.get_ylabel() for ax in curves.axes] == ["loss", "learning rate,\ngradient norm"] and curves.axes[1].get_yscale() == "log"


def check_trajectories(module, folder):
    """A line per network over size, its end marked; the final bits of the layers are means over networks."""
    assert os.path.exists(os.path.join(folder, "trajectories_trajectories.svg"))
    with h5py.File(os.path.join(folder, "trajectories.h5"), "r") as file:
        figure = module.plot_trajectories(file)
    sizes, ends = figure.axes
    ends_of_nets = [line.get_xdata()[0] for line in sizes.get_lines() if len(line.get_xdata()) == 1]
    assert ends_of_nets == [3.0, 2.9, 3.0, 3.0] and sizes.get_xlim()[0] > sizes.get_xlim()[1]
    assert [list(line.get_ydata()) for line in ends.get_lines()] == [[3, 3, 3], [2, 3.5, 7]]
    assert [tick.get_text() for tick in ends.get_xticklabels()] == ["conv1", "conv2", "logits"]
    assert legend_of(figure) == ["uniform", "CCQ as published"]


def check_epochs(module, folder):
    """Ticks of epochs are whole numbers, also for very few epochs."""
    path = os.path.join(folder, "epochs.h5")
    for n in (1, 2, 4):
        with h5py.File(path, "w") as file:
            file["history/loss"] = np.linspace(2, 1, n)
            figure = module.plot_history(file)
        ticks = [tick for tick in figure.axes[-1].get_xticks()]
        assert ticks and all(tick == round(tick) for tick in ticks), ticks


def check_refusals(plot, folder):
    """A damaged, foreign or missing file gives one line with its name and an exit code other than 0."""
    garbage, other = os.path.join(folder, "garbage.h5"), os.path.join(folder, "other.h5")
    with open(garbage, "w") as file:
        file.write("no HDF5")
    with h5py.File(other, "w") as file:
        file["x"] = [1.0]
    for path in (garbage, other, os.path.join(folder, "missing.h5")):
        done = run(plot, path)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 and path in done.stderr, done.stderr


def check_foreign_files_stay(plot, folder):
    """A figure of somebody else under the name of a figure is refused with a remedy, before anything is written; mho's own are
    drawn again."""
    data, stem = os.path.join(folder, "foreign.h5"), os.path.join(folder, "foreign")
    heat(data)

    def files():
        return {kind: open(f"{stem}.{kind}", "rb").read() for kind in ("svg", "png", "pdf")}

    for _ in range(2):
        done = run(plot, data)
        assert done.returncode == 0, done.stderr
    drawn = files()
    for kind, content in (("svg", b"<svg/>"), ("png", b"\x89PNG mine"), ("pdf", b"%PDF- mine")):
        with open(f"{stem}.{kind}", "wb") as file:
            file.write(content)
        done = run(plot, data)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert f"{stem}.{kind}" in done.stderr and "-o" in done.stderr, done.stderr
        assert files() == {**drawn, kind: content}, "something was replaced"
        with open(f"{stem}.{kind}", "wb") as file:
            file.write(drawn[kind])


def main():
    plot = sys.argv[1]
    module = load(plot)
    with tempfile.TemporaryDirectory() as temporary:
        folder = sys.argv[2] if len(sys.argv) > 2 else temporary
        checks = [(write.__name__, lambda write=write: draw(plot, write, folder, write.__name__))
                  for write in (quickstart, drift, heat, names_only, model, difference, bits, one_noise, three_noises,
                                list_only, allocated, trajectories)]
        checks += [(check.__name__, lambda check=check: check(module, folder))
                   for check in (check_quickstart, check_interval, check_times, check_heat, check_difference, check_bits,
                                 check_one_noise, check_noise_difference, check_not_together,
                                 check_apart, check_sampled, check_learning_rate, check_crowded_ticks,
                                 check_list, check_allocation, check_trajectories, check_epochs)]
        checks.append(("foreign files stay", lambda: check_foreign_files_stay(plot, folder)))
        checks.append(("refusals", lambda: check_refusals(plot, folder)))
        failed = 0
        print(f"1..{len(checks)}")
        for number, (name, check) in enumerate(checks, 1):
            module.drawing.plt.close("all")
            try:
                check()
                print(f"ok {number} - {name}")
            except Exception as problem:  # the other figures are still of interest
                failed += 1
                print(f"not ok {number} - {name}: {type(problem).__name__}: {problem}".replace("\n", " "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
