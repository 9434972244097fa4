"""How the bits of layers fell move by move: the log of one model, and the trajectories of all networks of an experiment."""
import matplotlib
import numpy as np

from figures.axes import Unusable, clean, text
from figures.comparisons import Table
from figures.drawing import COLOURS, COLUMN, GRID, MARKERS, finish, plt
from figures.layout import cut

# What an accuracy was measured on, where moves or recoveries used a chip.
BASIS = {"chip": " on the chip", "codes": " without a chip"}
ACCURACY, OLD_ACCURACY = "validation_accuracy", "held_accuracy"
BITS = "cividis_r"  # light: few bits; its lightness changes evenly, so it prints and suits the colour-blind


def bits_of_log(log):
    """(moves + 1, candidates) bits after every move; NaN (unknown) where neither layers, or converters, ever moved."""
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
    """Bits of every candidate after every move. A dot marks the candidate that moved, a hollow dot an undone move."""
    levels = sorted(set(bits[np.isfinite(bits)]))
    index = np.searchsorted(levels, np.where(np.isfinite(bits), bits, levels[0])).astype(float)
    index[~np.isfinite(bits)] = np.nan
    colours = matplotlib.colormaps[BITS].resampled(len(levels))
    mesh = ax.pcolormesh(np.arange(-0.5, len(bits)), np.arange(-0.5, len(names)), index.T, cmap=colours, vmin=-0.5,
                         vmax=len(levels) - 0.5, edgecolors="white", linewidth=0.4)
    for is_undone, face, edge in ((0, COLOURS[1], "white"), (1, "white", COLOURS[1])):
        at = [i for i in range(len(moved)) if bool(undone[i]) == bool(is_undone)]
        ax.plot([i + 1 for i in at], [moved[i] for i in at], linestyle="none", marker="o", markersize=3.8,
                markerfacecolor=face, markeredgecolor=edge, markeredgewidth=0.7)
    ax.set_yticks(range(len(names)), [cut(name, 7, 1.6) for name in names])
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
    """Mean bits of a weight at the start and after every move, as steps as wide as the cells below; an undone move changes
    nothing. Also mean bits of the converters where these are candidates."""
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
    ax.set_ylabel("mean bits" if both else "mean bits\nof a weight")
    ax.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, steps=[1, 2, 4, 5, 10], integer=True))
    ax.grid(True, **GRID)
    ax.set_ylim(0, 1.1 * max(size[0], adc[0] if both else 0))


def draw_accuracy(ax, log):
    """Validation accuracy after each recovery and right after each move; labels say whether it is that of a chip."""
    recovered, tried = (BASIS.get(text(log.attrs.get(name, "")), "") for name in ("recovery", "feedback"))
    after = 100 * np.concatenate([[log.attrs.get("start_accuracy", np.nan)], log["accuracy_after"][()]])
    trial = 100 * log["accuracy_trial"][()]
    ax.plot(np.arange(len(after)), after, color=COLOURS[0], marker="o", label="after recovery, validation images" + recovered)
    ax.plot(np.arange(1, len(trial) + 1), trial, color=COLOURS[1], marker="v", linestyle="none",
            label="right after the move, trial images" + tried)
    ax.set_ylabel("accuracy (%)")
    ax.grid(True, **GRID)


def plot_allocation(file, title=None):
    """The moves of one model: accuracy, size, and the bits of every candidate."""
    log = file["allocation"]
    if "winner" not in log or len(log["winner"]) == 0:
        raise Unusable("its allocation has no move")
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
    lowered = "one layer or its ADC" if converter.any() else "one layer"
    note = f"Allocator {text(log.attrs.get('allocator', ''))}. Each move lowers {lowered} " \
           "by one bit width (dot); then the whole network recovers." + (
               f" It ended at its target of {end}." if end in ("size", "bops", "accuracy") else "")
    if log["undone"][()].any():
        note += " Hollow: a move that cost too much accuracy and was undone."
    finish(figure, clean(file.attrs.get("title", "")) if title is None else title, note, 2 * COLUMN)
    return figure


def draw_sizes(ax, trajectories, table):
    """Validation accuracy over size, a thin line per network with a marker at its end."""
    size, accuracy = trajectories["size"][()], 100 * trajectories[ACCURACY if ACCURACY in trajectories else OLD_ACCURACY][()]
    for p, name in enumerate(text(v) for v in trajectories["variant"][()]):
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
    ax.grid(True, **GRID)


def draw_final_bits(ax, trajectories, table):
    """Bits of each layer at the end, mean over the networks of a variant."""
    bits, names = trajectories["bits"][()], np.array([text(v) for v in trajectories["variant"][()]])
    layers = [text(layer) for layer in trajectories["layer"][()]]
    drawn = [name for name in table.variants.distinct if np.isfinite(bits[names == name]).any()]
    for k, name in enumerate(drawn):
        index = table.variants.distinct.index(name)
        at = np.arange(len(layers)) + 0.12 * (k - (len(drawn) - 1) / 2)
        ax.plot(at, np.nanmean(bits[names == name], axis=0), color=COLOURS[index % len(COLOURS)], linestyle="none",
                marker=MARKERS[index % len(MARKERS)], label=name)
    ax.set_xticks(range(len(layers)), layers, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_ylabel("bits of the layer at the end")
    ax.set_ylim(bottom=0)
    ax.grid(True, axis="y", **GRID)


def trajectories_of(file):
    """The group of the trajectories, under its present or its older name; None: there is none."""
    analysis = file["summary/analysis"]
    return next((analysis[name] for name in ("trajectories", "paths") if name in analysis), None)


def plot_trajectories(file, title=None):
    table, trajectories = Table(file), trajectories_of(file)
    figure, axes = plt.subplots(1, 2, figsize=(2 * COLUMN, 2.3))
    if "size" in trajectories:
        draw_sizes(axes[0], trajectories, table)
    draw_final_bits(axes[1], trajectories, table)
    note = "Left: one line per network from its first move to its last (marker). Right: means over networks."
    finish(figure, table.title if title is None else title, note, 2 * COLUMN)
    return figure
