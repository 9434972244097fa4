#!/usr/bin/python3
"""Figures of mho: accuracy over the swept axes of a result file, or the learning curves of a model file.

plot.py FILE.h5 [--output STEM] writes STEM.svg and STEM.png (default: beside FILE). Figures are chosen from the axes:
one numeric axis gives curves with 95 % bands, two give a curve per value of the shorter one, or a heat map when both have
more than six values; words (cell names) become panels; points without noise become dashed reference lines. An experiment
that compares variants gives a curve for each, and STEM_difference: their paired differences. Bits that were allocated layer
by layer give STEM_allocation from a model file and STEM_trajectories from a result of many models.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True  # the folder may be shared, or not be writable
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import h5py

    from figures import axes, drawing, results, trajectories  # noqa: F401 (for tests)
    from figures.axes import Unusable
    from figures.comparisons import plot_difference, plot_table
    from figures.models import plot_history
    from figures.results import plot_result
    from figures.trajectories import plot_allocation, plot_trajectories
except ImportError as problem:
    sys.exit(f"plot: {problem}; figures need apt-get install python3-h5py python3-matplotlib")


def save(figure, stem):
    """Both files appear whole or not at all, and the same data give the same bytes."""
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        temporary = f"{stem}.{os.getpid()}.{kind}.tmp"
        try:
            figure.savefig(temporary, format=kind, metadata=metadata)
            os.replace(temporary, f"{stem}.{kind}")
        finally:
            if os.path.exists(temporary):
                os.remove(temporary)


def figures_of(file):
    """{suffix of the stem: figure}"""
    if "accuracy" in file:
        if "summary/analysis/variant" not in file:
            return {"": plot_result(file)}
        figures = {"": plot_table(file)}
        if "summary/analysis/versus" in file:
            figures["_difference"] = plot_difference(file)
        if "summary/analysis/trajectories" in file:
            figures["_trajectories"] = plot_trajectories(file)
        return figures
    if "history" in file:
        figures = {"": plot_history(file)}
        if "winner" in file.get("allocation", {}):
            figures["_allocation"] = plot_allocation(file)
        return figures
    raise Unusable("it has neither /accuracy nor /history; give a result or a model file of mho")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="result or model file of mho (HDF5)")
    parser.add_argument("--output", metavar="STEM", help="write STEM.svg and STEM.png (default: FILE without .h5)")
    options = parser.parse_args()
    stem = options.output or os.path.splitext(options.file)[0]
    try:
        with h5py.File(options.file, "r") as file:
            figures = figures_of(file)
        for suffix, figure in figures.items():
            save(figure, stem + suffix)
            print(f"{stem}{suffix}.svg", f"{stem}{suffix}.png")
    except (Unusable, OSError, KeyError, ValueError) as problem:
        words = f"{problem.filename}: {problem.strerror}" if getattr(problem, "strerror", None) else str(problem)
        print(f"plot: {options.file}: {' '.join(words.split())}", file=sys.stderr)
        return 1 if isinstance(problem, OSError) and os.path.exists(options.file) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
