"""The axes of figures: swept parameters of a result, with names, units and values in words."""
import re

import h5py
import numpy as np

# Labels of axes, and of their values in a legend; other keys take the help text of their parameter.
LABELS = {"chip.noise": "noise, multiples of the cell model's level", "chip.time": "time since programming",
          "chip.temperature": "temperature", "train.noise.weight": "weight noise in training",
          "train.noise.activation": "activation noise in training", "train.noise.sum": "noise of sums in training",
          "noise.weight": "noise on weights", "noise.activation": "noise on activations", "noise.sum": "noise on sums",
          "quant.weight.bits": "bits of weights", "quant.activation.bits": "bits of activations",
          "chip.adc.uniform.bits": "bits of the ADC"}
VALUES = {"chip.noise": "noise × {}", "chip.time": "after {}", "train.noise.weight": "trained with {} weight noise",
          "train.noise.activation": "trained with {} activation noise", "train.noise.sum": "trained with {} noise of sums"}
WORDS = {"pcm": "PCM", "nor_flash": "NOR flash", "ideal": "ideal cell", "rram": "RRAM", "sonos": "SONOS"}
# Words with another meaning under this key.
WORDS_OF = {"noise.draw": {"chip": "weight noise fixed per chip", "image": "weight noise new for every image"}}
TRAINING_NOISE = [key for key in LABELS if key.startswith("train.noise.")]
PARTS = {"adc": "ADC", "dac": "DAC", "cell": "cell", "wire": "wire"}
# Times in legends and on axes take the largest unit of which there is at least 0.99.
DURATIONS = [(31536000.0, "year", "years"), (86400.0, "day", "days"), (3600.0, "h", "h"), (60.0, "min", "min"),
             (1.0, "s", "s"), (1e-3, "ms", "ms"), (1e-6, "µs", "µs"), (1e-9, "ns", "ns")]


class Unusable(Exception):
    """The file has nothing that can be drawn; the message is one line for the user."""


class Axis:
    """A swept parameter over the points: values (numbers, or words as str), unit, and the sorted distinct values."""

    def __init__(self, key, dataset):
        values = dataset[()]
        self.key = key
        self.words = values.dtype.kind in "OSU"
        self.unit = text(dataset.attrs.get("units", ""))
        self.help = re.split("[,;:.`(]", text(dataset.attrs.get("long_name", "")))[0].strip()
        self.values = np.array([text(v) for v in values]) if self.words else values.astype(float)
        applies = self.values != "" if self.words else np.isfinite(self.values)
        self.applies = applies
        distinct = self.values[applies]
        self.distinct = list(dict.fromkeys(distinct)) if self.words else list(np.unique(distinct))

    @property
    def label(self):
        return self.meaning + (f" ({self.unit})" if self.unit not in ("", "1", "bit") else "")

    @property
    def short(self):
        return self.meaning.split(",")[0]

    @property
    def meaning(self):
        """A few words: a label from above, the part of the chip and a short help text, or the key itself."""
        if self.key in LABELS:
            return LABELS[self.key]
        steps = self.key.split(".")
        part = PARTS.get(steps[1], "") if steps[0] == "chip" else ""
        words = self.help if 0 < len(self.help) <= 32 else " ".join(steps[2 if part else 1:]).replace("_", " ")
        return f"{part} {words}".strip()

    def name_of(self, value):
        if value in WORDS_OF.get(self.key, {}):
            return WORDS_OF[self.key][value]
        if self.words:
            word = WORDS.get(value, value.replace("_", " "))
            return word if self.key.endswith(".name") else f"{self.key.split('.')[-1].replace('_', ' ')} {word}"
        if self.key.endswith(".bits"):
            return f"{value:g}-bit " + {"adc": "ADC", "dac": "DAC", "weight": "weights", "activation": "activations"}.get(
                self.key.split(".")[1], "codes")
        if self.key in TRAINING_NOISE and value == 0:
            return "plain training"
        number = f"{value:g}" + (f" {self.unit}" if self.unit not in ("", "1") else "")
        if self.unit == "s":
            number = duration(value)
        return VALUES[self.key].format(number) if self.key in VALUES else f"{self.meaning} {number}"


def duration(seconds):
    """86400 is 1 day, 2.6e6 is 30 days, 2.5e-7 is 250 ns."""
    for size, one, several in DURATIONS:
        if seconds >= 0.99 * size:
            count = seconds / size
            whole = abs(count - round(count)) < 0.005 * count  # 3.15e7 s are meant to be a year
            number = f"{round(count) if whole else count:.{3 if count < 1000 else 6}g}"
            return f"{number} {one if number == '1' else several}"
    return f"{seconds:g} s"


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def is_swept(item, key, n_points):
    return isinstance(item, h5py.Dataset) and "." in key and item.shape == (n_points,)


def is_log(values):
    """Positive ranges over a factor of 30 or more (times, scales) take a logarithmic scale; a range with 0 cannot."""
    values = [v for v in values if np.isfinite(v)]
    return len(values) > 2 and min(values) > 0 and max(values) / min(values) >= 30
