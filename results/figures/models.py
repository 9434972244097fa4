"""Learning curves of a model file."""
import re

import h5py
import matplotlib
import numpy as np

from figures.axes import Unusable, clean, number, powers, text
from figures.drawing import COLOURS, COLUMN, GRID, finish, plt
from figures.layout import cut, size_of

# The panels, from top to bottom: label, words of an array's name, factor, whether a logarithmic scale suits it.
PARTS = (("accuracy (%)", ("accuracy",), 100, False), ("loss", ("loss",), 1, False),
         ("learning rate,\ngradient norm", ("learning_rate", "gradient_norm"), 1, True))


def history_curves(history):
    """[(label, {array name: values}, log scale)] of the arrays over epochs that hold finite values."""
    curves = {name: item[()] for name, item in history.items()
              if isinstance(item, h5py.Dataset) and item.ndim == 1 and item.dtype.kind == "f" and np.isfinite(item[()]).any()}
    parts = []
    for label, words, factor, log in PARTS:
        part = {name: factor * values for name, values in curves.items() if any(word in name for word in words)}
        if part:
            every = np.concatenate([values[np.isfinite(values)] for values in part.values()])
            parts.append((label, part, log and every.min() >= 0 and every.max() > 0))
    return parts


def set_log(ax, data):
    """A logarithmic scale over the values that are drawn, with at most five marks, all of one form."""
    values = np.concatenate(list(data.values()))
    low, high = (np.log10(end) for end in (np.nanmin(values), np.nanmax(values)))
    ax.set_yscale("log")
    first, last = int(np.ceil(low - 0.3)), int(np.floor(high + 0.3))
    marks = [10.0 ** p for p in range(first, last + 1, 1 + (last - first) // 5)]
    if len(marks) > 1:
        low, high = min(low, first), max(high, np.log10(marks[-1]))
        ax.set_yticks(marks, powers(marks))
    else:
        marks = sorted({float(f"{10 ** at:.2g}") for at in (low, high)})
        ax.set_yticks(marks, [number(m) for m in marks])
    ax.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    margin = 0.05 * (high - low) or 0.1
    ax.set_ylim(10 ** (low - margin), 10 ** (high + margin))


def without_zeros(data):
    """The values of a logarithmic panel: a learning rate that ends at 0, or nearly, has no place on it."""
    least = 1e-6 * max(np.nanmax(values) for values in data.values())
    return {name: np.where(values > least, values, np.nan) for name, values in data.items()}


def series_name(name):
    """train_loss and train_accuracy are one series, named by the images that they were measured on."""
    words = [word for word in name.split("_") if word not in ("loss", "accuracy")]
    return " ".join(words) or "train"


def shown_stages(stages):
    """The moves of an allocator, of which there may be dozens, are shown as one stage."""
    return ["allocate" if re.match("(move|allocate) [0-9]", name) else name for name in stages]


def draw_stages(axes, stages):
    """A thin line and a name where a new stage of training begins; a name that would lie on its neighbour is left out."""
    starts = [i for i, name in enumerate(stages) if i == 0 or name != stages[i - 1]]
    for ax in axes:
        for start in starts[1:]:
            ax.axvline(start + 0.5, color="#999999", linewidth=0.6, dashes=(2, 2))
    if len(starts) < 2:
        return
    inch, free = 0.75 * COLUMN / max(len(stages), 1), -1.0
    for start in starts:
        at = max(start + 0.7, 1)
        if at * inch < free:
            continue
        axes[0].text(at, 1.02, cut(stages[start], 6, 0.9), transform=axes[0].get_xaxis_transform(), fontsize=6, rotation=90,
                     ha="center", va="bottom")
        free = at * inch + size_of("Ag", 6)[1] + 0.02


def plot_history(file, title=None):
    history = file["history"]
    parts = history_curves(history)
    if not any(label in ("loss", "accuracy (%)") for label, _, _ in parts):
        raise Unusable("its history has no array of loss or accuracy")
    figure, axes = plt.subplots(len(parts), 1, figsize=(COLUMN, 1.4 * len(parts) + 0.3), sharex=True, squeeze=False)
    axes = list(axes.flat)
    names = list(dict.fromkeys(series_name(name) for _, data, _ in parts for name in data))
    left_out = False
    for ax, (label, data, log) in zip(axes, parts):
        shown = without_zeros(data) if log else data
        left_out = left_out or any(np.isfinite(data[name]).sum() > np.isfinite(shown[name]).sum() for name in data)
        for name, values in shown.items():
            ax.plot(np.arange(1, len(values) + 1), values, label=series_name(name),
                    color=COLOURS[names.index(series_name(name)) % len(COLOURS)])
        ax.set_ylabel(label)
        if log:
            set_log(ax, shown)
        ax.grid(True, **GRID)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    if "stage" in history:
        draw_stages(axes, shown_stages([text(v) for v in history["stage"][()]]))
    note = "Learning curves, one value per epoch; dashed lines: a new stage." + \
        (" A learning rate of 0 is left out: its scale is logarithmic." if left_out else "")
    finish(figure, clean(file.attrs.get("title", "")) if title is None else title, note, COLUMN)
    return figure
