"""Learning curves and the path of bit allocation of a model file."""
import matplotlib
import numpy as np

import h5py
from figures.axes import Unusable, text
from figures.drawing import COLOURS, COLUMN, finish, plt

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
