#!/usr/bin/env python3
"""A result of mho as one HTML page: the question, figures, tables, the study and its provenance.

report.py RESULT.h5 [--output REPORT.html] [--digest HEX] [--title TEXT]. The page needs no other file and no network. A file
that is there is replaced only if it is a report of the same result. --digest is the payload digest, which `mho report` computes.
"""
import argparse
import os
import sys

sys.dont_write_bytecode = True  # the folder may be shared, or not be writable
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from figures.packages import require  # noqa: E402 (the folder comes first)

require("report")
import h5py  # noqa: E402

from figures.axes import Unusable, clean, text  # noqa: E402
from figures.page import identity_of, page_of, refuse_to_replace  # noqa: E402
from figures.saving import explain, write  # noqa: E402


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"report: {message}\n")


def options_of(arguments=None):
    out = Parser(prog="report.py", description=__doc__.splitlines()[0])
    out.add_argument("file", help="result file of mho (HDF5)")
    out.add_argument("--output", metavar="REPORT.html", help="the page (default: RESULT.html)")
    out.add_argument("--digest", metavar="HEX", default="", help="payload digest of the file")
    out.add_argument("--title", metavar="TEXT", help="the title (default: that of the file)")
    return out.parse_args(arguments)


def kind_of(file):
    """What a file without accuracies is, in words."""
    kind = clean(text(file.attrs.get("kind", "")))
    if kind == "model" or "layers" in file or "history" in file:
        return "a model, whose learning curves mho plot draws"
    return f"a file of the kind '{kind}'" if kind else "no file of mho"


def main():
    options = options_of()
    output = options.output or os.path.splitext(options.file)[0] + ".html"
    try:
        with h5py.File(options.file, "r") as file:
            if "accuracy" not in file:
                raise Unusable(f"it is {kind_of(file)}; a report is made of a result (mho sweep)")
            refuse_to_replace(output, identity_of(file))
            page = page_of(file, os.path.basename(options.file), options.digest,
                           None if options.title is None else clean(options.title))
        write(output, page.encode("utf-8", errors="replace"))
        print(output)
    except Exception as problem:  # whatever a damaged file does: one line
        print(f"report: {options.file}: {explain(problem)}", file=sys.stderr)
        return 1 if isinstance(problem, OSError) and os.path.exists(options.file) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
