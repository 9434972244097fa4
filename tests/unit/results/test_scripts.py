#!/usr/bin/env python3
"""mho plot and mho report find a Python that has the packages, and say one line where something is wrong.

Usage: test_scripts.py MHO RESULT.h5. TAP on stdout.
"""
import os
import subprocess
import sys
import tempfile


def run(mho, *arguments, **environment):
    return subprocess.run([mho, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment})


def fake_python(folder, code):
    """A python3 that ends with a code, as the scripts do where a package is missing."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "python3")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexit {code}\n")
    os.chmod(path, 0o755)
    return path


def one_line(done, code, *words):
    assert done.returncode == code and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done
    for word in words:
        assert word in done.stderr, done.stderr


def check_next_python(mho, result, folder):
    """A python3 without h5py earlier on PATH is passed over."""
    fake_python(os.path.join(folder, "first"), 81)
    path = os.path.join(folder, "first") + ":/usr/bin:/bin"
    done = run(mho, "plot", result, "-o", os.path.join(folder, "next"), "--format", "svg", PATH=path)
    assert done.returncode == 0 and done.stderr == "" and os.path.exists(os.path.join(folder, "next.svg")), done


def check_chosen_python(mho, result, folder):
    """MHO_PYTHON alone is tried; the error names what it lacks."""
    fake = fake_python(os.path.join(folder, "chosen"), 83)
    one_line(run(mho, "plot", result, MHO_PYTHON=fake), 1, fake, "lacks h5py and matplotlib", "MHO_PYTHON")
    one_line(run(mho, "plot", result, MHO_PYTHON="/nowhere/python"), 2, "MHO_PYTHON=/nowhere/python")


def check_wrong_key(mho, result, folder):
    """An unknown key names the nearest; an unknown format names those that there are."""
    one_line(run(mho, "plot", result, "--x", "chip.nose", "-o", os.path.join(folder, "x")), 2, "chip.noise")
    one_line(run(mho, "plot", result, "--format", "gif", "-o", os.path.join(folder, "x")), 2, "svg")


def check_report(mho, result, folder):
    """The page has the payload digest that mho digest prints."""
    page = os.path.join(folder, "page.html")
    done = run(mho, "report", result, "-o", page)
    assert done.returncode == 0 and done.stderr == "", done
    digest = run(mho, "digest", result).stdout.split()[0]
    with open(page, encoding="utf-8") as file:
        assert digest in file.read()


def main():
    checks = (check_next_python, check_chosen_python, check_wrong_key, check_report)
    print(f"1..{len(checks)}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, check in enumerate(checks, 1):
            try:
                check(sys.argv[1], sys.argv[2], folder)
                print(f"ok {number} - {check.__name__}", flush=True)
            except Exception as problem:  # the others are still of interest
                failed += 1
                print(f"not ok {number} - {check.__name__}: {type(problem).__name__}: {problem}".replace("\n", " "), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
