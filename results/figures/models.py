"""Learning curves of a model file."""
import re

import h5py
import matplotlib
import numpy as np

from figures.axes import Unusable, clean, text
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
            parts.append((label, part, log and all((values[np.isfinite(values)] > 0).all() for values in part.values())))
    return parts


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
    for ax, (label, data, log) in zip(axes, parts):
        for name, values in data.items():
            ax.plot(np.arange(1, len(values) + 1), values, label=series_name(name),
                    color=COLOURS[names.index(series_name(name)) % len(COLOURS)])
        ax.set_ylabel(label)
        if log:  # a learning rate that falls to nearly zero does not stretch the scale
            ax.set_yscale("log")
            largest = max(np.nanmax(values) for values in data.values())
            ax.set_ylim(bottom=max(ax.get_ylim()[0], 1e-6 * largest))
        ax.grid(True, **GRID)
    axes[-1].set_xlabel("epoch")
    axes[-1].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    if "stage" in history:
        draw_stages(axes, shown_stages([text(v) for v in history["stage"][()]]))
    note = "Learning curves, one value per epoch; dashed lines: a new stage."
    finish(figure, clean(file.attrs.get("title", "")) if title is None else title, note, COLUMN)
    return figure
