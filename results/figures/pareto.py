"""Accuracy over what it costs (size, bit operations, energy, tiles), and the front of the points that no other beats in both."""
import numpy as np

from figures.axes import Axis, Unusable, clean, text
from figures.curves import title_of
from figures.drawing import COLUMN, GRID, finish, halves, keep_percent, look_of, new_figure, set_scale, set_ticks
from figures.results import caption
from figures.roles import is_seed, kinds_of

# Arrays over (point), or (point, chip), that are costs: label and unit where the file does not say.
COSTS = {"energy": ("energy per image", "J"), "size": ("model size", "bit"),
         "model_size": ("model size", "byte")}
# Arrays over (point, layer): label, unit, and how layers are joined.
LAYER_COSTS = {"weight_bits": ("mean bits of a weight", "bit", "mean"), "adc_bits": ("mean bits of a layer's ADC", "bit", "mean"),
               "tiles": ("tiles of the chip", "", "sum"), "summary/bops": ("bit operations per image", "", "sum")}
MOST_COLOURS = 6


class Cost(Axis):
    """A cost of every point, which is drawn like an axis."""

    def __init__(self, key, label, unit, values):
        self.key, self.tied, self.words = key, [], False
        self.meaning, self.unit = label, "" if unit in ("bit", "1", "none") else unit
        self.values = np.where(np.asarray(values, float) > 0, values, np.nan).astype(float)
        self.find_distinct()


def joined(file, name, way):
    """A per-layer array as one number per point; weights of a layer count as often as there are of them, where known."""
    values = np.asarray(file[name][()], float)
    values = np.where(values > 0, values, np.nan)
    count = next((np.asarray(file[n][()], float) for n in ("weights", "n_weights") if n in file
                  and file[n].shape in ((values.shape[1],), values.shape)), np.ones(values.shape[1]))
    if way == "sum":
        return np.nansum(values, axis=1)
    share = np.where(np.isfinite(values), count if name == "weight_bits" else 1.0, 0.0)
    return np.nansum(values * share, axis=1) / np.maximum(share.sum(axis=1), 1e-300)


def costs_of(file, result):
    """The costs that take at least three values over the points of a result."""
    n, found = len(result.mean), []
    for name, (label, unit) in COSTS.items():
        item = file.get(name)
        if getattr(item, "dtype", None) is None or item.dtype.kind not in "fiu" or item.shape[:1] != (n,) or item.ndim > 2:
            continue
        values = np.asarray(item[()], float).reshape(n, -1)
        known = np.isfinite(values)
        mean = np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        found.append(Cost(name, clean(item.attrs.get("label", "")) or label, clean(item.attrs.get("units", "")) or unit, mean))
    for name, (label, unit, way) in LAYER_COSTS.items():
        item = file.get(name)
        if getattr(item, "ndim", 0) == 2 and item.shape[0] == n and item.dtype.kind in "fiu":
            weighted = name != "weight_bits" or "weights" in file or "n_weights" in file
            found.append(Cost(name, label if weighted else "bits of weights, mean over layers", unit, joined(file, name, way)))
    return [cost for cost in found if len(cost.distinct) >= 3]


def front_of(cost, accuracy):
    """The points that no other beats in both, from the cheapest on."""
    best, front = -np.inf, []
    for point in sorted(np.flatnonzero(np.isfinite(cost) & np.isfinite(accuracy)), key=lambda p: (cost[p], -accuracy[p])):
        if accuracy[point] > best:
            front.append(point)
            best = accuracy[point]
    return np.array(front, int)


def draw_front(ax, cost, accuracy, front):
    """A step line: what accuracy a budget buys; a front of one point is no line."""
    if len(front) > 1:
        ax.step(cost[front], accuracy[front], where="post", color="black", linewidth=0.8, zorder=1.5, label="front")


def draw_points(ax, result, cost, colour):
    groups = [(0, None, np.ones(len(result.mean), bool))]
    if colour is not None:
        groups = [(i, colour.name_of(value), colour.values == value) for i, value in enumerate(colour.distinct)]
        groups.append((len(groups), f"{colour.meaning}: does not apply", ~colour.applies))
    front = front_of(cost.values, result.mean)
    for i, name, mask in groups:
        points = np.flatnonzero(mask & np.isfinite(cost.values) & np.isfinite(result.mean))
        if len(points) == 0:
            continue
        look = look_of(i)
        ax.plot(cost.values[points], result.mean[points], linestyle="none", marker=look["marker"], color=look["color"],
                markerfacecolor="white", markeredgewidth=0.7, markersize=3, label=name)
        best = np.intersect1d(points, front)
        ax.errorbar(cost.values[best], result.mean[best], yerr=halves(result, best), linestyle="none", marker=look["marker"],
                    color=look["color"], markersize=4, capsize=2, elinewidth=0.8, zorder=3)
    draw_front(ax, cost.values, result.mean, front)


def plot_pareto(file, whole, title=None):
    """A panel per cost; filled: points of the front."""
    costs = costs_of(file, whole)[:3]
    rest = [axis for axis in whole.axes if not is_seed(axis)]
    seeds = [axis for axis in whole.axes if is_seed(axis)] if rest else []
    result = whole.pooled(seeds, rest)
    if seeds:
        _, which, counts = kinds_of(rest, len(whole.mean))
        costs = [Cost(c.key, c.meaning, c.unit, np.bincount(which, np.nan_to_num(c.values)) / counts) for c in costs]
        rest = result.axes
    colour = max((a for a in rest if 1 < len(a.distinct) <= MOST_COLOURS), key=lambda a: (a.words, len(a.distinct)), default=None)
    figure, axes, width = new_figure(len(costs), free_x=True)
    for ax, cost in zip(axes, costs):
        set_scale(ax, cost)
        draw_points(ax, result, cost, colour)
        set_ticks(ax, cost)
        ax.set_xlabel(cost.label)
        ax.grid(True, **GRID)
        ax.set_axisbelow(True)
        ax.set_ylabel("accuracy (%)" if ax is axes[0] else "")
    keep_percent(axes)
    note = "Filled: the front, points that no other beats in accuracy and cost; hollow: the rest. " + \
        caption(result, "Points", "bars")
    finish(figure, result.title if title is None else title, note, width)
    return figure


def plot_allocation_pareto(file, title=None):
    """The moves of an allocator: accuracy after recovery over bits of a weight and over bit operations."""
    log = file["allocation"]
    accuracy = 100 * np.concatenate([[log.attrs.get("start_accuracy", np.nan)], np.asarray(log["accuracy_after"][()], float)])
    undone = np.concatenate([[0], log["undone"][()]]).astype(bool)
    costs = []
    for name, start, label in (("size", "start_size", "mean bits of a weight"), ("bops", "start_bops", "bit operations per image (millions)")):
        if name in log:
            costs.append(Cost(name, label, "", np.concatenate([[log.attrs.get(start, np.nan)], np.asarray(log[name][()], float)])))
    costs = [cost for cost in costs if len(cost.distinct) > 1]
    if not costs:
        raise Unusable("its allocation has neither sizes nor bit operations")
    figure, axes, width = new_figure(len(costs), free_x=True)
    for ax, cost in zip(axes, costs):
        kept = np.where(undone, np.nan, accuracy)
        front = front_of(cost.values, kept)
        ax.plot(cost.values[~undone], accuracy[~undone], linestyle="none", marker="o", markersize=3, markerfacecolor="white",
                markeredgewidth=0.7, color=look_of(0)["color"], label="a move")
        ax.plot(cost.values[front], accuracy[front], linestyle="none", marker="o", markersize=4, color=look_of(0)["color"])
        draw_front(ax, cost.values, kept, front)
        set_scale(ax, cost)
        set_ticks(ax, cost)
        ax.set_xlabel(cost.label)
        ax.set_ylabel("validation accuracy (%)" if ax is axes[0] else "")
        ax.grid(True, **GRID)
    note = "One point per move, after recovery. Filled: the front, moves that no other beats in accuracy and cost."
    finish(figure, clean(file.attrs.get("title", "")) if title is None else title, note, width)
    return figure
