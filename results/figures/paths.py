"""Layers on their way down in bits: the log of one model, and the paths of all nets that an experiment compares."""
import matplotlib
import numpy as np

from figures.axes import Unusable, text
from figures.comparisons import Table
from figures.drawing import COLOURS, COLUMN, MARKERS, finish, plt

BASIS = {"chip": " on the chip", "codes": ", codes"}  # what an accuracy of a competition on a chip is of
BITS = "cividis_r"  # light: few bits; one lightness from end to end, so it prints and suits every eye


def bits_of_log(log):
    """(moves + 1, candidates) bits after every move; unknown (NaN) for who never moved and has no equal that did."""
    names = [text(name) for name in log["candidate"][()]]
    converter = log["converter"][()].astype(int)
    winner, kind = [text(name) for name in log["winner"][()]], log["winner_converter"][()]
    moved = [next(m for m in range(len(names)) if names[m] == name and converter[m] == k) for name, k in zip(winner, kind)]
    before, after, undone = log["bits_from"][()], log["bits_to"][()], log["undone"][()]
    bits = np.full((len(moved) + 1, len(names)), np.nan)
    for k in (0, 1):
        if (kind == k).any():
            bits[:, converter == k] = before[kind == k].max()
    for i, m in enumerate(moved):
        if not undone[i]:
            bits[i + 1:, m] = after[i]
    return bits, moved, [name + (" ADC" if k else "") for name, k in zip(names, converter)]


def draw_bits(figure, ax, bits, moved, names, converter, undone):
    """Who had how many bits after which move; a dot: who went down, hollow where it was taken back."""
    levels = sorted(set(bits[np.isfinite(bits)]))
    index = np.searchsorted(levels, np.where(np.isfinite(bits), bits, levels[0])).astype(float)
    index[~np.isfinite(bits)] = np.nan
    colours = matplotlib.colormaps[BITS].resampled(len(levels))
    mesh = ax.pcolormesh(np.arange(-0.5, len(bits)), np.arange(-0.5, len(names)), index.T, cmap=colours, vmin=-0.5,
                         vmax=len(levels) - 0.5, edgecolors="white", linewidth=0.4)
    for taken_back, face, edge in ((0, COLOURS[1], "white"), (1, "white", COLOURS[1])):
        at = [i for i in range(len(moved)) if bool(undone[i]) == bool(taken_back)]
        ax.plot([i + 1 for i in at], [moved[i] for i in at], linestyle="none", marker="o", markersize=3.8,
                markerfacecolor=face, markeredgecolor=edge, markeredgewidth=0.7)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    for below in np.flatnonzero(np.diff(converter)):  # layers, then their converters
        ax.axhline(below + 0.5, color="white", linewidth=3)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    bar = figure.colorbar(mesh, ax=ax, ticks=range(len(levels)), pad=0.015, fraction=0.04)
    bar.ax.set_yticklabels([f"{level:g}" for level in levels])
    bar.ax.tick_params(length=0)
    bar.set_label("bits")
    bar.outline.set_visible(False)


def draw_size(ax, log, bits, converter):
    """Mean bits after every move, the start included, as steps as wide as the cells below; what was taken back stays as
    it was. Of a weight, and over the layers where their converters compete."""
    size = [log.attrs.get("start_size", np.nan)]
    for after, undone in zip(log["size"][()], log["undone"][()]):
        size.append(size[-1] if undone else after)
    edges = np.arange(-0.5, len(size))
    adc = bits[:, converter].mean(axis=1) if converter.any() else np.array([np.nan])
    both = np.isfinite(adc).all()
    ax.stairs(size, edges, baseline=None, color=COLOURS[0], linewidth=1.2, zorder=3,
              label="bits of a weight" if both else None)
    if both:
        ax.stairs(adc, edges, baseline=None, color=COLOURS[2], linewidth=1.2, linestyle="--", zorder=3,
                  label="bits of a layer's ADC")
    ax.set_ylabel("bits, mean" if both else "bits a weight,\nmean")
    ax.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, steps=[1, 2, 4, 5, 10], integer=True))
    ax.grid(True, color="#e5e5e5", linewidth=0.5)
    ax.set_ylim(0, 1.1 * max(size[0], adc[0] if both else 0))


def draw_accuracy(ax, log):
    """Validation accuracy after recovery, and what the same move cost before it; each says whether it is of the chip."""
    recovered, tried = (BASIS.get(text(log.attrs.get(name, "")), "") for name in ("recovery", "feedback"))
    after = 100 * np.concatenate([[log.attrs.get("start_accuracy", np.nan)], log["accuracy_after"][()]])
    trial = 100 * log["accuracy_trial"][()]
    ax.plot(np.arange(len(after)), after, color=COLOURS[0], marker="o", label="after recovery, validation images" + recovered)
    ax.plot(np.arange(1, len(trial) + 1), trial, color=COLOURS[1], marker="v", linestyle="none",
            label="just after the move, trial images" + tried)
    ax.set_ylabel("accuracy (%)")
    ax.grid(True, color="#e5e5e5", linewidth=0.5)


def plot_allocation(file):
    """The path of one model: accuracy, size, and the bits of every candidate over the moves."""
    log = file["allocation"]
    if "winner" not in log or len(log["winner"]) == 0:
        raise Unusable("its layers made no move")
    bits, moved, names = bits_of_log(log)
    heights = [1.4, 0.8, max(0.9, 0.17 * len(names))]
    figure, axes = plt.subplots(3, 1, figsize=(2 * COLUMN, sum(heights) + 0.5), sharex=True,
                                gridspec_kw={"height_ratios": heights})
    draw_accuracy(axes[0], log)
    converter = log["converter"][()].astype(bool)
    draw_size(axes[1], log, bits, converter)
    draw_bits(figure, axes[2], bits, moved, names, converter, log["undone"][()])
    for ax in axes[:2]:  # as wide as the panel that has the scale of bits
        hidden = figure.colorbar(matplotlib.cm.ScalarMappable(), ax=ax, pad=0.015, fraction=0.04)
        hidden.ax.set_visible(False)
    axes[-1].set_xlabel("move")
    axes[-1].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
    end = text(log.attrs.get("end", ""))
    note = f"Allocator {text(log.attrs.get('allocator', ''))}. Each move takes one layer{' or its ADC' if converter.any() else ''} " \
           "a bit_width down (dot); " \
           "then the whole network recovers." + (f" It ended by its budget of {end}." if end in ("size", "bops", "accuracy")
                                                 else "")
    if log["undone"][()].any():
        note += " Hollow: a move that cost too much and was taken back."
    finish(figure, text(file.attrs.get("title", "")), note, 2 * COLUMN)
    return figure


def draw_ways(ax, paths, table):
    """Validation accuracy against size, a thin line per net; its end is marked."""
    size, accuracy = paths["size"][()], 100 * paths["validation_accuracy"][()]
    for p, name in enumerate(text(v) for v in paths["variant"][()]):
        known = np.isfinite(size[p]) & np.isfinite(accuracy[p])
        if not known.any():
            continue
        index = table.variants.distinct.index(name)
        colour = COLOURS[index % len(COLOURS)]
        ax.plot(size[p][known], accuracy[p][known], color=colour, linewidth=0.6, alpha=0.7)
        ax.plot(size[p][known][-1:], accuracy[p][known][-1:], color=colour, linestyle="none",
                marker=MARKERS[index % len(MARKERS)], label=name)
    ax.invert_xaxis()
    ax.set_xlabel("mean bits of a weight")
    ax.set_ylabel("validation accuracy (%)")
    ax.grid(True, color="#e5e5e5", linewidth=0.5)


def draw_ends(ax, paths, table):
    """Bits of each layer at the end, mean over the nets of a variant."""
    bits, names = paths["bits"][()], np.array([text(v) for v in paths["variant"][()]])
    layers = [text(layer) for layer in paths["layer"][()]]
    drawn = [name for name in table.variants.distinct if np.isfinite(bits[names == name]).any()]
    for k, name in enumerate(drawn):
        index = table.variants.distinct.index(name)
        at = np.arange(len(layers)) + 0.12 * (k - (len(drawn) - 1) / 2)
        ax.plot(at, np.nanmean(bits[names == name], axis=0), color=COLOURS[index % len(COLOURS)], linestyle="none",
                marker=MARKERS[index % len(MARKERS)], label=name)
    ax.set_xticks(range(len(layers)), layers, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_ylabel("bits of the layer at the end")
    ax.set_ylim(bottom=0)
    ax.grid(True, axis="y", color="#e5e5e5", linewidth=0.5)


def plot_paths(file):
    table, paths = Table(file), file["summary/analysis/paths"]
    figure, axes = plt.subplots(1, 2, figsize=(2 * COLUMN, 2.3))
    if "size" in paths:
        draw_ways(axes[0], paths, table)
    draw_ends(axes[1], paths, table)
    finish(figure, table.title, "Left: one line per net from its first move to its last (marked). Right: means over nets.",
           2 * COLUMN)
    return figure
