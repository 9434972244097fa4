"""Whether this Python has what figures need; `mho` tries the next one by the exit code."""
import importlib
import os
import sys

CODE_WITHOUT = 80  # plus 1 without h5py, plus 2 without matplotlib
NEEDED = ("h5py", "matplotlib")


def is_there(name):
    """Import a package; what a broken one prints is not for the user."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        importlib.import_module(name)
        return True
    except Exception:  # a package built for another Python fails in many ways
        return False
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def require(program):
    """Leave with the code and, where no `mho` will say it, one line."""
    missing = [name for name in NEEDED if not is_there(name)]
    if not missing:
        return
    if "MHO_PYTHON_QUIET" not in os.environ:
        print(f"{program}: {sys.executable} lacks {' and '.join(missing)}; apt-get install python3-h5py python3-matplotlib",
              file=sys.stderr)
    sys.exit(CODE_WITHOUT + sum(1 << NEEDED.index(name) for name in missing))
