"""Studies that are no grid, one panel per key: random samples as dots, and studies that vary one key at a time."""
import numpy as np

from figures.drawing import GRID, draw_curve, finish, halves, is_first, keep_percent, look_of, new_figure, set_x
from figures.layout import wrap
from figures.results import caption, in_words
from figures.roles import base_of

MOST_BARS = 400  # dots beyond which their intervals would hide them
MOST_COLOURS = 6


def set_words(ax, axis):
    """Words along x; where each value of the axis lies."""
    place = {value: i for i, value in enumerate(axis.distinct)}
    few = len(place) <= 4
    ax.set_xticks(range(len(place)), [wrap(axis.word(value), 7, 0.6 if few else 1.0, 3 if few else 1) for value in place],
                  rotation=0 if few else 90)
    ax.set_xlim(-0.5, len(place) - 0.5)
    ax.set_xlabel(axis.label)
    return np.array([place.get(value, np.nan) for value in axis.values.tolist()], float)


def plot_dots(result, roles, title):
    """A panel per number: random samples, or more combinations than panels can show. Words are colours."""
    axes_of_words = [a for a in [roles.lines] + roles.panels if a is not None and a.words]
    numbers = [a for a in [roles.x, roles.lines] + roles.panels if a is not None and not a.words and len(a.distinct) > 1]
    colour = max((a for a in axes_of_words if len(a.distinct) <= MOST_COLOURS), key=lambda a: len(a.distinct), default=None)
    words = [a for a in axes_of_words if a is not colour]
    figure, axes, width = new_figure(len(numbers) + len(words), free_x=True, wide=len(numbers) > 1)
    many = len(result.mean) > MOST_BARS
    for ax, axis in zip(axes, numbers + words):
        at = set_words(ax, axis) if axis.words else axis.values
        if not axis.words:
            set_x(ax, axis)
        draw_dots(ax, result, at, colour, many)
        ax.grid(True, **GRID)
        ax.set_axisbelow(True)
        ax.set_ylabel("accuracy (%)" if is_first(ax) else "")
    keep_percent(axes)
    note = ("Random samples: every" if result.facts["sampled"] else "Every") + " dot is a point of the study and stands in every panel. " + caption(result, "Dots", "" if many else "bars", roles)
    finish(figure, title, note, width)
    return figure


def draw_dots(ax, result, at, colour, many):
    groups = [(0, None, np.isfinite(at))]
    if colour is not None:
        groups = [(i, colour.name_of(value), np.isfinite(at) & (colour.values == value)) for i, value in enumerate(colour.distinct)]
        groups.append((len(groups), f"{colour.meaning}: does not apply", np.isfinite(at) & ~colour.applies))
    for i, name, mask in groups:
        points = np.flatnonzero(mask & np.isfinite(result.mean))
        if len(points) == 0:
            continue
        look = look_of(i)
        ax.errorbar(at[points], result.mean[points], yerr=None if many else halves(result, points), linestyle="none",
                    marker="." if many else look["marker"], markersize=2 if many else 2.5, color=look["color"], elinewidth=0.5,
                    alpha=0.4 if many else 0.9, label=name, rasterized=many)


def plot_star(result, roles, title):
    """A panel per key of a study that varies one at a time; the common point, a diamond, stands in all of them."""
    varied = [axis for axis in [roles.x, roles.lines] + roles.panels if axis is not None]
    base = base_of(varied, len(result.mean))
    moved = np.array([axis.values != value for axis, value in zip(varied, base)])
    common = ~moved.any(axis=0)
    figure, axes, width = new_figure(len(varied), free_x=True)
    for ax, axis, own in zip(axes, varied, moved):
        points = np.flatnonzero((own | common) & np.isfinite(result.mean))
        look = {"color": look_of(0)["color"], "marker": "o"}
        if axis.words:
            at = set_words(ax, axis)
            ax.errorbar(at[points], result.mean[points], yerr=halves(result, points), linestyle="none", capsize=2, **look)
        else:
            at = axis.values
            set_x(ax, axis)
            draw_curve(ax, result, axis, points, look, None)
        ax.plot(at[common], result.mean[common], linestyle="none", marker="D", markersize=4.5, color="black", zorder=4,
                label="common point")
        ax.grid(True, **GRID)
        ax.set_ylabel("accuracy (%)" if is_first(ax) else "")
    keep_percent(axes)
    note = f"Each panel varies one key; the others stay at {in_words([a.name_of(v) for a, v in zip(varied, base)], 8)}. " + \
        caption(result, "Lines", "bands", roles)
    finish(figure, title, note, width)
    return figure
