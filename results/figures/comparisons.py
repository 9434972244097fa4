"""Figures of a comparison (summary/analysis): the accuracy of every variant, and the differences between variants."""
import numpy as np

from figures.axes import Axis, Unusable, axes_of, clean, independent, text
from figures.curves import ENDS, draw_references, panel_masks, references
from figures.drawing import (GRID, draw_curves, entries_of, finish, halves, is_first, is_last, keep_percent, look_of, name_style, new_figure,
                             set_x, spread_of)
from figures.layout import wrap
from figures.panels import Panel, panels_of_groups
from figures.results import between, facts_of, bounded_interval
from figures.roles import choose_x

SAMPLES = {"chip": "simulated chips", "seed": "networks of different seeds"}


class Variants(Axis):
    """The compared variants, named by the experiment; they keep their colours in all figures of a file."""

    def name_of(self, value):
        return value


class Table:
    """Rows of a comparison: mean and interval of the accuracy in percent, conditions as axes, the variants as curves."""

    def __init__(self, file):
        analysis = file["summary/analysis"]
        self.title = clean(file.attrs.get("title", ""))
        self.variants = Variants("variant", analysis["variant"])
        mean, low, high = (analysis["accuracy_" + name][()] for name in ("mean", "low", "high"))
        if "within 0..1" not in text(analysis["accuracy_low"].attrs.get("long_name", "")):  # an older file: Student's, on both sides
            low, high = bounded_interval(mean, high - mean)
        self.mean, self.low, self.high = 100 * mean, 100 * low, 100 * high
        self.facts = facts_of(file)["sentences"]
        self.samples = analysis["samples"][()]
        self.samples_are = text(analysis.attrs["samples_are"])
        keys = [text(key) for key in np.atleast_1d(analysis.attrs.get("conditions", []))]
        self.axes = independent(axes_of(analysis, [key for key in keys if key in analysis]))
        n = {len(values) for values in (self.mean, self.low, self.high, self.samples, self.variants.values)}
        if len(n) != 1 or not np.isfinite(self.mean).any():
            raise Unusable("its analysis has no accuracies of the variants that it compares")

    @property
    def counted(self):
        """The number of samples of the rows, in words; None: one each."""
        n = self.samples[np.isfinite(self.mean) & (self.samples > 1)]
        if len(n) == 0:
            return None
        return f"{between(n)} {SAMPLES.get(self.samples_are, self.samples_are + 's')}"

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
    x = choose_x(table.axes)
    panels = [axis for axis in table.axes if axis is not x]
    if x is not None:
        drawn = drawn & ~references(table, x)
    return [Panel(title, x, rows, [(0, "", rows)]) for title, rows in panel_masks(table, panels, drawn)]


def draw_list(ax, table, rows, names, xlabel):
    """Without a numeric condition: a line per variant of names, the first on top."""
    for at, name in enumerate(names):
        row = np.flatnonzero(rows & (table.variants.values == name))[:1]
        if len(row) == 0:
            continue
        index = table.variants.distinct.index(name)
        hollow = getattr(table, "hollow", np.zeros(len(table.mean), bool))[row[0]]
        ax.errorbar(table.mean[row], [at], xerr=halves(table, row), capsize=2.5, elinewidth=1, marker="o", linestyle="none",
                    color=look_of(index)["color"], markerfacecolor="white" if hollow else None)
    ax.set_yticks(range(len(names)), [wrap(name, 7, 2.4, 2) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(True, axis="x", **GRID)
    ax.set_axisbelow(True)
    ax.set_xlabel(xlabel)


def draw_panel(ax, table, panel, names, label, bars, styled, spread):
    if panel.x is None:
        draw_list(ax, table, panel.rows, names, label)
        return
    set_x(ax, panel.x)
    for style, words, rows in panel.lines:
        draw_curves(ax, table, panel.x, table.variants, rows, bars, (style, len(panel.lines)) if styled else None, spread)
        if words:
            name_style(ax, style, words, bars)
    draw_references(ax, table, references(table, panel.x), [axis for axis in table.axes if axis.words], table.variants)


def draw_all(table_of_panel, label, bars, title, note):
    """A figure of pairs (table, panel of it)."""
    lists = all(panel.x is None for _, panel in table_of_panel)
    styled = any(words for _, panel in table_of_panel for _, words, _ in panel.lines)
    shown = {name for table, panel in table_of_panel for name in table.variants.values[panel.rows]}
    names = [name for name in table_of_panel[0][0].variants.distinct if name in shown]
    spread = "bars" if bars else spread_of_panels(table_of_panel)
    figure, axes, width = new_figure(len(table_of_panel), free_x=True, wide=lists,
                                     height=max(2.1, 0.19 * len(names)) if lists else 2.1)
    same_x = len({panel.x.label if panel.x else "" for _, panel in table_of_panel}) == 1
    for i, (ax, (table, panel)) in enumerate(zip(axes, table_of_panel)):
        if bars:
            (ax.axvline if panel.x is None else ax.axhline)(0, color="black", linewidth=0.8, zorder=1.8)
        draw_panel(ax, table, panel, names, label, bars, styled, spread)
        ax.set_title(panel.title)
        if panel.x is not None:
            ax.set_ylabel(label if is_first(ax) else "")
        if same_x and not is_last(ax, len(axes)):
            ax.set_xlabel("")
    if not bars and not lists:
        keep_percent(axes)
    elif not bars:
        low, high = axes[0].get_xlim()
        axes[0].set_xlim(max(low, 0.0), min(high, 100.5))
    found = entries_of(axes)
    entries = {name: found[name] for name in names + list(found) if name in found}
    finish(figure, title, note(spread) if callable(note) else note, width, entries=entries)
    return figure


def spread_of_panels(table_of_panel):
    """Bands where those of a panel rarely meet in all panels, else bars or edges."""
    ways = [spread_of(table, panel.x, table.variants, [rows for _, _, rows in panel.lines])
            for table, panel in table_of_panel if panel.x is not None]
    return next((way for way in ("edges", "bars") if way in ways), "band")


def plot_table(file, title=None):
    table = Table(file)
    panels = panels_of(table)
    lists = all(panel.x is None for panel in panels)

    def note(spread):
        if table.counted is None:
            return " ".join(["One sample of each, so no interval is known."] + table.facts)
        return " ".join([f"{'Points' if lists else 'Lines'}: mean over {table.counted}; {'bars' if lists else ENDS[spread]}: "
                         "95 % Student interval of that mean, bounded by 0 and 100 %."] + table.facts)

    return draw_all([(table, panel) for panel in panels], "accuracy (%)", False, table.title if title is None else title, note)


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


def plot_difference(file, title=None):
    tables = [Difference(file, which) for which in range(len(file["summary/analysis/versus"]))]
    tables = [table for table in tables if np.isfinite(table.mean).any()]
    if not tables:
        raise Unusable("its analysis has no finite difference")
    panels = []
    for table in tables:
        for panel in panels_of(table):
            words = [panel.title, f"minus {table.versus}" if len(tables) > 1 else ""]
            panels.append((table, panel._replace(title=", ".join(word for word in words if word))))
    return draw_all(panels, "accuracy difference\n(percentage points)", True, tables[0].title if title is None else title,
                    " ".join([caption_difference(tables)] + tables[0].facts))
