"""The look of figures: style, curves with bands or bars, ticks, title, legend and caption."""
import warnings

import matplotlib
import numpy as np

from figures import layout
from figures.axes import DAY, HOUR, MINUTE, MONTH, POWERS, YEAR, duration, number, powers, scale_of
from figures.layout import SIZE_CAPTION, SIZE_LEGEND, SIZE_TICK, SIZE_TITLE, columns_for, fits, size_of, wrap

matplotlib.rcParams.update({
    "svg.hashsalt": "mho", "svg.fonttype": "none", "pdf.fonttype": 3, "text.parse_math": False, "axes.unicode_minus": True,
    "font.family": layout.fonts(), "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "axes.titlepad": 4,
    "legend.fontsize": SIZE_LEGEND, "xtick.labelsize": SIZE_TICK, "ytick.labelsize": SIZE_TICK, "axes.linewidth": 0.6,
    "lines.linewidth": 1.2, "lines.markersize": 3.5, "axes.spines.top": False, "axes.spines.right": False,
    "savefig.dpi": 300, "figure.max_open_warning": 0})
warnings.filterwarnings("ignore", message="Glyph .* missing from current font")
import matplotlib.pyplot as plt  # noqa: E402 (the backend comes first)

COLUMN = 8.5 / 2.54  # inches: one column of a journal page
# Okabe and Ito's colours, which the common kinds of colour blindness tell apart; black is for references.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
MARKERS = "osD^vP"
DASHES = [(4, 2), (4, 1, 1, 1), (1, 1), (7, 2), (7, 1, 1, 1, 1, 1), (2, 3)]
GRID = {"color": "#e5e5e5", "linewidth": 0.5}
# Marks of an axis of times, the plainest last.
MARKS = [[1.0, MINUTE, HOUR, DAY, MONTH, YEAR, 10 * YEAR], [1.0, MINUTE, HOUR, DAY, YEAR], [1.0, HOUR, DAY, MONTH, YEAR],
         [1.0, HOUR, DAY, YEAR], [1.0, HOUR, MONTH, YEAR], [1.0, DAY, YEAR], [HOUR, YEAR], [1.0, DAY]]
CAPTIONS = {"inside": True}  # False: figure.mho_caption alone has it, for a page that writes it itself
MONTHS = {MONTH: "1 month"}


def look_of(index):
    """Colour, marker and dashes of line number index: different for the first 36."""
    round_of = index // len(COLOURS)
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[(index + round_of) % len(MARKERS)],
            "linestyle": (0, DASHES[(round_of - 1) % len(DASHES)]) if round_of else "-"}


def percent(ax, first=True, label="accuracy (%)"):
    ax.set_ylabel(label if first else "")


def draw_curve(ax, result, x, points, style, label, spread="band"):
    """Means over x with their intervals: a band, or thin edges where bands would cover each other."""
    points = points[np.argsort(x.values[points], kind="stable")]
    at = x.values[points]
    ax.plot(at, result.mean[points], label=label, **style)
    if not np.isfinite(result.low[points]).any():
        return
    if spread == "band" and len(points) > 1:
        ax.fill_between(at, result.low[points], result.high[points], color=style["color"], alpha=0.2, linewidth=0)
    elif spread == "edges" and len(points) > 1:
        for ends in (result.low, result.high):
            ax.plot(at, ends[points], color=style["color"], linewidth=0.4, alpha=0.6, zorder=1.9)
    else:
        half = halves(result, points)
        ax.errorbar(at, result.mean[points], yerr=half, fmt="none", ecolor=style["color"], capsize=2, elinewidth=0.8)


def halves(result, points):
    return np.maximum(np.nan_to_num([result.mean[points] - result.low[points], result.high[points] - result.mean[points]]), 0)


def draw_bars(ax, result, at, points, style, label):
    """Intervals as error bars; a hollow marker where the interval of a difference contains 0."""
    ax.errorbar(at, result.mean[points], yerr=halves(result, points), capsize=2, elinewidth=0.8, label=label, **style)
    hollow = getattr(result, "hollow", np.zeros(len(result.mean), bool))[points]
    ax.plot(at[hollow], result.mean[points][hollow], color=style["color"], marker=style["marker"], linestyle="none",
            markerfacecolor="white", zorder=4)


def set_scale(ax, axis, which="x"):
    """The scale of an axis, from its values."""
    scale, set_it = scale_of(axis), ax.set_xscale if which == "x" else ax.set_yscale
    if scale == "log2":
        set_it("log", base=2)
    elif scale == "symlog":
        set_it("symlog", linthresh=min(v for v in axis.distinct if v > 0), linscale=0.6)
    else:
        set_it(scale)


def beside(ax, x, values, i, n):
    """x moved a little along the scale, so that the bars of n curves do not cover each other."""
    if n < 2 or len(x.distinct) < 2:
        return values
    way = ax.xaxis.get_transform()
    at = way.transform(np.asarray(x.distinct, float))
    step = min(0.02 * (at.max() - at.min()), 0.5 * np.diff(np.sort(at)).min() / n) * (i - (n - 1) / 2)
    return way.inverted().transform(way.transform(np.asarray(values, float)) + step)


def line_of(style):
    return {"linestyle": (0, DASHES[style - 1]) if style else "-"}


def name_style(ax, style, words, bars):
    """A grey legend entry that says what a line style means."""
    look = {"color": "#777777", "marker": MARKERS[style], "label": words} | line_of(style)
    if bars:
        ax.errorbar([], [], yerr=[], **look)
    else:
        ax.plot([], [], **look)


def draw_curves(ax, result, x, curves, mask, bars=False, line=None, spread="band"):
    """line: (style number, number of styles) where styles distinguish the lines of a curve; else markers distinguish the
    curves, too. Rows to which the axis of curves does not apply are a black curve of their own."""
    groups = [(None, mask)] if curves is None else [(v, mask & (curves.values == v)) for v in curves.distinct]
    drawn = [i for i, (_, part) in enumerate(groups) if part.any()]
    for i in drawn:
        value, part = groups[i]
        points = np.flatnonzero(part)
        style, n = line or (0, 1)
        look = look_of(i) if not line else {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[style], **line_of(style)}
        label = None if value is None else curves.name_of(value)
        if bars or spread == "bars":
            points = points[np.argsort(x.values[points], kind="stable")]
            at = beside(ax, x, x.values[points], drawn.index(i) * n + style, len(drawn) * n)
            draw_bars(ax, result, at, points, look, label)
        else:
            draw_curve(ax, result, x, points, look, label, spread)


def spread_of(result, x, curves, masks):
    """How intervals are drawn: bands while those of different curves rarely meet, else bars, or edges for many values."""
    if curves is None:
        return "band"
    met = count = 0
    for mask in masks:
        for value in x.distinct:
            rows = np.flatnonzero(mask & (x.values == value) & np.isfinite(result.low))
            order = rows[np.argsort(result.low[rows])]
            met += np.count_nonzero(result.low[order][1:] < result.high[order][:-1])
            count += max(len(order) - 1, 0)
    if count == 0 or met <= 0.2 * count:
        return "band"
    return "bars" if len(x.distinct) <= 12 and len(curves.distinct) <= 6 else "edges"


# ---- ticks ----

def tick_choices(axis, scale):
    """Lists of (values, labels), the richest first; the figure takes the first whose labels stay apart."""
    values, name = axis.distinct, duration if axis.unit == "s" else number
    names = [name(v) for v in values] if axis.unit == "s" or not scale.endswith("log") else powers(values)
    own = [(values, names)] if 1 <= len(values) <= 9 else []
    if own and scale != "linear" and len({label[-1] in POWERS for label in names if label != "0"}) > 1:
        own = []  # 10000 beside 2×10⁶: marks of one form say it better
    if own and len(values) > 3 and scale == "linear" and axis.unit != "s" and max(map(len, own[0][1])) > 5:
        own = []  # 357.143: round numbers say more
    low, high = min(values), max(values)
    zero = [0.0] if scale == "symlog" else []
    positive = [v for v in values if v > 0]
    choices = own
    if axis.unit == "s" and scale in ("log", "symlog"):
        spans = [zero + [m for m in marks if 0.5 * min(positive) <= m <= 1.5 * high] for marks in MARKS]
        choices = [(marks, [MONTHS.get(m) or name(m) for m in marks]) for marks in spans if len(marks) > 1] + own
    if scale in ("log", "symlog", "log2"):
        base = 2.0 if scale == "log2" else 10.0
        first, last = np.floor(np.log(min(positive)) / np.log(base)), np.ceil(np.log(high) / np.log(base))
        for step in (1, 2, 3, 4, 6, 8, 12, 20, 40):
            marks = zero + [base ** p for p in np.arange(first, last + 1, step) if 0.99 * min(positive) <= base ** p <= 1.01 * high]
            if len(marks) > 1:
                choices.append((marks, [name(m) for m in marks] if axis.unit == "s" else powers(marks)))
        ends = zero + [min(positive), high] if not zero else [0.0, high]
        return choices + [(ends, [name(v) for v in ends]), ([high], [name(high)])]
    for n in (6, 5, 4, 3, 2, 1):
        marks = [m for m in matplotlib.ticker.MaxNLocator(n, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
                 if low - 1e-9 * abs(high) <= m <= high + 1e-9 * abs(high)]
        if marks:
            choices.append((marks, [name(round(m, 12)) for m in marks]))
    return choices + [([high], [name(high)])]


def set_ticks(ax, axis, which="x"):
    """Take over the ticks of an axis; choose_ticks picks them once sizes are known."""
    ways = getattr(ax, "mho_ticks", {})
    ways[which] = tick_choices(axis, scale_of(axis)) if axis.distinct else []
    ax.mho_ticks = ways


def places_of(ax, which, values):
    """Where values lie, in inches along their axis."""
    at = np.column_stack([values, np.full(len(values), ax.get_ylim()[1])] if which == "x" else
                         [np.full(len(values), ax.get_xlim()[1]), values])
    return (ax.transData.transform(at)[:, 0 if which == "x" else 1]) / ax.figure.dpi


def choose_ticks(ax):
    """The richest choice of ticks whose labels stay apart; times stand upright only where less than two would remain."""
    for which, choices in getattr(ax, "mho_ticks", {}).items():
        axis = ax.xaxis if which == "x" else ax.yaxis
        chosen, upright = None, False
        for values, labels in choices:
            if fits(places_of(ax, which, values), labels, which == "y"):
                chosen = values, labels
                break
        if which == "x" and choices and (not chosen or len(chosen[0]) < 2 < len(choices[0][0])):
            values, labels = choices[0]
            if any(" " in label for label in labels) and fits(places_of(ax, which, values), labels, upright=True):
                chosen, upright = (values, labels), True
        values, labels = chosen or choices[-1]
        axis.set_minor_locator(matplotlib.ticker.NullLocator())
        axis.set_ticks(values, labels, rotation=90 if upright else 0)


def set_x(ax, x):
    """Label, scale, grid and ticks; times in their own units."""
    set_scale(ax, x)
    ax.grid(True, **GRID)
    ax.set_xlabel(x.meaning if x.unit == "s" else x.label)
    set_ticks(ax, x)


def keep_percent(axes):
    """The axis of accuracies ends at 0 and 100 %: no margin beyond what can be. Call when all is drawn."""
    for ax in axes:
        low, high = ax.get_ylim()
        if low < 0 or high > 100:
            ax.set_ylim(max(low, 0.0) if high > 0 else low, min(high, 100.0) if low < 100 else high)
        ax.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: number(round(value, 9))))
    return axes


# ---- title, legend, caption ----

def entries_of(axes):
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels()):
            entries.setdefault(label, handle)
    return entries


def draw_legend(figure, entries, width, heading):
    """The legend, not yet placed, and its height; entries are wrapped to the page."""
    if not entries:
        return None, 0.0
    labels = [wrap(label, SIZE_LEGEND, min(width - 0.7, 3.2), 3) for label in entries]
    legend = figure.legend(list(entries.values()), labels, loc="lower center", ncol=columns_for(labels, width - 0.1),
                           frameon=False, borderaxespad=0, borderpad=0, columnspacing=1.2, handlelength=2.2, labelspacing=0.3,
                           title=wrap(heading, SIZE_LEGEND, width - 0.2, 2) if heading else None, title_fontsize=SIZE_LEGEND)
    return legend, legend.get_window_extent(layout.renderer_of(figure)).height / figure.dpi


def fit_axes(ax):
    """Wrap title and labels to the size of the axes."""
    box = ax.get_window_extent()
    width, height = box.width / ax.figure.dpi, box.height / ax.figure.dpi
    kept = getattr(ax, "mho_words", None)
    if kept is None:
        kept = ax.mho_words = (ax.get_title(), ax.get_xlabel(), ax.get_ylabel())
    size = ax.title.get_fontsize()
    ax.set_title("\n".join(wrap(line, size, max(width, 0.8), 4) for line in kept[0].split("\n")))
    ax.set_xlabel("\n".join(wrap(line, 8, max(width, 0.8), 3) for line in kept[1].split("\n")))
    ax.set_ylabel("\n".join(wrap(line, 8, max(height, 0.8), 3) for line in kept[2].split("\n")))
    choose_ticks(ax)


def finish(figure, title, note, width, heading="", entries=None):
    """Title above, legend and caption below, then the axes between them; all is measured, so that nothing overlaps."""
    axes = [ax for ax in figure.axes if ax.get_visible() and ax.get_label() != "<colorbar>"]
    figure.mho_caption = note
    above = wrap(title, SIZE_TITLE, width - 0.2, 4) if title else ""
    below = wrap(note, SIZE_CAPTION, width - 0.15) if CAPTIONS["inside"] else ""
    legend, legend_height = draw_legend(figure, entries_of(axes) if entries is None else entries, width, heading)
    bottom = size_of(below, SIZE_CAPTION)[1] + (0.08 if below else 0.02)
    middle = bottom + (legend_height + 0.1 if legend else 0)
    top = size_of(above, SIZE_TITLE)[1] + 0.08 if above else 0.02
    height = figure.get_figheight() + middle + top
    figure.set_figheight(height)
    if legend:
        legend.set_bbox_to_anchor((0.5, (bottom + 0.02) / height), figure.transFigure)
    figure.text(0.5, 0.04 / height, below, ha="center", va="bottom", fontsize=SIZE_CAPTION, color="#333333")
    if above:
        figure.text(0.5, 1 - 0.04 / height, above, ha="center", va="top", fontsize=SIZE_TITLE)
    drawn = [ax for ax in figure.axes if ax.get_visible()]
    for _ in range(3):  # each round resizes the axes and with them ticks and wrapped labels
        for ax in drawn:
            fit_axes(ax)
        figure.tight_layout(pad=0.4, w_pad=1.0, h_pad=0.9, rect=(0, middle / height, 1, 1 - top / height))
    for ax in drawn:
        choose_ticks(ax)


def new_figure(n, heat=False, free_x=False, wide=False, height=2.1, share_y=True):
    """n panels in rows of up to four; free_x: the panels do not share x; wide: two columns of a page for any n."""
    width = COLUMN * 2 if n > 1 or wide else COLUMN
    per_row = n if n <= 4 else 3 if n in (5, 6, 9) else 4
    rows = -(-n // per_row)
    figure, axes = plt.subplots(rows, per_row, figsize=(width, height * rows), sharex=not heat and not free_x, sharey=share_y,
                                squeeze=False)
    for at, ax in enumerate(axes.flat):
        ax.set_visible(at < n)
        if at < n <= at + per_row:  # the last of its column
            ax.xaxis.set_tick_params(labelbottom=True)
    return figure, list(axes.flat[:n]), width


def is_first(ax):
    return ax.get_subplotspec().is_first_col()


def is_last(ax, n):
    """Whether no panel of the n lies below."""
    spec = ax.get_subplotspec()
    return spec.num1 + spec.get_gridspec().ncols >= n
