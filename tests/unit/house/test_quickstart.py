#!/usr/bin/python3
"""./quickstart draws the result that it writes, whatever -o says. Usage: test_quickstart.py ROOT. TAP on stdout.

The script runs in a folder of stand-ins: programs that write down what they were asked.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ASKED = [([], "results/quickstart.h5"), (["-o", "a.h5"], "a.h5"), (["-j", "2", "-ob.h5"], "b.h5"), (["--output=c d.h5"], "c d.h5"),
         (["-o", "a.h5", "--output", "-e.h5", "--retrain"], "-e.h5")]
RECORDER = '#!/bin/sh\nprintf "%s\\n" "$(basename "$0")" "$@" >>"$RECORD"\n'


def prepare(root, folder):
    """The script and its stand-ins."""
    shutil.copy(root / "quickstart", folder)
    for path in ("build/experiments/mho-noise_sweep", "build/src/cli/mho", "bin/ninja"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(RECORDER)
        (folder / path).chmod(0o755)
    (folder / "tools").mkdir()
    (folder / "tools/packages.sh").write_text("packages_run=()\npackages_install() { :; }\n")
    (folder / "build/build.ninja").write_text("")


def check(folder, options, drawn):
    record = folder / "record"
    record.unlink(missing_ok=True)
    env = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "RECORD": str(record)}
    subprocess.run([folder / "quickstart", *options], env=env, check=True, capture_output=True)
    said = record.read_text().splitlines()
    assert said[said.index("mho"):] == ["mho", "plot", "--", drawn], said


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(pathlib.Path(sys.argv[1]), folder)
        print(f"1..{len(ASKED)}")
        failed = 0
        for number, (options, drawn) in enumerate(ASKED, 1):
            try:
                check(folder, options, drawn)
                print(f"ok {number} - {' '.join(options) or 'no option'}")
            except Exception as problem:  # the other rows are still of interest
                failed += 1
                print(f"not ok {number} - {' '.join(options)}: {problem}".replace("\n", " "))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
