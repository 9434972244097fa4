"""TAP lines from test functions, and a tiny data set with studies: what the suites that drive programs share."""
import inspect
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import traceback

SIDE, CLASSES = 12, 4


class Skip(Exception):
    """Raised by a test that cannot run here; tests/skips.txt lists it with its reason."""


def write_idx(folder, stem, n, first=0):
    """n images of SIDE x SIDE with a bright bar at the height of the class, as two IDX files; their value for data.name."""
    images, labels = bytearray(), bytearray()
    word = 12345 + first
    for i in range(n):
        label = (i * 7 + i // 5) % CLASSES
        labels.append(label)
        for y in range(SIDE):
            for _ in range(SIDE):
                word = (word * 1103515245 + 12345) % 2**31
                noise = word >> 16 & 127
                images.append(128 + noise if y // 3 == label and noise > 24 else noise if noise > 90 else 0)
    paths = [folder / f"{stem}-images", folder / f"{stem}-labels"]
    paths[0].write_bytes(struct.pack(">IIII", 0x803, n, SIDE, SIDE) + images)
    paths[1].write_bytes(struct.pack(">II", 0x801, n) + labels)
    return "idx:" + ",".join(str(path) for path in paths)


STUDY = """title: A study of the tests
model: {model}
seed: 3
repeat: 3
data:
  name: "{test}"
  train: "{train}"
  limit: 40
  calibration: 32
  measured: 4
train:
  net: allconv
  width: 0.25
  stages: "float:2 fq 2/4:2"
  batch: 32
  validation: 64
chip:
  cell: {{name: pcm}}
  time: 3600
  array: {{rows: 64, cols: 16}}
sweep:
{sweep}"""


class Place:
    """A folder of its own with data, and the program under test."""

    def __init__(self, mho, folder):
        self.mho, self.folder = str(pathlib.Path(mho).resolve()), pathlib.Path(folder)
        self.train = write_idx(self.folder, "train", 480, 1)
        self.test = write_idx(self.folder, "test", 60, 99)
        self.model = self.folder / "model.h5"
        self.env = {**os.environ, "HOME": str(folder), "OMP_NUM_THREADS": "1"}  # no data sets of the user's
        for name in ["MHO_DATA", "SLURM_CPUS_PER_TASK"]:
            self.env.pop(name, None)

    def study(self, name, sweep="", **keys):
        """A study file; sweep: lines of the section. Keys replace those of the usual one."""
        values = {"model": self.model, "test": self.test, "train": self.train, **keys}
        path = self.folder / name
        text = STUDY.format(sweep=sweep, **values)
        if "chip.cell.name" in sweep:
            text = text.replace("  cell: {name: pcm}\n", "")
        path.write_text(text if sweep else text.replace("sweep:\n", ""))
        return path

    def run(self, *arguments, **options):
        """Run mho; the finished process with its outputs as text."""
        options.setdefault("timeout", 60)
        options.setdefault("env", self.env)
        return subprocess.run([self.mho, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True, check=False, **options)

    def done(self, *arguments, **options):
        """Run mho, which must succeed; its output."""
        process = self.run(*arguments, **options)
        assert process.returncode == 0, f"mho {' '.join(map(str, arguments))}: exit {process.returncode}\n{process.stderr}"
        return process.stdout

    def refused(self, code, words, *arguments, **options):
        """Run mho, which must exit with code and say all words in one line."""
        process = self.run(*arguments, **options)
        what = f"mho {' '.join(map(str, arguments))}"
        assert process.returncode == code, f"{what}: exit {process.returncode}, not {code}\n{process.stderr}"
        lines = [line for line in process.stderr.splitlines() if line.startswith("mho: ")]
        assert len(lines) == 1, f"{what}: not one line of error\n{process.stderr}"
        for word in [words] if isinstance(words, str) else words:
            assert word in lines[0], f"{what}: '{word}' is not in: {lines[0]}"
        return process

    def digest(self, path):
        """The payload digest of a file."""
        return self.done("digest", path).split()[0]

    def popen(self, *arguments, **options):
        """Start mho in the background."""
        return subprocess.Popen([self.mho, *map(str, arguments)], cwd=self.folder, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env=self.env, **options)


def fresh(place, name):
    """A new folder below the place."""
    path = place.folder / name
    path.mkdir()
    return path


def main(module, mho):
    """Run every function test_* of module in order of writing; the exit code."""
    tests = [f for name, f in inspect.getmembers(module, inspect.isfunction) if name.startswith("test_")]
    tests.sort(key=lambda f: f.__code__.co_firstlineno)
    wanted = sys.argv[2:]
    if wanted:
        tests = [f for f in tests if f.__name__ in wanted]
    suite, failed = pathlib.Path(module.__file__).stem.removeprefix("test_"), 0
    print(f"1..{len(tests)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mho-test-") as folder:
        place = Place(mho, folder)
        for number, test in enumerate(tests, 1):
            # the shape that Check gives its cases: file:suite:case
            title = f"{number} - {suite}.py:{suite}:{test.__name__.removeprefix('test_')}"
            start = time.monotonic()
            try:
                test(place)
                print(f"ok {title}: passed", flush=True)
            except Skip as reason:
                print(f"ok {title}: # SKIP {reason}", flush=True)
            except Exception:  # the next test must still run
                failed += 1
                print(f"not ok {title}: failed", flush=True)
                traceback.print_exc()
            if os.environ.get("MHO_TEST_TIMES"):
                print(f"# {time.monotonic() - start:.2f} s", flush=True)
    return 1 if failed else 0
