"""What a result file says: mean and interval of the accuracy at every point, the swept axes, and what ran, in words."""
import copy
import re

import numpy as np

from figures.axes import Unusable, axes_of, clean, independent, is_swept, text
from figures.roles import kinds_of

# Two-sided 95 % Student quantiles for 1 to 30 degrees of freedom (table of any textbook).
STUDENT = [12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.306, 2.26216, 2.22814, 2.20099, 2.17881, 2.16037,
           2.14479, 2.13145, 2.11991, 2.10982, 2.10092, 2.09302, 2.08596, 2.07961, 2.07387, 2.06866, 2.0639, 2.05954, 2.05553,
           2.05183, 2.04841, 2.04523, 2.04227]
FEW_SAMPLES = 3  # fewer are shown by their range


def student_quantile(freedom):
    """From the table, and beyond it the first terms of the expansion around the normal quantile (4 digits)."""
    freedom = np.maximum(np.asarray(freedom, float), 1)
    z = 1.959964
    tail = z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
    return np.where(freedom <= 30, np.array(STUDENT)[np.minimum(freedom, 30).astype(int) - 1], tail)


def bounded_interval(mean, half):
    """Ends within 0..1 from a mean and Student's half width, each on a log scale of the distance to its own bound, as
    mho_accuracy_interval computes them."""
    inside = (half > 0) & (mean > 0) & (mean < 1)
    m, h = np.where(inside, mean, 0.5), np.where(inside, half, 0.0)
    return np.where(inside, m * np.exp(-h / m), mean - half), np.where(inside, 1 - (1 - m) * np.exp(-h / (1 - m)), mean + half)


def statistics(values):
    """(rows, samples) accuracies, NaN where there is none: mean, ends of its 95 % interval (NaN for one sample), count."""
    known = np.isfinite(values)
    n = known.sum(axis=1)
    mean = np.where(n > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(n, 1), np.nan)
    spread = np.where(known, values - mean[:, None], 0.0)
    error = np.sqrt((spread ** 2).sum(axis=1) / np.maximum(n - 1, 1) / np.maximum(n, 1))
    half = np.where(n > 1, student_quantile(n - 1) * error, np.nan)
    low, high = bounded_interval(mean, half)
    return mean, low, high, n


def stated_interval(file, low, high, n):
    """The interval that the file states where its confidence is not 95 %: points that stopped early share their error among
    several looks."""
    ends = [file.get(f"summary/accuracy_{end}") for end in ("low", "high")]
    stated = float(ends[0].attrs.get("confidence", 0.95)) if ends[0] is not None else 0.95
    if abs(stated - 0.95) < 1e-9 or any(end is None or end.shape != low.shape for end in ends):
        return low, high, 0.95
    return *(np.where(n > 1, end[()], np.nan) for end in ends), stated


class Result:
    """Mean and interval of the accuracy at every point, in percent, and the swept axes. `samples`: of how many chips, or
    networks of other seeds, a mean is; `spread`: what low and high are, in words."""

    def __init__(self, file):
        accuracy = file["accuracy"]
        if accuracy.ndim not in (1, 2) or accuracy.size == 0 or accuracy.dtype.kind not in "fiu":
            raise Unusable("/accuracy is not an array over point and chip")
        self.values = np.asarray(accuracy[()], float).reshape(len(accuracy), -1)
        mean, low, high, self.n_chips = statistics(self.values)
        low, high, self.confidence = stated_interval(file, low, high, self.n_chips)
        if not np.isfinite(mean).any():
            raise Unusable("/accuracy has no finite value: no trial of this file is finished")
        self.mean, self.low, self.high = 100 * mean, 100 * low, 100 * high
        self.title = clean(file.attrs.get("title", ""))
        keys = [key for key in file if is_swept(file[key], key, len(mean))]
        self.axes = independent(axes_of(file, keys))
        self.facts = facts_of(file)
        self.counts = self.n_chips
        self.seeds, self.is_range = [], False

    def pooled(self, samples, rest):
        """The same with the points that differ in `samples` (seeds) only averaged: each seed, the mean of its chips, is one
        sample. rest: all other axes."""
        if not samples:
            return self
        out = copy.copy(self)
        _, which, counts = kinds_of(rest, len(self.mean))
        order = np.argsort(which, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        column = np.arange(len(order)) - np.repeat(starts, counts)
        table = np.full((len(counts), counts.max()), np.nan)
        table[which[order], column] = self.mean[order] / 100
        mean, low, high, n = statistics(table)
        few = n < FEW_SAMPLES
        filled = np.where(np.isfinite(table), table, np.nan)
        with np.errstate(all="ignore"):
            lowest, highest = np.fmin.reduce(filled, axis=1), np.fmax.reduce(filled, axis=1)
        out.mean, out.counts, out.confidence = 100 * mean, n, 0.95
        out.low = 100 * np.where(few, np.where(n > 1, lowest, np.nan), low)
        out.high = 100 * np.where(few, np.where(n > 1, highest, np.nan), high)
        first = order[starts]
        out.n_chips = np.array([self.n_chips[order[s:s + c]].max() for s, c in zip(starts, counts)])
        out.axes = [axis.at(first) for axis in rest]
        out.seeds, out.is_range = [axis.at(order) for axis in samples], bool((few & (n > 1)).all() or n.max() < FEW_SAMPLES)
        out.seed_values = table
        return out

    def count(self):
        """What a mean is over, in words; "" where every point has one sample."""
        finite = np.isfinite(self.mean)
        chips, n = self.n_chips[finite], self.counts[finite]
        several = chips if self.facts["partial"] and chips.max() > 1 else chips[chips > 1]
        words = between(several) + " simulated chips" if len(several) else ""
        if len(several) and len(several) < len(chips):
            words += " (1 chip where nothing is random)"
        if self.seeds:
            seeds = n[n > 1]
            if len(seeds) == 0:
                return words
            return between(seeds) + " seeds (one network each)" + (f", each over {words}" if words else "")
        return words


def between(counts):
    return f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"


def grids_of(file):
    """[{key: value}] of every grid of a study with several, the lines that follow its line `sweep=N`; [] where it has one."""
    grids = []
    for line in text(file.attrs.get("study", "")).split("\n"):
        key, equals, value = line.partition("=")
        if key.strip() == "sweep" and equals:
            grids.append({})
        elif equals and key.strip() and grids:
            grids[-1][key.strip()] = value.strip()
    return grids


def settings_of(file):
    """{key: value} of the study, every key where the file has them all."""
    found = {}
    for place in (file.attrs.get("study", ""), file.get("provenance", file).attrs.get("settings", "")):
        for line in text(place).split("\n"):
            key, equals, value = line.partition("=")
            if equals and key.strip() and key.strip() != "sweep":
                found[key.strip()] = value.strip()
    return found


def is_sampled(file):
    """Whether the points are random samples of the keys: the study asks for a number of them."""
    places = (file.attrs.get("study", ""), file.get("provenance", file).attrs.get("settings", ""))
    return any(int(n) > 0 for place in places for n in re.findall(r"^sample\.n\s*=\s*(\d+)\s*$", text(place), flags=re.M))


def facts_of(file):
    """What ran, in sentences: shard, images, points without a result."""
    sentences, settings = [], settings_of(file)
    shard = re.fullmatch(r"\s*(\d+)\s*(?:/|-of-|of)\s*(\d+)\s*", text(file.attrs.get("shard", "")))
    if shard and int(shard[2]) > 1:
        sentences.append(f"Shard {int(shard[1])} of {int(shard[2])}: not the whole study.")
    partial = text(file.attrs.get("shard", "")).strip() == "partial"
    lacking = clean(file.attrs.get("missing", ""))
    lacking = int(lacking) if lacking.isdecimal() else 0
    if partial:
        count = "trials are missing" if lacking < 1 else f"{lacking} {'trial is' if lacking == 1 else 'trials are'} missing"
        sentences.append(f"Partial: {count}.")
    limit = settings.get("data.limit", "")
    if limit.isdigit() and int(limit) > 0:
        sentences.append(f"First {int(limit)} images of the test set." if settings.get("data.split", "test") == "test" else
                         f"First {int(limit)} images.")
    missing = np.count_nonzero(~np.isfinite(np.asarray(file["accuracy"][()], float)).reshape(len(file["accuracy"]), -1).any(axis=1))
    if missing:
        sentences.append(f"{missing} of {len(file['accuracy'])} points have no result yet.")
    repeat = settings.get("repeat", "")
    return {"sentences": sentences, "partial": count if partial else "", "sampled": is_sampled(file), "repeat": int(repeat) if repeat.isdigit() else 0}


def one_sample(result):
    """The sentence for a figure without intervals."""
    finite = np.isfinite(result.mean)
    one = "One chip at every point" if finite.sum() > 1 else "One chip"
    if result.values.shape[1] > 1 and (result.n_chips[finite] == 1).all() or result.facts["repeat"] > 1:
        return f"{one} so far." if result.facts["partial"] else f"{one}: nothing is random."
    return f"{one}, so no interval is known."


def caption(result, marks, ends, roles=None, dashed=""):
    """What is drawn and what ran. marks: Lines, Points, Cells; ends: bands, bars, thin lines or "" (no intervals drawn)."""
    count = result.count()
    if not count:
        words = one_sample(result)
    else:
        words = f"{marks}: mean over {count}"
        if ends and np.isfinite(result.low).any():
            words += f"; {ends}: lowest to highest seed" if result.is_range else \
                f"; {ends}: {100 * result.confidence:.3g} % Student interval of that mean, bounded by 0 and 100 %"
        words += "."
    if dashed:
        words += f" Dashed: where {dashed} does not apply."
    for axis in result.axes if roles is None else [a for a in [roles.x, roles.lines] + roles.panels if a is not None]:
        if axis.tied:
            others = [tied.meaning for tied in axis.tied]
            words += f" With {axis.meaning} {'moves' if len(others) == 1 else 'move'} {in_words(others)}."
    return " ".join([words] + result.facts["sentences"])


def in_words(names, most=4):
    names = names if len(names) <= most else names[:most - 1] + [f"{len(names) - most + 1} more keys"]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
