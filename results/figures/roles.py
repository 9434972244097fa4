"""Which axis of a study becomes what: x, lines, panels, or samples that are averaged; with the user's own choice."""
import difflib
from collections import namedtuple

import numpy as np

from figures.axes import Unusable

MOST_LINES = 12
HEAT_ABOVE = 6  # values of both axes beyond which curves are too many
MOST_APART = 60  # points of grids without a common axis, as rows
MOST_PANELS = 144  # beyond, a study is drawn as one panel of dots per axis

# x and lines are an Axis or None, panels and samples lists of them; kind: curves, heat, rows (no number on x), star (one key
# at a time around a common point) or dots (points that lie on no common lines: random samples).
Roles = namedtuple("Roles", "kind x lines panels samples")
Wishes = namedtuple("Wishes", "x lines panels", defaults=(None, None, None))


def find_axis(axes, key, option):
    """The axis of a key; keys that move together are one axis, shown by the one that was asked for."""
    for axis in axes:
        for member in [axis] + axis.tied:
            if key == member.key:
                if member is not axis:
                    member.tied = [axis] + [other for other in axis.tied if other is not member]
                return axis, member
    keys = [member.key for axis in axes for member in [axis] + axis.tied]
    ends = [k for k in keys if k.endswith("." + key)]
    if len(ends) == 1:
        return find_axis(axes, ends[0], option)
    near = difflib.get_close_matches(key, keys, 1, 0.4) or [k for k in keys if key and key.split(".")[-1] in k][:1]
    hint = f"did you mean {near[0]}?" if near else "it sweeps " + (", ".join(keys) if keys else "no key")
    raise Unusable(f"{option} {key}: the file does not sweep this key; {hint}")


def take(axes, wishes):
    """(x, lines, panels that were asked for, the axes that remain)."""
    rest, taken = list(axes), {}

    def pick(key, option):
        axis, member = find_axis(axes, key, option)
        if not any(axis is other for other in rest):
            raise Unusable(f"{option} {key}: this key, or one that moves with it, has another role already")
        rest[:] = [other for other in rest if other is not axis]
        return member

    taken["x"] = pick(wishes.x, "--x") if wishes.x else None
    taken["lines"] = pick(wishes.lines, "--lines") if wishes.lines else None
    taken["panels"] = [pick(key, "--panels") for key in (wishes.panels or "").split(",") if key]
    return taken["x"], taken["lines"], taken["panels"], rest


def is_seed(axis):
    return axis.key == "seed" or axis.key.endswith(".seed")


def choose_x(rest):
    """A number that does not apply everywhere (the noise of an ideal cell), else the number with the most values."""
    numbers = sorted((a for a in rest if not a.words and a.distinct and not is_seed(a)), key=lambda a: -len(a.distinct))
    partial = [a for a in numbers if not a.applies.all() and len(a.distinct) > 1]
    return (partial or [a for a in numbers if len(a.distinct) > 1] or [None])[0]


def choose_lines(rest, x):
    """The number with the most values; without one the word with the most that still make lines."""
    numbers = sorted((a for a in rest if not a.words and not is_seed(a) and len(a.distinct) > 1), key=lambda a: -len(a.distinct))
    if numbers:
        return numbers[0]
    words = [a for a in rest if a.words and 1 < len(a.distinct) <= MOST_LINES]
    return max(words, key=lambda a: (a.key == "model", len(a.distinct)), default=None) if x is not None else None


def kinds_of(axes, n):
    """(kinds, which, counts): the combinations of values that occur, sorted, as places in `distinct`; of every row its
    combination; how many rows each has. NaN and "" are a value, the last."""
    if not axes:
        return np.zeros((1, 0), int), np.zeros(n, int), np.array([n])
    rows = np.empty((n, len(axes)), int)
    for column, axis in enumerate(axes):
        place = {value: i for i, value in enumerate(axis.distinct)}
        rows[:, column] = [place.get(value, len(place)) for value in axis.values.tolist()]
    kinds, which, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return kinds, which.reshape(-1), counts


def combinations(axes, n):
    """[(values, mask)] of the combinations that occur, in the order of the values; None where an axis does not apply."""
    kinds, which, _ = kinds_of(axes, n)
    return [(tuple(axis.distinct[k] if k < len(axis.distinct) else None for axis, k in zip(axes, kind)), which == i)
            for i, kind in enumerate(kinds)]


def are_scattered(others, n):
    """Whether most points share no line with another: random samples, not a grid."""
    return n >= 8 and bool(others) and np.count_nonzero(kinds_of(others, n)[2] == 1) > 0.5 * n


def are_apart(axes):
    """Whether no two of several numbers apply to the same point: grids of their own, which have no common axis."""
    numbers = [axis.applies for axis in axes if not axis.words]
    return len(numbers) > 1 and (np.sum(numbers, axis=0) <= 1).all()


def base_of(axes, n):
    """The common point of a study that varies one key at a time, as a value per axis; None: it is not such a study."""
    if len(axes) < 2 or n > 200 or any(not axis.applies.all() for axis in axes):
        return None
    base = [max(axis.distinct, key=lambda v, axis=axis: np.count_nonzero(axis.values == v)) for axis in axes]
    moved = np.array([axis.values != value for axis, value in zip(axes, base)])
    if (moved.sum(axis=0) > 1).any() or (moved.sum(axis=1) < 1).any():
        return None
    full = np.prod([float(len(axis.distinct)) for axis in axes])
    return base if n < 0.8 * full else None


def choose(result, wishes=Wishes()):
    """The roles of the axes of a result; every axis that varies has one."""
    x, lines, panels, rest = take(result.axes, wishes)
    asked = bool(wishes.x or wishes.lines or wishes.panels)
    seeds = [axis for axis in rest if is_seed(axis)]
    rest = [axis for axis in rest if not is_seed(axis)]
    samples = seeds if len(rest) + (x is not None) + (lines is not None) + len(panels) > 0 else []
    if not samples:
        rest += seeds  # nothing else varies: a row per seed
    if x is None:
        x = choose_x(rest)
        rest = [axis for axis in rest if axis is not x]
    n = len(result.mean)
    if x is None or x.words or is_seed(x):
        if x is not None:
            rest = [x] + rest
        return Roles("rows", None, lines, panels + rest, samples)
    if lines is None:
        lines = choose_lines(rest, x)
        rest = [axis for axis in rest if axis is not lines]
    panels = panels + rest
    others = [axis for axis in [lines] + panels if axis is not None]
    if not asked and result.facts["sampled"]:
        return Roles("dots", x, lines, panels, samples)
    if not asked and n <= MOST_APART and are_apart([x] + others):
        named = [axis for axis in result.axes if any(axis is other for other in [x] + others)]
        return Roles("rows", None, None, sorted(named, key=lambda axis: not axis.words), samples)
    if not asked and base_of([x] + others, n) is not None:
        return Roles("star", x, lines, panels, samples)
    if not asked and (are_scattered(others, n) or len(kinds_of(panels, n)[2]) > MOST_PANELS):
        return Roles("dots", x, lines, panels, samples)
    full = lines is not None and not lines.words and min(len(x.distinct), len(lines.distinct)) > HEAT_ABOVE
    heat = full and not wishes.lines and n >= 0.5 * len(x.distinct) * len(lines.distinct)
    if lines is not None and len(lines.distinct) > MOST_LINES and not heat and not wishes.lines:
        panels, lines = [lines] + panels, None
    return Roles("heat" if heat else "curves", x, lines, panels, samples)
