"""Figures as files: whole or not at all, and the same bytes for the same data."""
import io
import os

from figures.axes import Unusable

MARK = "mho plot"
FORMATS = {"svg": {"Date": None, "Creator": MARK}, "png": {"Software": MARK},
           "pdf": {"CreationDate": None, "ModDate": None, "Creator": MARK}}
# How the mark stands in the bytes of each format: only such a figure is replaced.
MARKED = {"svg": f"<dc:title>{MARK}</dc:title>".encode(), "png": b"tEXtSoftware\0" + MARK.encode(),
          "pdf": f"/Creator ({MARK})".encode()}
# Where DejaVu Sans is missing, these have nearly its widths, so that text as text stays in its place.
FAMILIES = "'DejaVu Sans', 'Bitstream Vera Sans', Verdana"


def bytes_of(figure, kind):
    """A figure in one format."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=FORMATS[kind])
    data = buffer.getvalue()
    return data.replace(b"'DejaVu Sans'", FAMILIES.encode()) if kind == "svg" else data


def write(path, data):
    """The whole file or nothing; what it replaces stays until then."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, path) from problem
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def refuse_to_replace(paths):
    """Raise for a file that is there and that mho plot did not draw."""
    for path in paths:
        if not os.path.lexists(path):
            continue
        ours = False
        if os.path.isfile(path):
            with open(path, "rb") as file:
                ours = MARKED[path.rsplit(".", 1)[1]] in file.read()
        if not ours:
            raise Unusable(f"{path} is there and mho plot did not draw it; give another STEM with -o, or move that file away")


def names(stem, kinds):
    return [f"{stem}.{kind}" for kind in kinds]


def save(figure, stem, kinds):
    """Write STEM.svg and so on; the names of the files."""
    for kind in kinds:
        write(f"{stem}.{kind}", bytes_of(figure, kind))
    return names(stem, kinds)


def explain(problem):
    """One line about an error, without Python's names for it."""
    if getattr(problem, "strerror", None) and getattr(problem, "filename", None):
        words = f"{problem.filename}: {problem.strerror}"
    elif isinstance(problem, KeyError):
        words = f"it lacks what a result or model file has ({problem.args[0] if problem.args else ''})"
    elif isinstance(problem, (Unusable, OSError)):
        words = str(problem)
    elif isinstance(problem, MemoryError):
        words = "its arrays do not fit into memory"
    else:
        words = f"it is not laid out as a result or model file of mho ({problem})"
    return " ".join(words.split())
