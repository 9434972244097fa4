"""Text that neither overlaps nor leaves the page: everything is measured, wrapped and counted before it is drawn."""
import functools
import unicodedata

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import font_manager  # noqa: E402 (the backend comes first)
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

ELLIPSIS = "…"
GAP = 0.06  # inches between two labels of an axis
SIZE_TITLE, SIZE_LEGEND, SIZE_CAPTION, SIZE_TICK = 8, 7, 6.2, 7
# Fonts with Chinese, Japanese and Korean characters, as distributions install them.
CJK_FONTS = ["Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "IPAGothic", "Droid Sans Fallback",
             "Noto Sans Mono CJK JP"]
CJK_FILES = ["NotoSansCJK-Regular", "SourceHanSans-Regular", "wqy-zenhei", "ipag.ttf", "DroidSansFallback.ttf"]


def fonts():
    """DejaVu Sans, which comes with matplotlib, then the first installed font with Chinese, Japanese and Korean."""
    def known():
        installed = {font.name for font in font_manager.fontManager.ttflist}
        return [name for name in CJK_FONTS if name in installed][:1]

    if not known():  # matplotlib's list may be older than the fonts
        for path in sorted(font_manager.findSystemFonts()):
            if any(part in path for part in CJK_FILES):
                font_manager.fontManager.addfont(path)
                break
    return ["DejaVu Sans"] + known()


def renderer_of(figure):
    return figure.canvas.get_renderer()


@functools.lru_cache(maxsize=1)
def ruler():
    """A small canvas on which texts are measured."""
    return FigureCanvasAgg(Figure(figsize=(1, 1), dpi=200))


@functools.lru_cache(maxsize=4096)
def size_of(words, size):
    """Width and height of a text in inches."""
    if not words.strip():
        return 0.0, 0.0
    canvas = ruler()
    box = Text(0, 0, words, fontsize=size, figure=canvas.figure).get_window_extent(canvas.get_renderer())
    return box.width / canvas.figure.dpi, box.height / canvas.figure.dpi


def is_wide(character):
    return unicodedata.east_asian_width(character) in "WF"


def pieces_of(words):
    """Where a line may break: after blanks, hyphens and slashes, and around every Chinese, Japanese or Korean character."""
    pieces, piece = [], ""
    for character in words:
        if is_wide(character) and piece:
            pieces.append(piece)
            piece = ""
        piece += character
        if character in " -/_" or is_wide(character):
            pieces.append(piece)
            piece = ""
    return pieces + [piece] if piece else pieces


def cut(words, size, width):
    """The longest beginning that fits, with an ellipsis where something is missing."""
    if size_of(words, size)[0] <= width:
        return words
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if size_of(words[:middle].rstrip() + ELLIPSIS, size)[0] <= width:
            low = middle
        else:
            high = middle - 1
    return words[:low].rstrip() + ELLIPSIS


def split_long(piece, size, width):
    """A piece wider than a line, in parts that fit."""
    parts = []
    while size_of(piece, size)[0] > width and len(piece) > 1:
        n = max(1, int(len(piece) * width / size_of(piece, size)[0]))
        while n > 1 and size_of(piece[:n], size)[0] > width:
            n -= 1
        parts.append(piece[:n])
        piece = piece[n:]
    return parts + [piece]


def wrap(words, size, width, most=None):
    """Lines of at most `width` inches, at most `most` of them, the last with an ellipsis where text is left out."""
    lines, line = [], ""
    for whole in pieces_of(words):
        for piece in split_long(whole, size, width):
            if line and size_of((line + piece).rstrip(), size)[0] > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
            if most and len(lines) >= most:
                break
    if line.strip():
        lines.append(line.rstrip())
    if most and len(lines) > most:
        last = lines[most - 1]
        while last and size_of(last + ELLIPSIS, size)[0] > width:
            last = last[:-1]
        lines = lines[:most - 1] + [last.rstrip() + ELLIPSIS]
    return "\n".join(lines)


def fits(places, labels, vertical=False, upright=False):
    """Whether labels at places (inches along their axis) stay apart."""
    at = sorted(zip(places, labels))
    half = []
    for _, label in at:
        width, height = size_of(label, SIZE_TICK)
        along = height if vertical or upright else width
        half.append(along / 2)
    return all(b[0] - a[0] >= half[i] + half[i + 1] + (0.02 if vertical or upright else GAP)
               for i, (a, b) in enumerate(zip(at, at[1:])))


def columns_for(labels, width, handle=0.45, most=6):
    """The number of columns of a legend: as few rows as fit into the width, evenly filled; entries run down the columns, of
    which the first have one more where they are not all equal."""
    for rows in range(-(-len(labels) // most), len(labels)):
        n = -(-len(labels) // rows)
        larger = len(labels) % n or n
        ends = np.cumsum([-(-len(labels) // n) - (k >= larger) for k in range(n)])
        columns = np.split(np.array(labels, object), ends[:-1])
        if sum(max(size_of(label, SIZE_LEGEND)[0] for label in column) + handle for column in columns) + 0.1 * (n - 1) <= width:
            return n
    return 1
