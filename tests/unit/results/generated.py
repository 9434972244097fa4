"""Forty studies such as people might run, as synthetic result files in the documented layout."""
import itertools

import h5py
import numpy as np

LABELS = {"chip.noise": ("device noise", ""), "chip.time": ("time since programming", "s"),
          "chip.adc.uniform.bits": ("ADC resolution", "bit"), "chip.cell.name": ("cell", ""), "seed": ("seed", ""),
          "model": ("model", ""), "chip.cell.pcm.drift_scale": ("drift", ""), "chip.temperature": ("temperature", "K"),
          "chip.adc.calibrate": ("ADC calibration", ""), "quant.weight.bits": ("resolution of weights", "bit"),
          "chip.cell.pcm.prog_scale": ("programming error", ""), "chip.array.rows": ("array rows", ""),
          "quant.activation.bits": ("resolution of activations", "bit"), "chip.wire.resistive.r": ("wire resistance", "Ω")}
CELLS, CJK = ["pcm", "nor_flash"], "相変化メモリの雑音と精度 — 关于模拟存算一体芯片的研究"
LONG = "a very long name of a model which somebody has chosen to hold all of its settings_w4_a8_lr0.01_wd1e-4_epochs200_v2"
TIMES = [1.0, 60.0, 3600.0, 86400.0, 2592000.0, 31536000.0]


def accuracy_of(row, generator):
    noise = row.get("chip.noise", 1.0)
    value = 0.93 - 0.02 * (0 if np.isnan(noise) else noise) ** 1.5
    for key, axis in row.items():
        if isinstance(axis, str):
            value -= 0.01 * (sum(map(ord, axis)) % 5)
        elif key.endswith("bits") and np.isfinite(axis):
            value -= 0.4 * 2.0 ** (1 - axis)
        elif key == "chip.time" and np.isfinite(axis):
            value -= 0.01 * np.log10(1 + axis)
        elif key != "chip.noise" and np.isfinite(axis):
            value -= 0.002 * np.log1p(abs(axis))
    return value + 0.003 * generator.normal()


class Study:
    """A result file under construction: rows {key: value}, NaN or "" where a key does not apply."""

    def __init__(self, name, rows, chips=8, title="Accuracy of a small network on analog chips", spread=0.01, level=None):
        self.name, self.rows, self.chips, self.title, self.spread, self.level = name, rows, chips, title, spread, level
        self.labels, self.attributes, self.tied, self.grid, self.layers, self.holes = dict(LABELS), {}, [], False, 0, []
        self.one_chip = False

    def with_(self, **more):
        for key, value in more.items():
            setattr(self, key, value)
        return self

    def write(self, path):
        generator = np.random.default_rng(len(self.name) + len(self.rows))
        mean = np.array([self.level if self.level is not None else accuracy_of(row, generator) for row in self.rows])
        values = mean[:, None] + self.spread * generator.normal(size=(len(self.rows), self.chips))
        values = np.clip(values, 0, 1)
        if self.one_chip:
            values[:, 1:] = np.nan
        for point in self.holes:
            values[point] = np.nan
        with h5py.File(path, "w") as file:
            file.attrs["kind"], file.attrs["title"], file.attrs["mho_format"] = "result", self.title, 1
            file.attrs["study"] = f"title={self.title}\nrepeat={self.chips}\ndata.limit=2000\n"
            for key, value in self.attributes.items():
                file.attrs[key] = value
            file["accuracy"] = values
            file["n_chips"] = np.isfinite(values).sum(axis=1).astype("i4")
            file["point"], file["chip"] = np.arange(len(values)), np.arange(self.chips)
            file["point_key"] = np.arange(len(values)).astype("u8")
            for key in dict.fromkeys(key for row in self.rows for key in row):
                self.write_key(file, key)
            if self.layers:
                self.write_layers(file, values, generator)

    def write_key(self, file, key):
        words = any(isinstance(row.get(key), str) for row in self.rows)
        column = [row.get(key, "" if words else np.nan) for row in self.rows]
        file[key] = column if words else np.array(column, float)
        label, unit = self.labels.get(key, (None, ""))
        if label:
            file[key].attrs["label"] = label
        file[key].attrs["units"], file[key].attrs["long_name"] = unit, "a help text that must never be a label of anything"

    def write_layers(self, file, values, generator):
        shape = (*values.shape, self.layers)
        file["layer"] = [f"stage{i // 3}.conv{i}" for i in range(self.layers)]
        file["snr"] = np.where(np.isfinite(values)[:, :, None], 10 ** (2 + generator.normal(size=shape) / 5), np.nan)
        file["clip_rate"] = np.abs(generator.normal(size=shape)) * 1e-3
        bits = np.array([[row.get("quant.weight.bits", 4.0)] * self.layers for row in self.rows])
        file["weight_bits"], file["activation_bits"] = bits.astype("i4"), np.full(bits.shape, 8, "i4")
        file["adc_bits"] = np.array([[row.get("chip.adc.uniform.bits", 8.0)] * self.layers for row in self.rows])
        file["tiles"] = np.maximum(1, bits).astype("i4") * np.arange(1, self.layers + 1)


def grid(**axes):
    """Rows of a full grid; keys are given with __ for the dot."""
    keys = [key.replace("__", ".") for key in axes]
    return [dict(zip(keys, values)) for values in itertools.product(*axes.values())]


def of(keys, *values):
    return [dict(zip(keys, row)) for row in itertools.product(*values)]


def random_rows(n, with_words=False):
    generator = np.random.default_rng(7)
    rows = [{"chip.noise": 2 * generator.random(), "chip.temperature": 250 + 150 * generator.random(),
             "chip.cell.pcm.drift_scale": 0.1 + generator.random(), "chip.time": 10 ** (7 * generator.random())} for _ in range(n)]
    if with_words:
        for row in rows:
            row["chip.cell.name"] = ["pcm", "nor_flash", "rram"][generator.integers(3)]
    return rows


def numbers():
    yield Study("one_number", grid(chip__noise=[0.0, 0.5, 1.0, 2.0]))
    yield Study("two_numbers", grid(chip__noise=[0.0, 0.5, 1.0, 2.0], chip__adc__uniform__bits=[4.0, 6.0, 8.0]), spread=0.002)
    yield Study("three_numbers", grid(chip__noise=[0.0, 0.5, 1.0, 2.0], chip__adc__uniform__bits=[4.0, 6.0, 8.0],
                                      chip__temperature=[260.0, 300.0, 360.0]))
    yield Study("four_numbers", grid(chip__noise=[0.0, 0.5, 1.0, 2.0], chip__adc__uniform__bits=[4.0, 8.0],
                                     chip__temperature=[260.0, 300.0, 360.0], chip__cell__pcm__drift_scale=[0.5, 1.0, 2.0]))
    yield Study("drift_over_a_year", grid(chip__time=TIMES, chip__cell__name=CELLS)).with_(layers=6)
    yield Study("drift_beside_noise", grid(chip__noise=[0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0], chip__time=TIMES[1:5]))
    yield Study("drift_from_zero", grid(chip__time=[0.0] + TIMES))
    yield Study("two_times", grid(chip__time=[25.0, 86400.0], chip__noise=[0.0, 1.0]))
    yield Study("powers_of_two", grid(chip__array__rows=[64.0, 128.0, 256.0, 512.0, 1024.0], chip__noise=[0.5, 1.0]))
    yield Study("heat", grid(chip__noise=list(np.linspace(0, 3, 9)), chip__temperature=list(np.linspace(250, 400, 8))))
    yield Study("heat_in_panels", grid(chip__cell__name=CELLS + ["rram"], chip__noise=list(np.linspace(0, 3, 9)),
                                       chip__time=list(np.logspace(0, 7, 8))))
    yield Study("wide_range_with_zero", grid(chip__wire__resistive__r=[0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0]))
    yield Study("huge_and_tiny", [{"chip.wire.resistive.r": value} for value in (1e-12, 3e-9, 2.5e-7, 1.0, 4e8)])
    yield Study("twelve_lines", grid(chip__noise=[0.0, 0.5, 1.0, 1.5, 2.0, 3.0], model=[f"models/net_{i}.h5" for i in range(12)]))
    yield Study("twelve_values", grid(chip__noise=[round(0.05 * i, 2) for i in range(12)], chip__adc__uniform__bits=[4.0, 5.0, 6.0, 7.0, 8.0, 10.0]))
    yield Study("near_one_hundred", grid(chip__noise=[0.0, 0.5, 1.0, 2.0], chip__cell__name=CELLS), level=0.995, spread=0.02, chips=3)
    yield Study("near_zero", grid(chip__noise=[0.0, 0.5, 1.0, 2.0]), level=0.01, spread=0.02, chips=3)


def words():
    yield Study("one_word", grid(chip__cell__name=["pcm", "nor_flash", "rram", "ideal"]))
    yield Study("two_words", grid(chip__cell__name=CELLS, chip__adc__calibrate=["ideal", "chip", "state"]))
    yield Study("word_and_number", grid(chip__cell__name=["pcm", "nor_flash", "rram"], chip__noise=[0.0, 1.0, 2.0]))
    yield Study("three_words_and_two_numbers", grid(chip__cell__name=CELLS, chip__adc__calibrate=["ideal", "chip"], model=["a.h5", "b.h5"],
                                                    chip__noise=[0.0, 1.0, 2.0], chip__adc__uniform__bits=[4.0, 8.0]))
    yield Study("long_names", grid(model=[LONG + str(i) + ".h5" for i in range(3)], chip__noise=[0.0, 1.0, 2.0]),
                title="A title which " + "goes on and on " * 20)
    yield Study("long_label", grid(chip__noise=[0.0, 1.0, 2.0], chip__temperature=[250.0, 300.0])).with_(
        labels={"chip.noise": ("an extraordinarily long label that somebody wrote into the table of parameters by mistake", "arbitrary unit"),
                "chip.temperature": ("another label which is as long as the first one is, or nearly", "K")})
    yield Study("mathtext", grid(model=["a_$x^2$.h5", "b_\\frac{1}{2}_$.h5", "{c}%&#<b>.h5"], chip__noise=[0.0, 1.0]),
                title=r"$\alpha_1$ costs 5 $ and 50 % of x^2 \n & <script>")
    yield Study("cjk", grid(model=["模型甲.h5", "モデル乙.h5", "모델.h5"], chip__noise=[0.0, 1.0, 2.0]), title=CJK)
    yield Study("control_characters", grid(model=["a\tb\x1b[31m.h5", "plain.h5"], chip__noise=[0.0, 1.0]), title="two\nlines \x07 and a bell")
    yield Study("thirty_models", grid(model=[f"models/run_{i:02d}.h5" for i in range(30)]))
    yield Study("thirty_models_over_noise", grid(model=[f"models/run_{i:02d}.h5" for i in range(30)], chip__noise=[0.0, 1.0, 2.0]))


def samples_and_parts():
    ideal = [{"chip.cell.name": "ideal", "chip.adc.uniform.bits": bits, "chip.noise": np.nan} for bits in (4.0, 6.0, 8.0)]
    yield Study("quickstart", grid(chip__cell__name=CELLS, chip__adc__uniform__bits=[4.0, 6.0, 8.0], chip__noise=[0.0, 0.5, 1.0, 2.0]) + ideal)
    without = [{"chip.noise": noise, "chip.adc.uniform.bits": np.nan} for noise in (0.0, 1.0, 2.0)]
    yield Study("lines_do_not_apply", grid(chip__noise=[0.0, 1.0, 2.0], chip__adc__uniform__bits=[4.0, 8.0]) + without)
    scale = [{"chip.cell.name": "nor_flash", "chip.noise": noise} for noise in (0.0, 1.0, 2.0)]
    yield Study("panel_does_not_apply", [dict(row, **{"chip.cell.name": "pcm"}) for row in
                                         grid(chip__noise=[0.0, 1.0, 2.0], chip__cell__pcm__drift_scale=[0.5, 1.0])] + scale)
    yield Study("seeds", grid(chip__noise=[0.0, 0.5, 1.0, 2.0], seed=[1.0, 2.0, 3.0, 4.0, 5.0]))
    yield Study("two_seeds_and_models", grid(model=["plain.h5", "trained.h5"], chip__noise=[0.0, 1.0, 2.0], seed=[1.0, 2.0]))
    yield Study("only_seeds", grid(seed=[1.0, 2.0, 3.0, 4.0]))
    tied = [{"quant.weight.bits": b, "quant.activation.bits": b + 2, "chip.cell.pcm.prog_scale": n} for b in (2.0, 3.0, 4.0, 8.0) for n in (0.5, 1.0, 2.0)]
    yield Study("tied_keys", tied).with_(layers=5)
    yield Study("one_point", [{}])
    yield Study("one_chip", grid(chip__noise=[0.0, 1.0, 2.0]), chips=1)
    yield Study("nothing_random", grid(chip__adc__uniform__bits=[4.0, 6.0, 8.0])).with_(one_chip=True)
    yield Study("nan_points", grid(chip__noise=[0.0, 0.5, 1.0, 2.0], chip__cell__name=CELLS)).with_(holes=[1, 5])
    yield Study("shard", grid(chip__noise=[0.0, 0.5, 1.0, 2.0])).with_(attributes={"shard": "2/8"})
    star = [{"chip.noise": n, "chip.temperature": 300.0, "chip.cell.pcm.drift_scale": 1.0} for n in (0.0, 0.5, 1.0, 2.0)]
    star += [{"chip.noise": 1.0, "chip.temperature": t, "chip.cell.pcm.drift_scale": 1.0} for t in (260.0, 360.0)]
    star += [{"chip.noise": 1.0, "chip.temperature": 300.0, "chip.cell.pcm.drift_scale": d} for d in (0.5, 2.0)]
    yield Study("union_of_grids", star)
    yield Study("random_samples", random_rows(60))
    yield Study("random_samples_of_cells", random_rows(90, True))
    yield Study("no_labels", grid(chip__cell__pcm__t_read=[1e-7, 1e-6, 1e-5], train__noise__weight=[0.0, 0.3])).with_(labels={})
    yield Study("many_layers", grid(chip__cell__name=CELLS, chip__noise=[0.5, 1.0, 2.0])).with_(layers=24)
    yield Study("many_panels", grid(chip__noise=[0.0, 1.0], chip__adc__uniform__bits=[4.0, 6.0, 8.0], chip__cell__name=CELLS,
                                    chip__temperature=[250.0, 300.0, 350.0], model=["a.h5", "b.h5", "c.h5"]))


def studies():
    return [*numbers(), *words(), *samples_and_parts()]
