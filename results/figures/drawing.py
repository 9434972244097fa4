"""The look of figures: style, curves with bands or bars, ticks, title, legend and caption."""
import textwrap

import matplotlib

matplotlib.use("Agg")
matplotlib.rcParams.update({
    "svg.hashsalt": "mho", "svg.fonttype": "path", "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8,
    "legend.fontsize": 7, "xtick.labelsize": 7, "ytick.labelsize": 7, "axes.linewidth": 0.6, "lines.linewidth": 1.2,
    "lines.markersize": 3.5, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 300})
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)
import numpy as np  # noqa: E402

from figures.axes import duration, is_log  # noqa: E402

COLUMN = 8.5 / 2.54  # inches: one column of a journal page
# Okabe and Ito's colours, which the common kinds of colour blindness tell apart; black is for references.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = "osD^vP"
DASHES = [(4, 2), (4, 1, 1, 1), (1, 1), (7, 2), (7, 1, 1, 1, 1, 1), (2, 3)]


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


def line_of(style):
    return {"linestyle": (0, DASHES[style - 1]) if style else "-"}


def name_style(ax, style, words, bars):
    """A grey legend entry that says what a line style means."""
    look = {"color": "#777777", "marker": MARKERS[style], "label": words} | line_of(style)
    if bars:
        ax.errorbar([], [], yerr=[], **look)
    else:
        ax.plot([], [], **look)


def draw_curves(ax, result, x, curves, mask, bars=False, line=None):
    """line: (style number, number of styles) where styles distinguish the lines of a curve; else markers distinguish the
    curves, too."""
    groups = [(None, mask)] if curves is None else [(v, mask & (curves.values == v)) for v in curves.distinct]
    drawn = [i for i, (_, part) in enumerate(groups) if part.any()]
    for i in drawn:
        value, part = groups[i]
        points = np.flatnonzero(part)
        style, n = line or (0, 1)
        look = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[(style if line else i) % len(MARKERS)],
                **line_of(style)}
        label = None if value is None else curves.name_of(value)
        if bars:
            points = points[np.argsort(x.values[points], kind="stable")]
            at = beside(x, x.values[points], drawn.index(i) * n + style, len(drawn) * n)
            draw_bars(ax, result, at, points, look, label)
        else:
            draw_curve(ax, result, x, points, look, label)


def places(values):
    """Positions of values on their axis, from 0 to 1."""
    at = np.log(values) if is_log(values) else np.array(values, float)
    return (at - at[0]) / (at[-1] - at[0])


def are_apart(values):
    """Whether values are few enough and far enough apart to be the ticks of their axis."""
    return 1 < len(values) <= 8 and np.diff(places(values)).min() >= 0.08


def are_crowded(ax, values, labels):
    """Whether the labels of these ticks would touch."""
    inches = 0.7 * ax.figure.get_figwidth() / ax.get_subplotspec().get_gridspec().ncols
    half = 0.027 * np.array([len(label) for label in labels])
    return (np.diff(places(values)) * inches < half[1:] + half[:-1] + 0.06).any()


def set_time_ticks(ax, values):
    """Times in words; slanted where they would touch."""
    labels = [duration(value) for value in values]
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if are_crowded(ax, values, labels) else {}
    ax.set_xticks(values, labels, **slanted)
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def set_x(ax, x):
    """Label, scale and grid; a few well separated values are their own ticks, times in their own units."""
    ax.set_xscale("log" if is_log(x.distinct) else "linear")
    ax.grid(True, color="#e5e5e5", linewidth=0.5)
    times = x.unit == "s" and are_apart(x.distinct)
    ax.set_xlabel(x.meaning if times else x.label)
    if times:
        set_time_ticks(ax, x.distinct)
    elif not is_log(x.distinct):
        labels = [f"{value:g}" for value in x.distinct]
        if are_apart(x.distinct) and not are_crowded(ax, x.distinct, labels):
            ax.set_xticks(x.distinct, labels)
        else:
            ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))


def keep_percent(axes):
    """Limit the axes to 0 to 100 %: intervals of few samples may reach beyond. Call when all is drawn."""
    for ax in axes:
        low, high = ax.get_ylim()
        if low < 0 or high > 100:
            ax.set_ylim(max(low, 0.0), min(high, 100.0))


def legend_columns(labels, width):
    """The largest number of columns, up to two per column of the page, that fits into the figure."""
    for n in range(min(len(labels), int(width / COLUMN * 2)), 1, -1):
        columns = np.array_split([len(label) for label in labels], n)
        if sum(0.053 * max(column) + 0.42 for column in columns) <= width:
            return n
    return 1


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
    n_columns = legend_columns(list(entries), width)
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
    for _ in range(2):  # the first round resizes the axes and with them the ticks
        figure.tight_layout(pad=0.3, w_pad=0.8, rect=(0, middle / height, 1, 1 - top / height))


def new_figure(n, heat=False, free_x=False, wide=False):
    """n panels in rows of up to four; free_x: the panels do not share x; wide: two columns of a page for any n."""
    width = COLUMN * 2 if n > 1 or wide else COLUMN
    per_row = min(n, 4)
    rows = -(-n // per_row)
    figure, axes = plt.subplots(rows, per_row, figsize=(width, 2.1 * rows), sharex=not heat and not free_x, sharey=True,
                                squeeze=False)
    for ax in axes.flat[n:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:n]), width
