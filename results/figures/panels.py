"""Panels of conditions of which each row has one above 0, or several that rise together in a fixed ratio."""
from collections import namedtuple

import numpy as np

from figures.axes import Axis

# rows: all that the panel shows; lines: [(style number, words for the legend, rows)], one line per variant each.
Panel = namedtuple("Panel", "title x rows lines")


class Rising(Axis):
    """Conditions that rise in a fixed ratio over the rows of a panel, shown by the first of them."""

    def __init__(self, axes, rows, n_all):
        vars(self).update(vars(axes[0]))
        self.distinct = list(np.unique(self.values[rows]))
        self.title, self.ratio = "", ""
        if len(axes) > 1:
            top = int(np.argmax(np.where(rows, self.values, 0)))
            names = without_lead([axis.meaning for axis in axes])
            self.title = {2: "both", 3: "all three"}.get(n_all, "all") if len(axes) == n_all else " and ".join(names)
            self.ratio = ",\n" + ", ".join(f"{name} × {axis.values[top] / self.values[top]:.3g}"
                                           for axis, name in zip(axes[1:], names[1:]))

    @property
    def label(self):
        return super().label + self.ratio


def without_lead(names):
    """Names without their common first words: noise on weights and noise on sums become weights and sums."""
    words = [name.split() for name in names]
    n = 0
    while all(len(name) > n + 1 and name[n] == words[0][n] for name in words):
        n += 1
    return [" ".join(name[n:]) for name in words]


def rises(axes, rows):
    """Whether these conditions have several levels and the same ratio in all rows."""
    values = np.array([axis.values[rows] for axis in axes])
    return len(np.unique(values[0])) > 1 and np.allclose(values / values[0], (values / values[0])[:, :1])


def rising_together(axes, drawn):
    """The numeric conditions that take the value 0, and the groups [(axes, rows)] in which the same of them differ from 0,
    single conditions first. No groups where the rows are not of this kind."""
    numbers = [axis for axis in axes if not axis.words and axis.applies.all() and 0.0 in axis.distinct]
    others = [axis for axis in axes if axis not in numbers]
    if len(numbers) < 2 or any(not axis.words and not axis.applies.all() for axis in others):
        return numbers, []
    loud = np.array([axis.values != 0 for axis in numbers]).T
    kinds = sorted({tuple(row) for row in loud[drawn] if row.any()}, key=lambda kind: (sum(kind), np.argmax(kind)))
    groups = [([axis for axis, on in zip(numbers, kind) if on], drawn & (loud == kind).all(axis=1)) for kind in kinds]
    if len(groups) < 2 or not all(len(members) == 1 or rises(members, rows) for members, rows in groups):
        return numbers, []
    return numbers, groups


def kinds_of(axes, rows):
    """{values of the axes: rows with these values}, in the order of the rows."""
    found = dict.fromkeys(tuple(axis.values[row] for axis in axes) for row in np.flatnonzero(rows))
    return {kind: rows & np.all([axis.values == value for axis, value in zip(axes, kind)] or [rows], axis=0)
            for kind in found}


def in_words(axes, kind):
    return ", ".join(axis.name_of(value) for axis, value in zip(axes, kind) if value != "")


def panels_of_groups(table, drawn):
    """A panel per group, each also with the rows in which all conditions are 0. Words that do not apply to those rows (how
    noise is drawn) give lines, all other words panels. Empty where the conditions are not of this kind."""
    numbers, groups = rising_together(table.axes, drawn)
    if not groups:
        return []
    quiet = drawn & np.all([axis.values == 0 for axis in numbers], axis=0)
    others = [axis for axis in table.axes if axis not in numbers]
    of_line = [axis for axis in others if axis.words and not axis.applies[quiet].any()]
    of_panel = [axis for axis in others if axis not in of_line]
    styles = [kind for kind in kinds_of(of_line, drawn) if any(value != "" for value in kind)]
    panels = []
    for members, rows in groups:
        for kind, loud in kinds_of(of_panel, rows).items():
            still = kinds_of(of_panel, quiet).get(kind, np.zeros(len(quiet), bool))
            x = Rising(members, loud | still, len(numbers))
            lines = sorted(((styles.index(line) if line in styles else 0, in_words(of_line, line), part | still)
                            for line, part in kinds_of(of_line, loud).items()), key=lambda line: line[0])
            title = ", ".join(words for words in (x.title, in_words(of_panel, kind)) if words)
            panels.append(Panel(title, x, loud | still, lines))
    return panels
