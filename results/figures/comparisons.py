"""Figures of a comparison (summary/analysis): the accuracy of every variant, and the differences between variants."""
import textwrap

import numpy as np

from figures.axes import Axis, Unusable, text
from figures.drawing import COLOURS, draw_curves, finish, keep_percent, name_style, new_figure, set_x
from figures.panels import Panel, panels_of_groups
from figures.results import choose, draw_references, independent, panel_masks, references

TITLE_CHARACTERS = 96  # over the whole width of a figure
SAMPLES = {"chip": "simulated chips", "seed": "networks of different seeds"}


class Variants(Axis):
    """The compared variants, named by the experiment; they keep their colours in all figures of a file."""

    def name_of(self, value):
        return value


class Table:
    """Rows of a comparison: mean and interval of the accuracy in percent, conditions as axes, the variants as curves."""

    def __init__(self, file):
        analysis = file["summary/analysis"]
        self.title = text(file.attrs.get("title", ""))
        self.variants = Variants("variant", analysis["variant"])
        self.mean, self.low, self.high = (100 * analysis["accuracy_" + name][()] for name in ("mean", "low", "high"))
        self.samples = analysis["samples"][()]
        self.samples_are = text(analysis.attrs["samples_are"])
        keys = [text(key) for key in np.atleast_1d(analysis.attrs.get("conditions", []))]
        self.axes = independent([Axis(key, analysis[key]) for key in keys])
        n = {len(values) for values in (self.mean, self.low, self.high, self.samples, self.variants.values)}
        if len(n) != 1 or not np.isfinite(self.mean).any():
            raise Unusable("its analysis has no accuracies of the variants that it compares")

    @property
    def counted(self):
        """The number of samples of the rows, in words; None: one each."""
        n = self.samples[np.isfinite(self.mean) & (self.samples > 1)]
        if len(n) == 0:
            return None
        number = f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"
        return f"{number} {SAMPLES.get(self.samples_are, self.samples_are + 's')}"

    def name_of(self, row):
        """A row's condition in words."""
        return ", ".join(axis.name_of(axis.values[row]) for axis in self.axes if axis.applies[row])


class Difference(Table):
    """The same rows with the difference, in percentage points, from the variant `versus`; NaN where not compared."""

    def __init__(self, file, which):
        super().__init__(file)
        analysis = file["summary/analysis"]
        self.versus = text(analysis["versus"][which])
        self.mean, self.low, self.high = (100 * analysis["difference_" + name][:, which] for name in ("mean", "low", "high"))

    @property
    def tested(self):
        return [name for name in self.variants.distinct if np.isfinite(self.mean[self.variants.values == name]).any()]

    @property
    def hollow(self):
        """Rows whose interval contains 0: no difference is shown there."""
        return np.isfinite(self.mean) & (self.low <= 0) & (self.high >= 0)


def panels_of(table):
    """The panels; x is None where there is no numeric condition."""
    drawn = np.isfinite(table.mean)
    groups = panels_of_groups(table, drawn)
    if groups:
        return groups
    panels, x, other = choose(table)
    if x is not None:
        panels = panels + [other] if other is not None else panels
        drawn = drawn & ~references(table, x)
    return [Panel(title, x, rows, [(0, "", rows)]) for title, rows in panel_masks(table, panels, drawn)]


def draw_list(ax, table, rows, names, xlabel):
    """Without a numeric condition: a line per variant of names, the first on top."""
    for at, name in enumerate(names):
        row = np.flatnonzero(rows & (table.variants.values == name))[:1]
        if len(row) == 0:
            continue
        index = table.variants.distinct.index(name)
        half = np.nan_to_num([table.mean[row] - table.low[row], table.high[row] - table.mean[row]])
        hollow = getattr(table, "hollow", np.zeros(len(table.mean), bool))[row[0]]
        ax.errorbar(table.mean[row], [at], xerr=half, capsize=2.5, elinewidth=1, marker="o", linestyle="none",
                    color=COLOURS[index % len(COLOURS)], markerfacecolor="white" if hollow else None)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(True, axis="x", color="#e5e5e5", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.set_xlabel(xlabel)


def draw_panel(ax, table, panel, names, label, bars, styled):
    if panel.x is None:
        draw_list(ax, table, panel.rows, names, label)
        return
    for style, words, rows in panel.lines:
        draw_curves(ax, table, panel.x, table.variants, rows, bars, (style, len(panel.lines)) if styled else None)
        if words:
            name_style(ax, style, words, bars)
    draw_references(ax, table, references(table, panel.x), [axis for axis in table.axes if axis.words], table.variants)
    set_x(ax, panel.x)


def draw_all(table_of_panel, label, bars, title, note):
    """A figure of pairs (table, panel of it)."""
    lists = all(panel.x is None for _, panel in table_of_panel)
    styled = any(words for _, panel in table_of_panel for _, words, _ in panel.lines)
    shown = {name for table, panel in table_of_panel for name in table.variants.values[panel.rows]}
    names = [name for name in table_of_panel[0][0].variants.distinct if name in shown]
    figure, axes, width = new_figure(len(table_of_panel), free_x=True, wide=lists)
    for i, (ax, (table, panel)) in enumerate(zip(axes, table_of_panel)):
        if bars:
            (ax.axvline if panel.x is None else ax.axhline)(0, color="black", linewidth=0.8, zorder=1.8)
        draw_panel(ax, table, panel, names, label, bars, styled)
        ax.set_title(textwrap.fill(panel.title, TITLE_CHARACTERS // min(len(axes), 4)))
        if panel.x is not None:
            ax.set_ylabel(label if ax.get_subplotspec().is_first_col() else "")
    if not bars and not lists:
        keep_percent(axes)
    finish(figure, title, note, width)
    return figure


def plot_table(file):
    table = Table(file)
    panels = panels_of(table)
    lists = all(panel.x is None for panel in panels)
    note = "One sample of each, so no interval is known." if table.counted is None else \
        f"{'Points' if lists else 'Lines'}: mean over {table.counted}; {'bars' if lists else 'bands'}: 95 % Student " \
        "interval of that mean."
    return draw_all([(table, panel) for panel in panels], "accuracy (%)", False, table.title, note)


def caption_difference(tables):
    pairs = [f"{name} minus {table.versus}" for table in tables for name in table.tested]
    lead = pairs[0] if len(pairs) == 1 else "accuracy differences"
    counted = tables[0].counted
    note = lead[0].upper() + lead[1:] + (
        f", paired over {counted}; bars: 95 % Student interval of the mean difference." if counted else
        ", one sample of each, so no interval is known.")
    hollow = [(table, row) for table in tables for row in np.flatnonzero(table.hollow)]
    if not hollow:
        return note + (" No interval contains 0." if counted else "")
    n = sum(np.count_nonzero(np.isfinite(table.mean)) for table in tables)
    names = [" at ".join(part for part in (
        f"{table.variants.values[row]} minus {table.versus}" if len(pairs) > 1 else "", table.name_of(row)) if part)
        for table, row in hollow]
    where = f"{len(hollow)} of {n} differences" if len(hollow) > 4 or not all(names) else "; ".join(names)
    return note + f" The interval contains 0 {'for' if len(pairs) > 1 or len(hollow) > 4 else 'at'} {where} (hollow): " \
        "no difference is shown there."


def plot_difference(file):
    tables = [Difference(file, which) for which in range(len(file["summary/analysis/versus"]))]
    tables = [table for table in tables if np.isfinite(table.mean).any()]
    if not tables:
        raise Unusable("its analysis has no finite difference")
    panels = []
    for table in tables:
        for panel in panels_of(table):
            words = [panel.title, f"minus {table.versus}" if len(tables) > 1 else ""]
            panels.append((table, panel._replace(title=", ".join(word for word in words if word))))
    return draw_all(panels, "accuracy difference\n(percentage points)", True, tables[0].title, caption_difference(tables))
