#!/usr/bin/env python3
"""Figures of generated studies: no text of any figure overlaps another or leaves the page, and every point is drawn.

Usage: test_figures.py PLOT.py [FOLDER [NAME ...]]; with FOLDER the figures stay there to be looked at. TAP on stdout.
"""
import importlib.util
import os
import sys
import tempfile

import h5py
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from generated import studies  # noqa: E402


def load(path):
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("plot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn_texts(figure):
    """[(words, corners)] of every text that Agg really draws: recorded while the figure is drawn."""
    from matplotlib.text import Text

    seen, draw = [], Text.draw

    def record(self, renderer):
        if self.get_visible() and self.get_text().strip():
            seen.append(self)
        return draw(self, renderer)

    Text.draw = record
    try:
        figure.canvas.draw()
    finally:
        Text.draw = draw
    return [(text.get_text(), corners_of(text, figure.canvas.get_renderer())) for text in seen]


def corners_of(text, renderer):
    """The four corners of a text; a slanted one has a slanted box around the same centre."""
    box = text.get_window_extent(renderer)
    angle = text.get_rotation() % 180
    if angle % 90 == 0:
        return np.array([[box.x0, box.y0], [box.x1, box.y0], [box.x1, box.y1], [box.x0, box.y1]])
    text.set_rotation(0)
    flat = text.get_window_extent(renderer)
    text.set_rotation(angle)
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [flat.width / 2, flat.height / 2]
    turn = np.deg2rad(angle)
    way = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return half @ way + [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]


def overlap(a, b, slack=0.6):
    """Whether two boxes share more than a hair: no line of the directions of their sides separates them."""
    for box in (a, b):
        for i in range(2):
            side = box[i + 1] - box[i]
            side = side / max(np.hypot(*side), 1e-9)
            on_a, on_b = a @ side, b @ side
            if on_a.max() - slack <= on_b.min() or on_b.max() - slack <= on_a.min():
                return False
    return True


def check_boxes(figure):
    texts = drawn_texts(figure)
    width, height = figure.bbox.width, figure.bbox.height
    for words, box in texts:
        inside = box.min() >= -0.5 and box[:, 0].max() <= width + 0.5 and box[:, 1].max() <= height + 0.5
        assert inside, f"'{words}' leaves the page of {width:.0f} x {height:.0f}: {box.round(1).tolist()}"
    for i, (words, box) in enumerate(texts):
        for others, other in texts[:i]:
            assert not overlap(box, other), f"'{words}' lies on '{others}'"
    return " ".join(words for words, _ in texts)


def check_study(module, study, folder):
    """All figures of a study: the boxes of their texts; no help text; accuracies within 0 to 100 %."""
    path = os.path.join(folder, study.name + ".h5")
    study.write(path)
    with h5py.File(path, "r") as file:
        figures = module.figures_of(file)
        shown = ""
        for suffix, draw in figures.items():
            figure = draw()
            shown += check_boxes(figure)
            if len(sys.argv) > 2:
                figure.savefig(os.path.join(folder, study.name + suffix + ".png"), dpi=110)
            module.drawing.plt.close(figure)
        result = module.results.Result(file)
    assert "help text" not in shown, "a help text is a label"
    ends = np.concatenate([result.low[np.isfinite(result.low)], result.high[np.isfinite(result.high)], [0, 100]])
    assert ends.min() >= 0 and ends.max() <= 100, "an interval leaves 0 to 100 %"


def main():
    module = load(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        folder = sys.argv[2] if len(sys.argv) > 2 else temporary
        chosen = [study for study in studies() if study.name in sys.argv[3:] or len(sys.argv) < 4]
        print(f"1..{len(chosen)}")
        failed = 0
        for number, study in enumerate(chosen, 1):
            try:
                check_study(module, study, folder)
                print(f"ok {number} - {study.name}", flush=True)
            except Exception as problem:  # the others are still of interest
                failed += 1
                print(f"not ok {number} - {study.name}: {type(problem).__name__}: {problem}".replace("\n", " "), flush=True)
                if os.environ.get("TRACE"):
                    raise
            module.drawing.plt.close("all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
