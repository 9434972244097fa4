"""Errors and bits of every layer: signal-to-noise ratio, clipped conversions, and bits of weights, activations and converters."""
import numpy as np

from figures.axes import Unusable, clean
from figures.drawing import COLUMN, GRID, MARKERS, choose_ticks, finish, look_of, number, plt
from figures.layout import cut
from figures.roles import is_seed

MOST_SERIES = 6
BITS = (("weight_bits", "weights"), ("activation_bits", "activations"), ("adc_bits", "ADC"))


def has_layers(file, result):
    """Whether the file says something about the layers of the points that would be drawn."""
    names = ["snr", "clip_rate"] + [name for name, _ in BITS]
    if not any(getattr(file.get(name), "size", 0) for name in names):
        return False
    series, _ = series_of(result)
    return bool(parts_of(file, series) or bits_of(file, series))


def middle(values):
    return values[len(values) // 2]


def series_of(result):
    """([(name, points)], the fixed values in words): a series per value of one axis; the others stay at a middle value."""
    known = np.isfinite(result.mean)
    axes = [axis for axis in result.axes if not is_seed(axis)]
    if not axes:
        return [("", np.flatnonzero(known))], ""
    words = [axis for axis in axes if axis.words]
    lead = min(words or axes, key=lambda axis: (len(axis.distinct) > MOST_SERIES, -len(axis.distinct)))
    mask, fixed = known.copy(), []
    for axis in axes:
        here = [value for value in axis.distinct if (mask & (axis.values == value)).any()]
        if axis is lead or not here:
            continue
        reach = [len(set(lead.values[mask & (axis.values == value)].tolist())) for value in here]
        value = middle([v for v, n in zip(here, reach) if n == max(reach)])
        mask &= (axis.values == value) | ~axis.applies
        fixed.append(axis.name_of(value))
    values = [value for value in lead.distinct if (mask & (lead.values == value)).any()]
    if len(values) > MOST_SERIES:
        values = [values[i] for i in np.unique(np.linspace(0, len(values) - 1, MOST_SERIES).round().astype(int))]
    return [(lead.name_of(value), np.flatnonzero(mask & (lead.values == value))) for value in values], ", ".join(fixed)


def decibels(snr):
    """(…, layers) power ratios: the ratio of the mean noise power, in dB; NaN without a value, inf without noise."""
    rows = snr.reshape(-1, snr.shape[-1])
    with np.errstate(all="ignore"):
        noise = np.where(np.isnan(rows), np.nan, 1 / rows)
        n = np.isfinite(noise).sum(axis=0)
        return np.where(n > 0, -10 * np.log10(np.nansum(np.where(np.isfinite(noise), noise, np.nan), axis=0) / np.maximum(n, 1)), np.nan)


def mean_of(values):
    rows = values.reshape(-1, values.shape[-1]).astype(float)
    n = np.isfinite(rows).sum(axis=0)
    return np.where(n > 0, np.where(np.isfinite(rows), rows, 0).sum(axis=0) / np.maximum(n, 1), np.nan)


def parts_of(file, series):
    """[(label, [values over layers of every series])] of the panels with bars."""
    parts = []
    for name, label, of in (("snr", "signal-to-noise ratio (dB)", decibels), ("clip_rate", "clipped conversions (%)",
                                                                              lambda part: 100 * mean_of(part))):
        item = file.get(name)
        if getattr(item, "ndim", 0) == 3 and item.size:
            values = [of(item[points]) for _, points in series]
            if any((np.isfinite(v) & (v != 0)).any() for v in values):  # nothing clipped anywhere is no figure
                parts.append((label, values))
    return parts


def bits_of(file, series):
    """[(kind, [bits over layers of every series])]."""
    kinds = []
    for name, kind in BITS:
        item = file.get(name)
        if getattr(item, "ndim", 0) == 2 and item.size:
            values = [mean_of(item[points]) for _, points in series]
            values = [np.where(v > 0, v, np.nan) for v in values]
            if any(np.isfinite(v).any() for v in values):
                kinds.append((kind, values))
    return kinds


def draw_bars(ax, values, n_layers):
    height = 0.8 / len(values)
    for k, series in enumerate(values):
        at = np.arange(n_layers) + height * (k - (len(values) - 1) / 2)
        finite = np.isfinite(series)
        ax.barh(at[finite], series[finite], height=0.92 * height, color=look_of(k)["color"], linewidth=0)


def draw_bits(ax, kinds, n_layers, handles):
    """Markers of a kind each; coloured by series where these differ, else black."""
    for which, (kind, values) in enumerate(kinds):
        same = all(np.array_equal(v, values[0], equal_nan=True) for v in values)
        for k, series in enumerate(values[:1] if same else values):
            at = np.arange(n_layers) + 0.24 * (which - (len(kinds) - 1) / 2)
            line, = ax.plot(series, at, linestyle="none", marker=MARKERS[which], markersize=3,
                            color="#333333" if same else look_of(k)["color"], alpha=0.9)
            if k == 0:
                handles[f"bits of {kind}"] = ax.plot([], [], linestyle="none", marker=MARKERS[which], markersize=3, color="#333333")[0]
    every = np.concatenate([v for _, values in kinds for v in values])
    top = np.nanmax(every)
    ax.set_xlim(0, top * 1.12)
    ax.set_xlabel("bits")


def plot_layers(file, result, title=None):
    series, fixed = series_of(result)
    parts, kinds = parts_of(file, series), bits_of(file, series)
    if not parts and not kinds:
        raise Unusable("its layers have neither errors nor bits")
    n_layers = len((parts[0][1] if parts else kinds[0][1])[0])
    names = [clean(name) for name in file["layer"][()]] if "layer" in file else []
    names = names if len(names) == n_layers else [str(i + 1) for i in range(n_layers)]
    n = len(parts) + bool(kinds)
    row = max(0.15, 0.055 * len(series) + 0.06)
    figure, axes = plt.subplots(1, n, figsize=(COLUMN * (2 if n > 1 else 1), 0.45 + row * n_layers), sharey=True, squeeze=False)
    handles = {}
    for ax, (label, values) in zip(axes[0], parts):
        draw_bars(ax, values, n_layers)
        ax.set_xlabel(label)
    if kinds:
        draw_bits(axes[0][-1], kinds, n_layers, handles)
    for ax in axes[0]:
        ax.grid(True, axis="x", **GRID)
        ax.set_axisbelow(True)
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(plt.MaxNLocator(4, integer=bool(kinds) and ax is axes[0][-1]))
        ax.xaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: number(round(value, 9))))
    axes[0][0].set_yticks(range(n_layers), [cut(name, 7, 1.3) for name in names])
    axes[0][0].set_ylim(n_layers - 0.45, -0.55)
    swatches = {name: plt.Rectangle((0, 0), 1, 1, color=look_of(k)["color"]) for k, (name, _) in enumerate(series) if name}
    measured = " Ratios: power of a layer's sums over that of their error, averaged over chips." if parts else ""
    note = "Layers in the order of the network." + measured + (f" Other keys: {fixed}." if fixed else "") + \
        " No bar: no error, or not measured." + "".join(" " + fact for fact in result.facts["sentences"])
    finish(figure, result.title if title is None else title, note, COLUMN * (2 if n > 1 else 1), entries={**swatches, **handles})
    return figure
