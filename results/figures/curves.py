"""Figures of accuracy over the swept axes: curves, heat maps, rows of words, and dots for random samples."""
import numpy as np

from figures.axes import Unusable, scale_of
from figures.drawing import (COLOURS, DASHES, GRID, draw_curves, entries_of, finish, halves, is_first, is_last, keep_percent, look_of,
                             new_figure, set_scale, set_ticks, set_x, spread_of)
from figures.dots import plot_dots, plot_star
from figures.layout import wrap
from figures.results import Result, caption
from figures.roles import HEAT_ABOVE, MOST_PANELS, Wishes, choose, combinations, kinds_of  # noqa: F401 (HEAT_ABOVE for tests)

PER_PAGE = 16  # panels of one figure
MOST_CELLS = 2000  # of a heat map as vectors
MOST_ROWS = 60  # rows of one figure
ENDS = {"band": "bands", "bars": "bars", "edges": "thin lines"}


def title_of(axes, values):
    return ", ".join(axis.name_of(value) for axis, value in zip(axes, values) if value is not None)


def references(result, x):
    """Points to which x does not apply: reference lines."""
    if x is None or x.applies.all():
        return np.zeros(len(result.mean), bool)
    return ~x.applies & np.isfinite(result.mean)


def panels_of(result, axes, reference):
    """[(title, points, references)]: the combinations of the panels' values. A reference stands in its own panel, or in all
    of them where its combination has no other point."""
    drawn, common, out = np.isfinite(result.mean) & ~reference, np.zeros(len(result.mean), bool), []
    for values, mask in combinations(axes, len(result.mean)):
        if (mask & drawn).any():
            out.append((title_of(axes, values), mask & drawn, mask & reference))
        else:
            common |= mask & reference
    return [(title, mask, own | common) for title, mask, own in out]


def panel_masks(result, panels, drawn):
    """(title, points) of every panel that has points."""
    return [(title_of(panels, values), mask & drawn) for values, mask in combinations(panels, len(drawn)) if (mask & drawn).any()]


def reference_name(result, point, panels, curves, shown=()):
    words = [axis.name_of(axis.values[point]) for axis in panels if axis.applies[point] and axis not in shown]
    if curves is not None and curves.applies[point]:
        words.append(curves.name_of(curves.values[point]))
    return ", ".join(words) or "reference"


def draw_references(ax, result, reference, panels, curves):
    """One dashed line per reference point, in the colour of its curve; different dashes keep nearly equal ones apart."""
    for k, point in enumerate(np.flatnonzero(reference)):
        index, colour = k, "black"
        if curves is not None and curves.applies[point]:
            index = curves.distinct.index(curves.values[point])
            colour = COLOURS[index % len(COLOURS)]
        ax.axhline(result.mean[point], color=colour, linewidth=0.8, dashes=DASHES[index % len(DASHES)],
                   label=reference_name(result, point, panels, curves), zorder=1)


def draw_without(ax, result, x, curves, mask, name=""):
    """The points to which the axis of the lines does not apply: a black dashed curve of their own."""
    rows = mask & ~curves.applies
    if not rows.any():
        return ""
    name = name or f"{curves.meaning}: does not apply"
    points = np.flatnonzero(rows)
    points = points[np.argsort(x.values[points], kind="stable")]
    ax.errorbar(x.values[points], result.mean[points], yerr=halves(result, points), color="black", marker="x", capsize=2,
                elinewidth=0.6, linewidth=0.8, linestyle=(0, DASHES[0]), label=name, zorder=1.5)
    return name


def edges(values):
    """Borders of the cells around sorted values, halfway between neighbours."""
    values = np.asarray(values, float)
    middle = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - middle[0]], middle, [2 * values[-1] - middle[-1]]])


def cells_of(axis):
    if scale_of(axis) in ("log", "log2"):
        return np.exp(edges(np.log(axis.distinct)))
    return edges(axis.distinct)


def draw_heat(ax, result, x, y, mask, limits):
    """A cell per combination; cells without a result stay white."""
    table = np.full((len(y.distinct), len(x.distinct)), np.nan)
    column, row = ({value: i for i, value in enumerate(axis.distinct)} for axis in (x, y))
    for point in np.flatnonzero(mask & x.applies & y.applies):
        table[row[y.values[point]], column[x.values[point]]] = result.mean[point]
    for axis, which in ((x, "x"), (y, "y")):
        if scale_of(axis) in ("log", "log2"):
            set_scale(ax, axis, which)
        set_ticks(ax, axis, which)
    ax.set_ylabel(y.meaning if y.unit == "s" else y.label)
    ax.set_xlabel(x.meaning if x.unit == "s" else x.label)
    return ax.pcolormesh(cells_of(x), cells_of(y), table, cmap="cividis", vmin=limits[0], vmax=limits[1],
                         rasterized=table.size > MOST_CELLS)


def plot_heat(result, roles, panels, title):
    figure, axes, width = new_figure(len(panels), True)
    limits = (np.nanmin(result.mean), np.nanmax(result.mean))
    for i, (ax, (name, mask, _)) in enumerate(zip(axes, panels)):
        ax.set_title(name)
        mesh = draw_heat(ax, result, roles.x, roles.lines, mask, limits)
        ax.set_ylabel(ax.get_ylabel() if is_first(ax) else "")
        ax.set_xlabel(ax.get_xlabel() if is_last(ax, len(axes)) else "")
    bar = figure.colorbar(mesh, ax=axes[-1] if len(axes) < 5 else axes[min(3, len(axes)) - 1], label="accuracy (%)",
                          fraction=0.08, pad=0.03)
    bar.outline.set_visible(False)
    finish(figure, title, caption(result, "Cells", "", roles), width)
    return figure


def heading_of(curves, entries, n_lines):
    """A heading and the entries under it where the name of the lines' axis would be repeated too often; else ""."""
    if curves is None or curves.tied or n_lines < 2 or (len(curves.meaning) <= 18 and n_lines <= 6):
        return "", entries
    if curves.has_own_words:
        return "", entries
    short, used = {}, {curves.name_of(value): curves.value(value) for value in curves.distinct}
    for name, handle in entries.items():
        short[used.get(name, name)] = handle
    if len(short) < len(entries):
        return "", entries
    return f"{curves.meaning}:", short


def plot_curves(result, roles, panels, title):
    """Curves in panels that share their axes."""
    x, curves = roles.x, roles.lines
    reference = references(result, x)
    figure, axes, width = new_figure(len(panels))
    spread = spread_of(result, x, curves, [mask for _, mask, _ in panels])
    without = False
    for ax, (name, mask, own) in zip(axes, panels):
        alone = len(panels) == 1 and curves is not None and own.any() and not (mask & curves.applies).any()
        ax.set_title("" if alone else name)  # lines of other kinds stand here, too: the legend names all of them
        set_x(ax, x)
        draw_curves(ax, result, x, curves, mask, spread=spread)
        if curves is not None:
            without = bool(draw_without(ax, result, x, curves, mask, name if alone else "")) or without
        draw_references(ax, result, own, roles.panels, curves)
        ax.set_ylabel("accuracy (%)" if is_first(ax) else "")
        ax.set_xlabel(ax.get_xlabel() if is_last(ax, len(axes)) else "")
    found = entries_of(axes)
    names = [curves.name_of(value) for value in curves.distinct] if curves is not None else []
    entries = {name: found[name] for name in names + list(found) if name in found}
    heading, entries = heading_of(curves, entries, len(curves.distinct) if curves is not None else 0)
    keep_percent(axes)
    dashed = [axis.meaning for axis, on in ((x, reference.any()), (curves, without)) if on]
    lines = curves is None or any((mask & curves.applies).any() for _, mask, _ in panels)
    ends = " and ".join(dict.fromkeys([ENDS[spread]] * lines + ["bars"] * without))
    finish(figure, title, caption(result, "Lines" if len(x.distinct) > 1 else "Points", ends, roles, " or ".join(dashed)),
           width, heading, entries)
    return figure


def rows_of(result, roles):
    """Points without a number on x, as rows: [(name, point)]; the axis of lines gives colours within a row."""
    axes = [axis for axis in roles.panels if axis is not roles.lines]
    kinds, which, _ = kinds_of(axes, len(result.mean))
    out = []
    for i, kind in enumerate(kinds):
        values = [axis.distinct[k] if k < len(axis.distinct) else None for axis, k in zip(axes, kind)]
        out.append((title_of(axes, values) or ("" if roles.lines is None else "all"), np.flatnonzero((which == i) & np.isfinite(result.mean))))
    return [(name, points) for name, points in out if len(points)]


def draw_samples(ax, result, point, at):
    """The chips of a point, or its networks of other seeds, as small dots around the row."""
    table = getattr(result, "seed_values", result.values)
    values = 100 * table[point][np.isfinite(table[point])]
    if 1 < len(values) <= 64:
        ax.plot(values, np.full(len(values), at), linestyle="none", marker="|", markersize=5, color="#999999",
                markeredgewidth=0.6, zorder=1.5)


def plot_rows(result, roles, rows, title):
    """A row per combination of words, with its interval and its samples."""
    figure, (ax,), width = new_figure(1, wide=True, height=0.35 + max(0.19 * len(rows), 0.4))
    curves = roles.lines
    for at, (name, points) in enumerate(rows):
        for k, point in enumerate(points):
            index, label = 0, None
            if curves is not None and curves.applies[point]:
                index = curves.distinct.index(curves.values[point])
                label = curves.name_of(curves.values[point])
            y = at + (0.5 * (k - (len(points) - 1) / 2) / max(len(points), 1) if len(points) > 1 else 0)
            look = look_of(index)
            ax.errorbar(result.mean[[point]], [y], xerr=halves(result, np.array([point])), capsize=2, elinewidth=0.9,
                        marker=look["marker"], linestyle="none", color=look["color"], label=label, zorder=3)
            if len(points) == 1:
                draw_samples(ax, result, point, y)
    ax.set_yticks(range(len(rows)), [wrap(name, 7, 2.6, 2) for name, _ in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(True, axis="x", **GRID)
    ax.set_axisbelow(True)
    ax.tick_params(axis="y", length=0)
    low, high = ax.get_xlim()
    ax.set_xlim(max(low, min(0.0, high - 1)), min(high, 100.5) if low < 100 else high)
    ax.set_xlabel("accuracy (%)")
    note = caption(result, "Points", "bars", roles)
    if (result.counts > 1).any() and any(len(points) == 1 for _, points in rows):
        note += f" Grey marks: the {'seeds' if result.seeds else 'chips'}."
    finish(figure, title, note, width)
    return figure


def pages(items, most):
    """Nearly equal parts of at most `most` items."""
    n = -(-len(items) // most)
    size = -(-len(items) // n)
    return [items[i:i + size] for i in range(0, len(items), size)]


def plot_pages(whole, wishes=Wishes(), title=None):
    """The figures of a result; several where one page cannot hold all panels."""
    roles = choose(whole, wishes)
    rest = [axis for axis in [roles.x, roles.lines] + roles.panels if axis is not None]
    result = whole.pooled(roles.samples, rest)
    if roles.samples:  # the axes of the averaged points
        same = {axis.key: axis for axis in result.axes}
        again = [same[a.key] if a is not None else None for a in [roles.x, roles.lines] + roles.panels]
        roles = roles._replace(x=again[0], lines=again[1], panels=again[2:])
    title = whole.title if title is None else title
    if roles.kind == "rows":
        parts = pages(rows_of(result, roles), MOST_ROWS)
        return [plot_rows(result, roles, part, page_title(title, i, parts)) for i, part in enumerate(parts)]
    if roles.kind in ("dots", "star"):
        return [(plot_dots if roles.kind == "dots" else plot_star)(result, roles, title)]
    n_panels = len(kinds_of(roles.panels, len(result.mean))[2])
    if n_panels > MOST_PANELS:
        raise Unusable(f"{n_panels} panels are too many; name keys with fewer values by --x, --lines and --panels")
    panels = panels_of(result, roles.panels, references(result, roles.x))
    if not panels:
        raise Unusable("/accuracy has no finite value over a swept parameter")
    parts = pages(panels, PER_PAGE)
    draw = plot_heat if roles.kind == "heat" else plot_curves
    return [draw(result, roles, part, page_title(title, i, parts)) for i, part in enumerate(parts)]


def page_title(title, i, parts):
    return title if len(parts) == 1 else f"{title} ({i + 1} of {len(parts)})"


def plot_result(file, wishes=Wishes(), title=None):
    """The first figure of a result."""
    return plot_pages(Result(file), wishes, title)[0]
