#!/usr/bin/python3
"""Figures of mho: accuracy over the swept axes of a result file, or the learning curves of a model file.

plot.py FILE.h5 [--output STEM] writes STEM.svg and STEM.png (default: beside FILE). Figures are chosen from the axes:
one numeric axis gives curves with 95 % bands, two give a curve per value of the shorter one, or a heat map when both have
more than six values; words (cell names) become panels; points without noise become dashed reference lines.
"""
import argparse
import itertools
import os
import sys
import textwrap

import h5py
import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({
    "svg.hashsalt": "mho", "svg.fonttype": "path", "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8,
    "legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7, "axes.linewidth": 0.6, "lines.linewidth": 1.2,
    "lines.markersize": 3.5, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 300})
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
import numpy as np  # noqa: E402

COLUMN = 8.5 / 2.54  # inches: one column of a journal page
# Okabe and Ito's colours, told apart with every common colour blindness; black is kept for references.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = "osD^vP"
DASHES = [(4, 2), (4, 1, 1, 1), (1, 1), (7, 2), (7, 1, 1, 1, 1, 1), (2, 3)]
HEAT_ABOVE = 6  # values of both axes beyond which curves are too many
SHORT = {"chip.cell.name": "cell", "chip.noise": "noise scale", "chip.time": "time since programming",
         "chip.temperature": "temperature"}
# Two-sided 95 % Student quantiles for 1 to 30 degrees of freedom (table of any textbook), for files without a summary.
STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
           2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


class Unusable(Exception):
    """The file holds nothing that can be drawn: one line for the user."""


class Axis:
    """A swept parameter over the points: values (numbers, or words as str), unit, and the sorted distinct values."""

    def __init__(self, key, dataset):
        values = dataset[()]
        self.key = key
        self.words = values.dtype.kind in "OSU"
        self.unit = text(dataset.attrs.get("units", ""))
        self.values = np.array([text(v) for v in values]) if self.words else values.astype(float)
        applies = self.values != "" if self.words else np.isfinite(self.values)
        self.applies = applies
        distinct = self.values[applies]
        self.distinct = list(dict.fromkeys(distinct)) if self.words else list(np.unique(distinct))

    @property
    def label(self):
        name = SHORT.get(self.key, self.key.split(".", 1)[-1].replace(".", " ").replace("_", " "))
        if name.startswith("adc"):
            name = "ADC" + name[3:]
        return name + (f" ({self.unit})" if self.unit not in ("", "1") else "")

    def name_of(self, value):
        word = str(value).replace("_", " ") if self.words else f"{value:g}"
        if self.key.endswith(".bits"):
            return f"{word}-bit ADC" if ".adc." in self.key else f"{word} bits"
        return word if self.words else f"{SHORT.get(self.key, self.key.split('.')[-1])} {word}" \
            + (f" {self.unit}" if self.unit not in ("", "1") else "")


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


class Result:
    """Mean and interval of the accuracy at every point, in percent, and the swept axes."""

    def __init__(self, file):
        accuracy = 100 * np.atleast_2d(file["accuracy"][()])
        if accuracy.ndim != 2 or accuracy.size == 0:
            raise Unusable("/accuracy is not an array over point and chip")
        self.title = text(file.attrs.get("title", "")) or text(file.attrs.get("question", ""))
        self.n_chips = np.isfinite(accuracy).sum(axis=1)
        self.mean, self.low, self.high = statistics(file, accuracy)
        axes = [Axis(key, file[key]) for key in file if is_swept(file[key], key, len(accuracy))]
        self.axes = [axis for axis in axes if len(axis.distinct) > 1 or (axis.distinct and not axis.applies.all())]


def is_swept(item, key, n_points):
    return isinstance(item, h5py.Dataset) and "." in key and item.shape == (n_points,)


def statistics(file, accuracy):
    if "summary/accuracy_mean" in file:
        return tuple(100 * file["summary/accuracy_" + name][()] for name in ("mean", "low", "high"))
    n = np.isfinite(accuracy).sum(axis=1)
    known = np.where(np.isfinite(accuracy), accuracy, 0.0)
    mean = np.where(n > 0, known.sum(axis=1) / np.maximum(n, 1), np.nan)
    spread = np.where(np.isfinite(accuracy), accuracy - mean[:, None], 0.0)
    error = np.sqrt((spread ** 2).sum(axis=1) / np.maximum(n - 1, 1) / np.maximum(n, 1))
    half = np.array([STUDENT[min(k - 2, 29)] if k > 1 else np.nan for k in n]) * error
    return mean, mean - half, mean + half


def is_log(values):
    """Wide positive ranges (times, scales) read better in decades; zero is left to a linear scale."""
    values = [v for v in values if np.isfinite(v)]
    return len(values) > 2 and min(values) > 0 and max(values) / min(values) >= 30


def choose(result):
    """The roles of the axes: panels (words and whatever is left over), x, and curves."""
    numbers = sorted((a for a in result.axes if not a.words and a.distinct), key=lambda a: -len(a.distinct))
    words = [a for a in result.axes if a.words]
    # A parameter that some points do not have (noise of an ideal cell) is what the figure is about: it goes on x.
    partial = [a for a in numbers if not a.applies.all() and len(a.distinct) > 1]
    x = (partial or numbers or [None])[0]
    rest = [a for a in numbers if a is not x]
    return words + rest[1:], x, rest[0] if rest else None


def references(result, x):
    """Points to which x does not apply: reference lines in every panel."""
    if x is None or x.applies.all():
        return np.zeros(len(result.mean), bool)
    return ~x.applies & np.isfinite(result.mean)


def panel_masks(result, panels, drawn):
    """(title, points) of every panel that has points."""
    out = []
    for values in itertools.product(*(axis.distinct for axis in panels)):
        mask = drawn.copy()
        for axis, value in zip(panels, values):
            mask &= axis.values == value
        if mask.any():
            out.append((", ".join(axis.name_of(v) for axis, v in zip(panels, values)), mask))
    return out


def draw_curve(ax, result, x, points, style, label):
    points = points[np.argsort(x.values[points], kind="stable")]
    at = x.values[points]
    ax.plot(at, result.mean[points], label=label, **style)
    if np.isfinite(result.low[points]).any():
        ax.fill_between(at, result.low[points], result.high[points], color=style["color"], alpha=0.2, linewidth=0)


def draw_curves(ax, result, x, curves, mask):
    groups = [(None, mask)] if curves is None else [(v, mask & (curves.values == v)) for v in curves.distinct]
    for i, (value, part) in enumerate(groups):
        points = np.flatnonzero(part)
        if len(points):
            style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
            draw_curve(ax, result, x, points, style, None if value is None else curves.name_of(value))


def draw_references(ax, result, reference, words, curves):
    """One dashed line per reference point, in the colour of its curve; nearly equal ones keep apart by their dashes."""
    for k, point in enumerate(np.flatnonzero(reference)):
        name = " ".join(axis.name_of(axis.values[point]) for axis in words) or "reference"
        index, colour = k, "black"
        if curves is not None and curves.applies[point]:
            index = curves.distinct.index(curves.values[point])
            colour = COLOURS[index % len(COLOURS)]
            name += ", " + curves.name_of(curves.values[point])
        ax.axhline(result.mean[point], color=colour, linewidth=0.8, dashes=DASHES[index % len(DASHES)],
                   label=name, zorder=1)


def edges(values):
    """Borders of the cells around sorted values, halfway between neighbours."""
    values = np.asarray(values, float)
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])


def draw_heat(ax, result, x, y, mask, limits):
    table = np.full((len(y.distinct), len(x.distinct)), np.nan)
    for point in np.flatnonzero(mask & x.applies & y.applies):
        table[y.distinct.index(y.values[point]), x.distinct.index(x.values[point])] = result.mean[point]
    grids = []
    for axis, scale in ((x, ax.set_xscale), (y, ax.set_yscale)):
        log = is_log(axis.distinct)
        grids.append(np.exp(edges(np.log(axis.distinct))) if log else edges(axis.distinct))
        scale("log" if log else "linear")
    ax.set_ylabel(y.label)
    return ax.pcolormesh(grids[0], grids[1], table, cmap="cividis", vmin=limits[0], vmax=limits[1], rasterized=False)


def caption(result, reference, heat):
    n = result.n_chips[np.isfinite(result.mean)]
    many = n[n > 1]
    if len(many) == 0:
        chips = "One chip at every point, so no interval is known."
    else:
        count = f"{many.min()}" if many.min() == many.max() else f"{many.min()} to {many.max()}"
        chips = f"Mean over {count} simulated chips." if heat else \
            f"Lines: mean over {count} simulated chips; bands: 95 % Student interval of that mean."
    return chips + (f" Dashed: where {reference} does not apply." if reference and not heat else "")


def finish(figure, title, note, width):
    """Title above, legend and caption below, sized in lines of text so that nothing overlaps."""
    columns = int(width / COLUMN * 62)
    above = "\n".join(textwrap.wrap(title, columns)) if title else ""
    below = "\n".join(textwrap.wrap(note, int(columns * 1.12)))
    axes = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels()):
            entries.setdefault(label, handle)
    n_columns = max(1, min(len(entries), int(width / COLUMN * 2)))
    n_rows = -(-len(entries) // n_columns) if entries else 0
    line = 0.135  # inches per line of small text
    bottom = line * (below.count("\n") + 1) + 0.05
    middle = bottom + line * 1.15 * n_rows + (0.08 if n_rows else 0)
    top = line * 1.1 * (above.count("\n") + 1) + 0.04 if above else 0
    height = figure.get_figheight() + middle + top
    figure.set_figheight(height)
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="lower center", ncol=n_columns, frameon=False,
                      bbox_to_anchor=(0.5, bottom / height), borderaxespad=0, columnspacing=1.2, handlelength=2.2,
                      labelspacing=0.25)
    figure.text(0.5, 0.03 / height, below, ha="center", va="bottom", fontsize=6.2, color="#333333")
    if above:
        figure.text(0.5, 1 - 0.03 / height, above, ha="center", va="top", fontsize=8)
    for _ in range(2):  # the first pass resizes the axes and with them the ticks
        figure.tight_layout(pad=0.3, w_pad=0.8, rect=(0, middle / height, 1, 1 - top / height))


def new_figure(n, heat=False):
    width = COLUMN * min(2, n) if n > 1 else COLUMN
    per_row = min(n, 4)
    rows = -(-n // per_row)
    figure, axes = plt.subplots(rows, per_row, figsize=(width, 2.1 * rows), sharex=not heat, sharey=True, squeeze=False)
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:n]), width


def plot_no_axis(result, words):
    """Nothing numeric was swept: one bar with an interval per point."""
    figure, (ax,), width = new_figure(1)
    names = ["\n".join(a.name_of(a.values[i]) for a in words) for i in range(len(result.mean))]
    half = np.nan_to_num([result.mean - result.low, result.high - result.mean])
    ax.errorbar(np.arange(len(names)), result.mean, yerr=half, fmt="o", color=COLOURS[0], capsize=3)
    ax.set_xticks(np.arange(len(names)), names)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylabel("accuracy (%)")
    finish(figure, result.title, caption(result, "", False).replace("Lines: m", "M").replace("bands", "bars"), width)
    return figure


def plot_result(file):
    result = Result(file)
    panels, x, curves = choose(result)
    if x is None:
        return plot_no_axis(result, panels)
    reference = references(result, x)
    masks = panel_masks(result, panels, np.isfinite(result.mean) & ~reference)
    if not masks:
        raise Unusable("/accuracy holds no finite value over a swept parameter")
    heat = curves is not None and min(len(x.distinct), len(curves.distinct)) > HEAT_ABOVE
    figure, axes, width = new_figure(len(masks), heat)
    limits = (np.nanmin(result.mean), np.nanmax(result.mean))
    words = [axis for axis in panels if axis.words]
    for i, (ax, (title, mask)) in enumerate(zip(axes, masks)):
        ax.set_title(title)
        ax.set_xlabel(x.label)
        if heat:
            mesh = draw_heat(ax, result, x, curves, mask, limits)
            continue
        draw_curves(ax, result, x, curves, mask)
        draw_references(ax, result, reference, words, curves)
        ax.set_xscale("log" if is_log(x.distinct) else "linear")
        ax.grid(True, color="#e5e5e5", linewidth=0.5)
        ax.set_ylabel("accuracy (%)" if i % 4 == 0 else "")
    finish(figure, result.title, caption(result, x.label if reference.any() else "", heat), width)
    if heat:
        figure.colorbar(mesh, ax=axes, label="accuracy (%)")
    return figure


def history_curves(history):
    """Arrays of train/history over epochs, split into those in percent and losses."""
    curves = {name: item[()] for name, item in history.items()
              if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.kind == "f"}
    accuracy = {k: 100 * v for k, v in curves.items() if "accuracy" in k}
    return accuracy, {k: v for k, v in curves.items() if "loss" in k}


def series_name(name):
    """train_loss and train_accuracy are one series: the images that they were measured on."""
    words = [word for word in name.split("_") if word not in ("loss", "accuracy")]
    return {"": "train", "held": "held-out"}.get(" ".join(words), " ".join(words))


def draw_stages(axes, stages):
    """A thin line and a name where a new stage of training begins."""
    starts = [i for i, name in enumerate(stages) if i == 0 or name != stages[i - 1]]
    for ax in axes:
        for start in starts[1:]:
            ax.axvline(start + 0.5, color="#999999", linewidth=0.6, dashes=(2, 2))
    for start in starts if len(starts) > 1 else []:
        axes[0].text(start + 0.7, 1.01, stages[start], transform=axes[0].get_xaxis_transform(), fontsize=6, rotation=30,
                     ha="left", va="bottom")


HISTORIES = ("train/history", "history")


def plot_history(file):
    history = next(file[path] for path in HISTORIES if path in file)
    parts = [(data, label) for data, label in zip(history_curves(history), ("accuracy (%)", "loss")) if data]
    if not parts:
        raise Unusable("its history holds no array of loss or accuracy")
    figure, axes = plt.subplots(len(parts), 1, figsize=(COLUMN, 1.5 * len(parts) + 0.3), sharex=True, squeeze=False)
    axes = list(axes.flat)
    names = list(dict.fromkeys(series_name(name) for data, _ in parts for name in data))
    for ax, (data, label) in zip(axes, parts):
        for name, values in data.items():
            ax.plot(np.arange(1, len(values) + 1), values, label=series_name(name),
                    color=COLOURS[names.index(series_name(name)) % len(COLOURS)])
        ax.set_ylabel(label)
        ax.grid(True, color="#e5e5e5", linewidth=0.5)
    axes[-1].set_xlabel("epoch")
    if "stage" in history:
        draw_stages(axes, [text(v) for v in history["stage"][()]])
    finish(figure, text(file.attrs.get("title", "")), "Learning curves, one value an epoch; dashed lines: a new stage.", COLUMN)
    return figure


def save(figure, stem):
    """Both files appear whole or not at all, and the same data give the same bytes."""
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        temporary = f"{stem}.{os.getpid()}.{kind}.tmp"
        try:
            figure.savefig(temporary, format=kind, metadata=metadata)
            os.replace(temporary, f"{stem}.{kind}")
        finally:
            if os.path.exists(temporary):
                os.remove(temporary)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="result or model file of mho (HDF5)")
    parser.add_argument("--output", metavar="STEM", help="write STEM.svg and STEM.png (default: FILE without .h5)")
    options = parser.parse_args()
    stem = options.output or os.path.splitext(options.file)[0]
    try:
        with h5py.File(options.file, "r") as file:
            if "accuracy" in file:
                figure = plot_result(file)
            elif any(path in file for path in HISTORIES):
                figure = plot_history(file)
            else:
                raise Unusable("neither /accuracy nor a training history is in it; give a result or a model file of mho")
        save(figure, stem)
    except (Unusable, OSError, KeyError, ValueError) as problem:
        print(f"plot: {options.file}: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1 if isinstance(problem, OSError) and os.path.exists(options.file) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
