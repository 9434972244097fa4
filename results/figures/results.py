"""Accuracy over the swept axes of a result file."""
import itertools

import numpy as np

from figures.axes import Axis, Unusable, is_log, is_swept, text
from figures.drawing import COLOURS, DASHES, draw_bars, draw_curves, finish, keep_percent, new_figure, set_x

HEAT_ABOVE = 6  # values of both axes beyond which curves are too many
# Two-sided 95 % Student quantiles for 1 to 30 degrees of freedom (table of any textbook), for files without a summary.
STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
           2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


class Result:
    """Mean and interval of the accuracy at every point, in percent, and the swept axes."""

    def __init__(self, file):
        accuracy = 100 * np.atleast_2d(file["accuracy"][()])
        if accuracy.ndim != 2 or accuracy.size == 0:
            raise Unusable("/accuracy is not an array over point and chip")
        self.title = text(file.attrs.get("title", ""))
        self.n_chips = np.isfinite(accuracy).sum(axis=1)
        self.mean, self.low, self.high = statistics(file, accuracy)
        self.axes = independent([Axis(key, file[key]) for key in file if is_swept(file[key], key, len(accuracy))])


def independent(axes):
    """The axes that vary; of keys that always move together one, a number before a word."""
    axes = [axis for axis in axes if len(axis.distinct) > 1 or (axis.distinct and not axis.applies.all())]
    kept = {}
    for axis in sorted(axes, key=lambda axis: (axis.words, len(axis.key))):
        kept.setdefault(tuple(np.unique(axis.values, return_inverse=True)[1] if len(axis.distinct) > 1 else axis.applies),
                        axis)
    return [axis for axis in axes if axis in kept.values()]


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


def choose(result):
    """The roles of the axes: panels (words and all that remain), x, and curves."""
    numbers = sorted((a for a in result.axes if not a.words and a.distinct), key=lambda a: -len(a.distinct))
    words = [a for a in result.axes if a.words]
    # A parameter that does not apply to some points (noise of an ideal cell) goes on x.
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


def draw_references(ax, result, reference, words, curves):
    """One dashed line per reference point, in the colour of its curve; different dashes keep nearly equal ones apart."""
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
    """The number of chips of the points with several, in words; None: one chip everywhere."""
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


def plot_no_axis(result, words):
    """Without a swept number: one mark with an interval per point."""
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


def plot_result(file):
    result = Result(file)
    panels, x, curves = choose(result)
    if x is None:
        return plot_no_axis(result, panels)
    reference = references(result, x)
    masks = panel_masks(result, panels, np.isfinite(result.mean) & ~reference)
    if not masks:
        raise Unusable("/accuracy has no finite value over a swept parameter")
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
    if not heat:
        keep_percent(axes)
    finish(figure, result.title, caption(result, x.short if reference.any() else "", heat), width)
    if heat:
        figure.colorbar(mesh, ax=axes, label="accuracy (%)")
    return figure
