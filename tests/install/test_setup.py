"""`meson setup` without Check: everything but the tests. Usage: test_setup.py MESON SOURCE"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MESON, SOURCE = sys.argv[1:3]
WRAPPER = """#!/bin/sh
for word do case $word in check) echo "Package check was not found" >&2; exit 1 ;; esac; done
exec {pkg_config} "$@"
"""


def setup(folder, name, pkg_config, *options):
    """What `meson setup` prints about the tests, and the targets that it would build."""
    env = {**os.environ, "PKG_CONFIG": str(pkg_config)}
    done = subprocess.run([MESON, "setup", str(folder / name), SOURCE, *options], env=env, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.search(r"^ +tests *: (.*)$", done.stdout, re.M)
    assert said, done.stdout
    return said[1], (folder / name / "build.ninja").read_text(encoding="utf-8")


def main():
    with tempfile.TemporaryDirectory(prefix="mho-setup-") as path:
        folder = pathlib.Path(path)
        wrapper = folder / "pkg-config"
        wrapper.write_text(WRAPPER.format(pkg_config=shutil.which("pkg-config")), encoding="utf-8")
        wrapper.chmod(0o755)
        said, ninja = setup(folder, "without", wrapper)
        assert said.startswith("off") and "Check" in said and "src/cli/mho" in ninja and "test_harness" not in ninja, said
        print("ok 1 - setup.py:setup:without_check: passed")
        said, ninja = setup(folder, "refused", shutil.which("pkg-config"), "-Dtests=false")
        assert said.startswith("off") and "tests=false" in said and "test_harness" not in ninja, said
        print("ok 2 - setup.py:setup:not_wanted: passed")


print("1..2")
main()
