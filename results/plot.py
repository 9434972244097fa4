#!/usr/bin/python3
"""Figures of mho: accuracy over the swept axes of a result file, or the learning curves of a model file.

plot.py FILE.h5 [--output STEM] writes STEM.svg and STEM.png (default: beside FILE). Figures are chosen from the axes:
one numeric axis gives curves with 95 % bands, two give a curve per value of the shorter one, or a heat map when both have
more than six values; words (cell names) become panels; points without noise become dashed reference lines. A result whose
analysis compares models on the same chips also gets STEM_difference, the paired difference of accuracy.
"""
import argparse
import itertools
import os
import re
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
# What an axis is called, and one of its values in a legend; other keys take the help text of their parameter.
LABELS = {"chip.noise": "noise, multiples of the cell model's level", "chip.time": "time since programming",
          "chip.temperature": "temperature", "train.noise.weight": "weight noise in training",
          "train.noise.activation": "activation noise in training", "train.noise.sum": "noise of sums in training"}
VALUES = {"chip.noise": "noise × {}", "chip.time": "after {}", "train.noise.weight": "trained with {} weight noise",
          "train.noise.activation": "trained with {} activation noise", "train.noise.sum": "trained with {} noise of sums"}
WORDS = {"pcm": "PCM", "nor_flash": "NOR flash", "ideal": "ideal cell", "rram": "RRAM", "sonos": "SONOS"}
TRAINING_NOISE = [key for key in LABELS if key.startswith("train.noise.")]
PARTS = {"adc": "ADC", "dac": "DAC", "cell": "cell", "wire": "wire"}
# Times in legends and on axes: the largest unit of which there is nearly one.
DURATIONS = [(31536000.0, "year", "years"), (86400.0, "day", "days"), (3600.0, "h", "h"), (60.0, "min", "min"),
             (1.0, "s", "s"), (1e-3, "ms", "ms"), (1e-6, "µs", "µs"), (1e-9, "ns", "ns")]
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
        self.help = re.split("[,;:.`(]", text(dataset.attrs.get("long_name", "")))[0].strip()
        self.values = np.array([text(v) for v in values]) if self.words else values.astype(float)
        applies = self.values != "" if self.words else np.isfinite(self.values)
        self.applies = applies
        distinct = self.values[applies]
        self.distinct = list(dict.fromkeys(distinct)) if self.words else list(np.unique(distinct))

    @property
    def label(self):
        return self.meaning + (f" ({self.unit})" if self.unit not in ("", "1") else "")

    @property
    def short(self):
        return self.meaning.split(",")[0]

    @property
    def meaning(self):
        """A few words: the agreed ones, a short help text behind its part of the chip, or the key itself."""
        if self.key in LABELS:
            return LABELS[self.key]
        steps = self.key.split(".")
        part = PARTS.get(steps[1], "") if steps[0] == "chip" else ""
        words = self.help if 0 < len(self.help) <= 32 else " ".join(steps[2 if part else 1:]).replace("_", " ")
        return f"{part} {words}".strip()

    def name_of(self, value):
        if self.words:
            word = WORDS.get(value, value.replace("_", " "))
            return word if self.key.endswith(".name") else f"{self.key.split('.')[-1].replace('_', ' ')} {word}"
        if self.key.endswith(".bits"):
            return f"{value:g}-bit " + {"adc": "ADC", "dac": "DAC", "weight": "weights", "activation": "activations"}.get(
                self.key.split(".")[1], "codes")
        if self.key in TRAINING_NOISE and value == 0:
            return "plain training"
        number = f"{value:g}" + (f" {self.unit}" if self.unit not in ("", "1") else "")
        if self.unit == "s":
            number = duration(value)
        return VALUES[self.key].format(number) if self.key in VALUES else f"{self.meaning} {number}"


def duration(seconds):
    """86400 is 1 day, 2.6e6 is 30 days, 2.5e-7 is 250 ns."""
    for size, one, several in DURATIONS:
        if seconds >= 0.99 * size:
            count = seconds / size
            whole = abs(count - round(count)) < 0.005 * count  # 3.15e7 s are meant to be a year
            number = f"{round(count) if whole else count:.{3 if count < 1000 else 6}g}"
            return f"{number} {one if number == '1' else several}"
    return f"{seconds:g} s"


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


class Difference(Result):
    """Mean and interval, in percentage points, of accuracy minus that of the same chips where the compared key is 0."""

    def __init__(self, file):
        super().__init__(file)
        analysis = file["summary/analysis"]
        key = text(analysis.attrs["compares"])
        self.mean, self.low, self.high = (100 * analysis["difference_" + name][()] for name in ("mean", "low", "high"))
        self.levels = Axis(key, file[key])
        if not len(self.mean) == len(self.low) == len(self.high) == len(self.levels.values):
            raise Unusable(f"the arrays of its analysis and {key} differ in length")
        self.mean[self.levels.values == 0] = np.nan
        self.levels.distinct = [level for level in self.levels.distinct if level != 0]
        self.axes = [axis for axis in self.axes if axis.key != key]

    @property
    def compared(self):
        """What is drawn in words: which training minus which."""
        names = [self.levels.name_of(level) for level in self.levels.distinct]
        return f"{' or '.join(names) if len(names) < 4 else self.levels.meaning} minus {self.levels.name_of(0)}"

    @property
    def hollow(self):
        """Points whose interval contains 0: no difference is shown there."""
        return np.isfinite(self.mean) & (self.low <= 0) & (self.high >= 0)

    def name_of(self, point):
        axes = self.axes + ([self.levels] if len(self.levels.distinct) > 1 else [])
        return ", ".join(axis.name_of(axis.values[point]) for axis in axes if axis.applies[point]) or "the only condition"


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


def draw_bars(ax, result, at, points, style, label):
    """Intervals as error bars; a hollow marker where the interval of a difference contains 0."""
    half = np.nan_to_num([result.mean[points] - result.low[points], result.high[points] - result.mean[points]])
    ax.errorbar(at, result.mean[points], yerr=half, capsize=2.5, elinewidth=1, label=label, **style)
    hollow = getattr(result, "hollow", np.zeros(len(result.mean), bool))[points]
    ax.plot(at[hollow], result.mean[points][hollow], color=style["color"], marker=style["marker"], linestyle="none",
            markerfacecolor="white", zorder=4)


def beside(x, values, i, n):
    """x moved by up to 2 % of the axis, so that the bars of n curves do not cover each other."""
    step = 0.02 * (i - (n - 1) / 2)
    if is_log(x.distinct):
        return values * (max(x.distinct) / min(x.distinct)) ** step
    return values + step * (max(x.distinct) - min(x.distinct))


def draw_curves(ax, result, x, curves, mask, bars=False):
    groups = [(None, mask)] if curves is None else [(v, mask & (curves.values == v)) for v in curves.distinct]
    for i, (value, part) in enumerate(groups):
        points = np.flatnonzero(part)
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        label = None if value is None else curves.name_of(value)
        if len(points) and bars:
            points = points[np.argsort(x.values[points], kind="stable")]
            draw_bars(ax, result, beside(x, x.values[points], i, len(groups)), points, style, label)
        elif len(points):
            draw_curve(ax, result, x, points, style, label)


def places(values):
    """Where values stand on their axis, from 0 to 1."""
    at = np.log(values) if is_log(values) else np.array(values, float)
    return (at - at[0]) / (at[-1] - at[0])


def are_apart(values):
    """Whether values are few and far enough from each other to be the ticks of their axis."""
    return 1 < len(values) <= 8 and np.diff(places(values)).min() >= 0.08


def set_time_ticks(ax, values):
    """Times in words; slanted where they would touch."""
    labels = [duration(value) for value in values]
    inches = 0.7 * ax.figure.get_figwidth() / ax.get_subplotspec().get_gridspec().ncols
    half = 0.027 * np.array([len(label) for label in labels])
    crowded = (np.diff(places(values)) * inches < half[1:] + half[:-1] + 0.06).any()
    ax.set_xticks(values, labels, **({"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if crowded else {}))
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def set_x(ax, x):
    """Label, scale and grid; a few well separated values are their own ticks, times in their own units."""
    ax.set_xscale("log" if is_log(x.distinct) else "linear")
    ax.grid(True, color="#e5e5e5", linewidth=0.5)
    times = x.unit == "s" and are_apart(x.distinct)
    ax.set_xlabel(x.meaning if times else x.label)
    if times:
        set_time_ticks(ax, x.distinct)
    elif not is_log(x.distinct) and are_apart(x.distinct):
        ax.set_xticks(x.distinct, [f"{value:g}" for value in x.distinct])


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


def count_chips(result):
    """How many chips the points with several chips have, in words; None: one chip everywhere."""
    n = result.n_chips[np.isfinite(result.mean) & (result.n_chips > 1)]
    if len(n) == 0:
        return None
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def caption(result, reference, heat):
    count = count_chips(result)
    if count is None:
        chips = "One chip at every point, so no interval is known."
    else:
        chips = f"Mean over {count} simulated chips." if heat else \
            f"Lines: mean over {count} simulated chips; bands: 95 % Student interval of that mean."
    return chips + (f" Dashed: where {reference} does not apply." if reference and not heat else "")


def caption_difference(result):
    count = count_chips(result)
    note = result.compared[0].upper() + result.compared[1:] + (
        f", paired over {count} chips; bars: 95 % Student interval of the mean difference." if count else
        ", one chip at every point, so no interval is known.")
    hollow = np.flatnonzero(result.hollow)
    if len(hollow) == 0:
        return note + (" No interval contains 0." if count else "")
    n = np.count_nonzero(np.isfinite(result.mean))
    where = "; ".join(result.name_of(point) for point in hollow) if len(hollow) <= 4 else f"{len(hollow)} of {n} conditions"
    return note + f" The interval contains 0 at {where} (hollow): no difference is shown there."


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
    draw_words(ax, result, words)
    ax.set_ylabel("accuracy (%)")
    finish(figure, result.title, caption(result, "", False).replace("Lines: m", "M").replace("bands", "bars"), width)
    return figure


def draw_words(ax, result, words):
    points = np.flatnonzero(np.isfinite(result.mean))
    at = np.arange(len(points))
    draw_bars(ax, result, at, points, {"color": COLOURS[0], "marker": "o", "linestyle": "none"}, None)
    ax.set_xticks(at, ["\n".join(a.name_of(a.values[i]) for a in words) for i in points])
    ax.set_xlim(-0.5, len(points) - 0.5)


def roles_of_difference(result):
    """The numeric condition is x; levels of training become curves where these are free, panels otherwise."""
    panels, x, curves = choose(result)
    if len(result.levels.distinct) < 2:
        return panels, x, curves
    if x is None:
        return panels, result.levels, None
    return (panels, x, result.levels) if curves is None else (panels + [result.levels], x, curves)


def plot_difference(file):
    result = Difference(file)
    panels, x, curves = roles_of_difference(result)
    if not np.isfinite(result.mean).any():
        raise Unusable(f"its analysis holds no finite difference over {result.levels.key}")
    reference = references(result, x)
    masks = panel_masks(result, panels, np.isfinite(result.mean) & ~reference) if x else [("", None)]
    figure, axes, width = new_figure(max(1, len(masks)))
    for i, (ax, (title, mask)) in enumerate(zip(axes, masks)):
        ax.axhline(0, color="black", linewidth=0.8)
        if mask is None:
            draw_words(ax, result, panels)
        else:
            ax.set_title(title)
            draw_curves(ax, result, x, curves, mask, bars=True)
            draw_references(ax, result, reference, [axis for axis in panels if axis.words], curves)
            set_x(ax, x)
        ax.set_ylabel("accuracy difference\n(percentage points)" if i % 4 == 0 else "")
    note = caption_difference(result) + (f" Dashed: where {x.short} does not apply." if reference.any() else "")
    finish(figure, result.title, note, width)
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
        if heat:
            ax.set_xlabel(x.label)
            mesh = draw_heat(ax, result, x, curves, mask, limits)
            continue
        draw_curves(ax, result, x, curves, mask)
        draw_references(ax, result, reference, words, curves)
        set_x(ax, x)
        ax.set_ylabel("accuracy (%)" if i % 4 == 0 else "")
    finish(figure, result.title, caption(result, x.short if reference.any() else "", heat), width)
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
        axes[0].text(max(start + 0.7, 1), 1.01, stages[start], transform=axes[0].get_xaxis_transform(), fontsize=6,
                     rotation=30, ha="left", va="bottom")


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
    axes[-1].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    if "stage" in history:
        draw_stages(axes, [text(v) for v in history["stage"][()]])
    note = "Learning curves, one value an epoch; dashed lines: a new stage."
    finish(figure, text(file.attrs.get("title", "")), note, COLUMN)
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
    figures = {}
    stem = options.output or os.path.splitext(options.file)[0]
    try:
        with h5py.File(options.file, "r") as file:
            if "accuracy" in file:
                figures[""] = plot_result(file)
                if "compares" in getattr(file.get("summary/analysis"), "attrs", {}):
                    figures["_difference"] = plot_difference(file)
            elif any(path in file for path in HISTORIES):
                figures[""] = plot_history(file)
            else:
                raise Unusable("neither /accuracy nor a training history is in it; give a result or a model file of mho")
        for suffix, figure in figures.items():
            save(figure, stem + suffix)
    except (Unusable, OSError, KeyError, ValueError) as problem:
        print(f"plot: {options.file}: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1 if isinstance(problem, OSError) and os.path.exists(options.file) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
