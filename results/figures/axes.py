"""The axes of figures: swept parameters of a result, with names, units and values in words."""
import re

import h5py
import numpy as np

# Names of keys in files that are older than the attribute `label`; other keys take the last part of their name.
OLD_LABELS = {"chip.noise": "device noise", "chip.time": "time since programming", "chip.temperature": "temperature",
              "chip.adc.uniform.bits": "ADC resolution", "chip.cell.name": "cell",
              "train.noise.weight": "weight noise in training", "train.noise.activation": "activation noise in training",
              "train.noise.sum": "noise of sums in training", "noise.weight": "noise on weights",
              "noise.activation": "noise on activations", "noise.sum": "noise on sums",
              "quant.weight.bits": "weight bits", "quant.activation.bits": "activation bits"}
# Numbers of a legend or of a panel's title that read better than "label value unit".
VALUES = {"chip.noise": "noise × {}", "chip.time": "after {}", "train.noise.weight": "trained with {} weight noise",
          "train.noise.activation": "trained with {} activation noise", "train.noise.sum": "trained with {} noise of sums"}
TRAINING_NOISE = [key for key in VALUES if key.startswith("train.noise.")]
WORDS = {"pcm": "PCM", "nor_flash": "NOR flash", "ideal": "ideal cell", "rram": "RRAM", "sonos": "SONOS"}
# Words with another meaning under this key.
WORDS_OF = {"noise.draw": {"chip": "weight noise fixed per chip", "image": "weight noise new for every image"}}
PARTS = {"adc": "ADC", "dac": "DAC", "wire": "wires"}
BITS_OF = {"adc": "ADC", "dac": "DAC", "weight": "weights", "activation": "activations"}
# Arrays over the points that are results, not swept keys; swept keys have a dot, but for these two.
RESULTS = {"point", "chip", "layer", "n_chips", "point_key", "accuracy", "condition", "accuracy_integer", "accuracy_float"}
KEYS_WITHOUT_DOT = {"seed", "model", "repeat"}
NO_UNIT = ("1", "none", "words")
MOST_TIED = 12  # different values beyond which equal patterns of values may be random samples
# Times in legends and on axes take the largest unit of which there is at least 0.99.
YEAR, MONTH, DAY, HOUR, MINUTE = 31536000.0, 2592000.0, 86400.0, 3600.0, 60.0
DURATIONS = [(YEAR, "year", "years"), (DAY, "day", "days"), (HOUR, "h", "h"), (MINUTE, "min", "min"),
             (1.0, "s", "s"), (1e-3, "ms", "ms"), (1e-6, "µs", "µs"), (1e-9, "ns", "ns")]
POWERS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻" + POWERS)


class Unusable(Exception):
    """The file has nothing that can be drawn, or an option does not fit it; the message is one line for the user."""


class Axis:
    """A swept parameter over the points: values (numbers, or words as str), unit, and the sorted distinct values. Where it
    does not apply, a number is NaN and a word is "". `tied`: other axes that always move together with this one."""

    def __init__(self, key, dataset):
        values = dataset[()]
        self.key, self.tied = key, []
        self.words = values.dtype.kind in "OSU"
        self.unit = clean(dataset.attrs.get("units", ""))
        self.unit = "" if self.unit in NO_UNIT else self.unit
        self.given = clean(dataset.attrs.get("label", ""))
        self.meaning = self.given or OLD_LABELS.get(key) or key.split(".")[-1].replace("_", " ")
        self.values = np.array([clean(v) for v in values], dtype=str) if self.words else values.astype(float)
        self.find_distinct()

    def find_distinct(self):
        self.applies = self.values != "" if self.words else np.isfinite(self.values)
        distinct = self.values[self.applies]
        self.distinct = list(dict.fromkeys(distinct)) if self.words else list(np.unique(distinct))

    def at(self, points):
        """The same axis over some of the points."""
        part = object.__new__(type(self))
        vars(part).update(vars(self))
        part.values = self.values[points]
        part.find_distinct()
        part.distinct = [value for value in self.distinct if value in set(part.distinct)]
        part.tied = [axis.at(points) for axis in self.tied]
        return part

    @property
    def label(self):
        said = not self.unit or (self.unit == "bit" and "bits" in self.meaning.split())
        return self.meaning if said else f"{self.meaning} ({self.unit})"

    def value(self, value):
        """A value with its unit: 4 bit, 1 day, PCM."""
        if self.words:
            return self.word(value)
        if self.unit == "s":
            return duration(value)
        return number(value) + (f" {self.unit}" if self.unit else "")

    def word(self, value):
        if value in WORDS_OF.get(self.key, {}):
            return WORDS_OF[self.key][value]
        if self.key == "model":
            return re.sub(r"\.h5$", "", value.split("/")[-1])
        if self.key == "chip.cell.name":
            return WORDS.get(value, value.replace("_", " "))
        return value.replace("_", " ")

    def alone(self, value):
        """A value with the name of its key, for a legend or the title of a panel."""
        steps = self.key.split(".")
        if self.words:
            word = self.word(value)
            if self.key in ("model", "chip.cell.name") or self.key in WORDS_OF:
                return word
            if self.key.endswith(".name") and steps[0] == "chip" and steps[1] in PARTS:
                return f"{word} {PARTS[steps[1]]}"
            return f"{self.meaning}: {word}"
        if self.key.endswith(".bits") and len(steps) > 1 and steps[1] in BITS_OF:
            return f"{number(value)}-bit {BITS_OF[steps[1]]}"
        if self.key in TRAINING_NOISE and value == 0:
            return "plain training"
        if self.key in VALUES:
            return VALUES[self.key].format(self.value(value))
        return f"{self.meaning} {self.value(value)}"

    @property
    def has_own_words(self):
        """Whether a value alone says what it is: PCM, 4-bit ADC, after 1 day."""
        return self.key in VALUES or self.key in ("model", "chip.cell.name") or self.key in WORDS_OF or \
            self.alone(self.distinct[0]).endswith(tuple(BITS_OF.values()))

    def name_of(self, value):
        """The same with the values of the keys that move together with it, while these are few and short."""
        names = [self.alone(value)]
        if self.tied and len(self.tied) <= 2:
            point = np.flatnonzero(self.values == value)[:1]
            names += [axis.alone(axis.values[i]) for axis in self.tied for i in point if axis.applies[i]]
        return ", ".join(names) if sum(map(len, names)) <= 48 else names[0]


def number(value):
    """At most six digits; powers of ten as such: 0.25, 65536, 10⁶, 2.5×10⁻⁷."""
    if not np.isfinite(value) or value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{value:.6g}".replace("-", "−")
    digits, power = f"{value:.5e}".split("e")
    digits = digits.rstrip("0").rstrip(".").replace("-", "−")
    power = "10" + str(int(power)).translate(SUPERSCRIPTS)
    return {"1": power, "−1": "−" + power}.get(digits, f"{digits}×{power}")


def powers(values):
    """Labels of marks on a logarithmic axis, all in one form: 1, 10, 100, or 10⁴, 10⁵, 10⁶ where one of them needs a power."""
    labels = [number(value) for value in values]
    tens = [value == 0 or value > 0 and abs(np.log10(value) - round(np.log10(value))) < 1e-9 for value in values]
    if not all(tens) or not any(label[-1] in POWERS for label in labels):
        return labels
    return ["0" if value == 0 else "10" + str(round(np.log10(value))).translate(SUPERSCRIPTS) for value in values]


def duration(seconds):
    """86400 is 1 day, 2.6e6 is 30 days, 2.5e-7 is 250 ns."""
    for size, one, several in DURATIONS:
        if seconds >= 0.99 * size:
            count = seconds / size
            whole = abs(count - round(count)) < 0.005 * count  # 3.15e7 s are meant to be a year
            words = f"{round(count)}" if whole and count < 1e6 else number(float(f"{count:.{3 if count < 1000 else 6}g}"))
            return f"{words} {one if words == '1' else several}"
    return f"{number(seconds)} s"


def text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def clean(value):
    """Text of a file on one line: control characters and runs of blanks become a blank."""
    words = "".join(c if c.isprintable() else " " for c in text(value))
    return " ".join(words.split())


def is_swept(item, key, n_points):
    """Whether an array of the root is a swept key: it has a label, or the name of a key."""
    if not isinstance(item, h5py.Dataset) or item.shape != (n_points,) or key in RESULTS:
        return False
    return "." in key or key in KEYS_WITHOUT_DOT or "label" in item.attrs


def axes_of(group, keys):
    """The axes of these keys; where two have the same name, the part of the key before its last tells them apart."""
    axes = [Axis(key, group[key]) for key in keys]
    names = [axis.meaning for axis in axes]
    for axis in axes:
        if names.count(axis.meaning) > 1:
            steps = [PARTS.get(step, step.replace("_", " ")) for step in axis.key.split(".")]
            axis.meaning = f"{axis.meaning}, {' '.join(steps[:-1] if len(steps) < 3 else steps[1:-1])}"
    return axes


def same_places(axis):
    """Which points have equal values, as a tuple that is the same for every axis that moves with this one."""
    if len(axis.distinct) < 2:
        return tuple(axis.applies)
    first = {}
    return tuple(first.setdefault(value if value == value else "", len(first)) for value in axis.values.tolist())


def independent(axes):
    """The axes that vary; of keys that always move together one, a number before a word, with the others as `tied`."""
    axes = [axis for axis in axes if len(axis.distinct) > 1 or (axis.distinct and not axis.applies.all())]
    kept = {}
    for axis in sorted(axes, key=lambda axis: (axis.words, len(axis.key))):
        leads = kept.setdefault(same_places(axis), [])
        lead = next((other for other in leads if move_together(other, axis)), None)
        if lead is None:
            leads.append(axis)
        else:
            lead.tied.append(axis)
    return [axis for axis in axes if any(axis is lead for leads in kept.values() for lead in leads)]


def move_together(a, b):
    """Of axes with equal values at the same points: whether that is more than the chance of random samples, in which every
    point has values of its own. Such numbers must rise or fall together."""
    if a.words or b.words or len(a.distinct) <= MOST_TIED:
        return True
    steps = np.diff(b.values[a.applies][np.argsort(a.values[a.applies], kind="stable")])
    return bool((steps >= 0).all() or (steps <= 0).all())


def is_log(values):
    """Positive ranges over a factor of 30 or more (times, scales) take a logarithmic scale; a range with 0 cannot."""
    values = [v for v in values if np.isfinite(v)]
    return len(values) > 2 and min(values) > 0 and max(values) / min(values) >= 30


def are_powers_of_two(values):
    values = [v for v in values if np.isfinite(v)]
    return len(values) > 2 and min(values) > 0 and all(np.frexp(v)[0] == 0.5 for v in values)


def is_even_in_log(values):
    """Whether many positive values lie more evenly on a logarithmic scale than on a linear one."""
    at = np.sort(np.asarray(values, float))
    logs = np.log(at)
    return abs((np.median(logs) - logs[0]) / (logs[-1] - logs[0]) - 0.5) < abs((np.median(at) - at[0]) / (at[-1] - at[0]) - 0.5)


def scale_of(axis):
    """linear; log (base 10); log2 for powers of two; symlog for a logarithmic range that also has the value 0."""
    values = axis.distinct
    if are_powers_of_two(values):
        return "log2"
    rest = [v for v in values if v != 0]
    wide = is_log(rest) or (axis.unit == "s" and len(rest) > 1 and min(rest) > 0 and max(rest) / min(rest) >= 30)
    if not wide or (len(rest) > MOST_TIED and not is_even_in_log(rest)):
        return "linear"
    return "log" if len(rest) == len(values) else "symlog"
