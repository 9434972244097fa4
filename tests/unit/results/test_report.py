#!/usr/bin/env python3
"""results/report.py: one self-contained page; nothing of the file gets into it unescaped; foreign files are never replaced.

Usage: test_report.py REPORT.py [FOLDER]; with FOLDER the pages stay there to be looked at. TAP on stdout.
"""
import html.parser
import os
import re
import subprocess
import sys
import tempfile

import h5py
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from generated import studies  # noqa: E402

HOSTILE = '"><script>alert(1)</script>\'&</title><img src=x onerror=alert(1)>'
VOID = {"meta", "br", "img", "link", "hr", "use", "path"}


def write(name, path):
    next(study for study in studies() if study.name == name).write(path)


class Page(html.parser.HTMLParser):
    """Tags with their attributes, ids, and whether every tag is closed."""

    def __init__(self, words):
        super().__init__()
        self.tags, self.open, self.ids, self.outside = [], [], [], []
        self.feed(words)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        self.look_at(attributes)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.look_at(attributes)

    def look_at(self, attributes):
        for key, value in attributes:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "href", "xlink:href", "action", "srcset") and not (value or "").startswith("#"):
                self.outside.append(value)
            assert not key.startswith("on"), key

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
            self.open.pop()


def run(report, *arguments):
    return subprocess.run([sys.executable, report, *arguments], capture_output=True, text=True, check=False)


def made(report, folder, name, change=None):
    data, page = os.path.join(folder, name + ".h5"), os.path.join(folder, name + ".html")
    write(name, data)
    if change:
        with h5py.File(data, "r+") as file:
            change(file)
        if os.path.exists(page):  # it may be of another study now
            os.remove(page)
    done = run(report, data, "--output", page, "--digest", "ab" * 32)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.strip() == page, done.stderr
    with open(page, encoding="utf-8") as file:
        return file.read()


def check_page(report, folder):
    """Title, language, viewport, every figure with a title of its own, all points, swept keys, digest; nothing from outside,
    no id twice, every reference to an id that exists."""
    words = made(report, folder, "quickstart")
    page = Page(words)
    tags = [tag for tag, _ in page.tags]
    assert dict(page.tags[tags.index("html")][1])["lang"] == "en" and 'name="viewport"' in words
    assert page.outside == [] and "script" not in tags and "http://" not in re.sub(r'xmlns[:a-z]*="[^"]*"', "", words)
    assert len(page.ids) == len(set(page.ids)), "an id twice"
    used = set(re.findall(r'href="#([^"]+)"', words)) | set(re.findall(r"url\(#([^)]+)\)", words)) | \
        set(re.findall(r'aria-labelledby="([^"]+)"', words))
    assert used <= set(page.ids), used - set(page.ids)
    assert tags.count("svg") == tags.count("figure") == tags.count("figcaption") == 1 and "<text" in words
    assert words.count("ab" * 32) == 1 and words.count(">swept<") == 3
    assert tags.count("tr") >= 27 + 1


def check_hostile(report, folder):
    """A title, a word, a key's label and a host full of HTML are text on the page."""
    def change(file):
        file.attrs["title"] = HOSTILE
        file["chip.noise"].attrs["label"] = HOSTILE
        file["chip.noise"].attrs["units"] = HOSTILE
        del file["chip.cell.name"]
        file["chip.cell.name"] = [HOSTILE] * 4 + ["b"] * 4
        file.create_group("provenance").attrs["host"] = HOSTILE
        file["provenance"].attrs["settings"] = f"{HOSTILE}={HOSTILE}\nchip.noise=1"

    words = made(report, folder, "nan_points", change)
    page = Page(words)
    assert not {"script", "img"} & {tag for tag, _ in page.tags} and page.outside == []
    assert "&lt;script&gt;" in words


def check_all_kinds(report, folder):
    """Pages of studies of all kinds are well formed."""
    for name in ("one_point", "random_samples_of_cells", "cjk", "control_characters", "tied_keys"):
        Page(made(report, folder, name))


def check_same_bytes(report, folder):
    assert made(report, folder, "seeds") == made(report, folder, "seeds")


def check_grids(report, folder):
    """A study with several grids shows the keys of each grid by themselves, and no key `sweep`."""
    def change(file):
        file.attrs["study"] = "repeat=3\nsweep=1\nchip.cell.name=[pcm]\nchip.noise=[1, 2]\nsweep=2\nchip.cell.name=[rram]\n"

    page = made(report, folder, "quickstart", change)
    grids = [page.index(f"<h3>Grid {i} of 2</h3>") for i in (1, 2)] + [page.index("<h3>All grids</h3>")]
    first, second, all_grids = page[grids[0]:grids[1]], page[grids[1]:grids[2]], page[grids[2]:page.index('id="provenance"')]
    assert "[pcm]" in first and "[1, 2]" in first and "[rram]" in second and "[1, 2]" not in second
    assert '<th scope="row">sweep' not in page and "[rram]" not in all_grids and '<th scope="row">repeat' in all_grids


def check_partial(report, folder):
    """A merge that lacks trials says so in the headline and below every figure."""
    def change(file):
        file.attrs["shard"], file.attrs["missing"] = "partial", 16

    page = made(report, folder, "quickstart", change)
    assert re.search("<h1>.*partial: 16 trials are missing.*</h1>", page)
    notes = re.findall("<figcaption>.*?</figcaption>", page, re.S)
    assert notes and all("Partial: 16 trials are missing." in note for note in notes), notes


def check_model(report, folder):
    """A model is called a model, and the program that draws it is named."""
    path = os.path.join(folder, "model.h5")
    with h5py.File(path, "w") as file:
        file.create_group("layers")
    done = run(report, path)
    assert done.returncode == 2 and "a model" in done.stderr and "mho plot" in done.stderr, done.stderr


def check_replacing(report, folder):
    """The report of the same result is replaced; that of another, and any other file, is refused and stays."""
    first, other = (os.path.join(folder, name) for name in ("first.h5", "other.h5"))
    for path, name in ((first, "one_number"), (other, "one_word")):
        write(name, path)
        with h5py.File(path, "r+") as file:
            file.attrs["study_digest"] = name
    page, own = os.path.join(folder, "first.html"), os.path.join(folder, "own.html")
    assert run(report, first).returncode == 0 and run(report, first).returncode == 0
    kept = open(page, "rb").read()
    done = run(report, other, "--output", page)
    assert done.returncode == 2 and "another result" in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert open(page, "rb").read() == kept
    with open(own, "w", encoding="utf-8") as file:
        file.write("mine")
    done = run(report, first, "--output", own)
    assert done.returncode == 2 and "no report of mho" in done.stderr and open(own, encoding="utf-8").read() == "mine"
    assert run(report, first, "--output", folder).returncode == 2


def check_refusals(report, folder):
    """Damaged, foreign and missing files give one line."""
    garbage, model, words = (os.path.join(folder, name) for name in ("garbage.h5", "model.h5", "words.h5"))
    with open(garbage, "w", encoding="utf-8") as file:
        file.write("no HDF5")
    with h5py.File(model, "w") as file:
        file.attrs["kind"] = "model"
        file["history/loss"] = np.ones(3)
    with h5py.File(words, "w") as file:
        file["accuracy"] = ["a", "b"]
    for path in (garbage, model, words, os.path.join(folder, "missing.h5")):
        done = run(report, path)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 and path in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and not os.path.exists(path[:-3] + ".html")


def main():
    report = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = sys.argv[2] if len(sys.argv) > 2 else temporary
        checks = (check_page, check_hostile, check_all_kinds, check_same_bytes, check_grids, check_partial,
                  check_model, check_replacing, check_refusals)
        print(f"1..{len(checks)}")
        failed = 0
        for number, check in enumerate(checks, 1):
            try:
                check(report, folder)
                print(f"ok {number} - {check.__name__}", flush=True)
            except Exception as problem:  # the others are still of interest
                failed += 1
                print(f"not ok {number} - {check.__name__}: {type(problem).__name__}: {problem}".replace("\n", " "), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
