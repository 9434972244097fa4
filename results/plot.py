#!/usr/bin/env python3
"""Figures of mho: accuracy over the swept axes of a result file, or the learning curves of a model file.

plot.py FILE.h5 [--output STEM] writes STEM.svg, STEM.png and STEM.pdf (default: beside FILE), and replaces only figures that it
drew itself. Figures are chosen from the axes: one numeric axis gives curves with 95 % intervals, two give a curve per value of
the shorter one, or a heat map when both have more than six values; other axes become panels, seeds are averaged; points without
the axis become dashed reference lines. --x, --lines and --panels choose otherwise. STEM_drift is accuracy over time,
STEM_layers the errors and bits of the layers, STEM_pareto accuracy over what it costs; an experiment that compares variants
gives STEM_difference, allocated bits give STEM_allocation (model) or STEM_trajectories (result).
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True  # the folder may be shared, or not be writable
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures.packages import require  # noqa: E402 (the folder comes first)

require("plot")
import h5py  # noqa: E402

from figures import axes, drawing, results, trajectories  # noqa: E402, F401 (for tests)
from figures.collection import figures_of  # noqa: E402
from figures.comparisons import plot_difference, plot_table  # noqa: E402, F401 (for tests)
from figures.curves import plot_result  # noqa: E402, F401 (for tests)
from figures.models import plot_history  # noqa: E402, F401 (for tests)
from figures.roles import Wishes  # noqa: E402
from figures.saving import FORMATS, explain, names, refuse_to_replace, save  # noqa: E402
from figures.trajectories import plot_allocation, plot_trajectories  # noqa: E402, F401 (for tests)


def formats(words):
    """svg,pdf as a list; the empty word and unknown words are refused."""
    chosen = list(dict.fromkeys(word.strip().lower() for word in words.split(",")))
    wrong = [word for word in chosen if word not in FORMATS]
    if wrong:
        raise argparse.ArgumentTypeError(f"unknown format '{wrong[0]}'; give some of {','.join(FORMATS)}")
    return chosen


def stem_of(output):
    """STEM, also of a name that ends in a format: figure.png is figure."""
    stem, dot, suffix = output.rpartition(".")
    return stem if dot and suffix.lower() in FORMATS and os.path.basename(stem) else output


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"plot: {message}\n")


def parser():
    out = Parser(prog="plot.py", description=__doc__.splitlines()[0])
    out.add_argument("file", help="result or model file of mho (HDF5)")
    out.add_argument("--output", metavar="STEM", help="write STEM.svg, ... (default: FILE without .h5)")
    out.add_argument("--x", metavar="KEY", help="the swept key along x")
    out.add_argument("--lines", metavar="KEY", help="the swept key with a line per value")
    out.add_argument("--panels", metavar="KEY[,KEY]", help="the swept keys with a panel per value")
    out.add_argument("--title", metavar="TEXT", help="the title (default: that of the file)")
    out.add_argument("--format", metavar="LIST", type=formats, default=list(FORMATS), help="some of pdf,svg,png")
    return out


def main():
    options = parser().parse_args()
    stem = stem_of(options.output) if options.output else os.path.splitext(options.file)[0]
    title = None if options.title is None else axes.clean(options.title)
    try:
        with h5py.File(options.file, "r") as file:
            figures = figures_of(file, Wishes(options.x, options.lines, options.panels), title)
            refuse_to_replace(path for suffix in figures for path in names(stem + suffix, options.format))
            for suffix, draw in figures.items():
                written = save(draw(), stem + suffix, options.format)
                drawing.plt.close("all")
                print(*written)
    except Exception as problem:  # whatever a damaged file does: one line
        print(f"plot: {options.file}: {explain(problem)}", file=sys.stderr)
        return 1 if isinstance(problem, OSError) and os.path.exists(options.file) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
