"""What `meson install` leaves: a program outside the tree, built with pkg-config alone, runs a chip; the installed command works.

Usage: test_install.py MHO BUILD MESON CC ONE_IMAGE.c PREFIX
"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import harness

BUILD, MESON, CC, PROGRAM, PREFIX = sys.argv[2:7]
del sys.argv[2:7]


def run(*command, **options):
    """A command that must succeed; its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=100, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def root(place):
    """The prefix inside the staging folder."""
    return pathlib.Path(f"{place.folder}/stage{PREFIX}")


def test_installs_everything(place):
    """Command, experiments, studies, plot script, library, public headers, mho.pc; nothing internal."""
    run(MESON, "install", "--no-rebuild", "-C", BUILD, "--destdir", place.folder / "stage")
    files = {str(path.relative_to(root(place))) for path in root(place).rglob("*")}
    for name in ["bin/mho", "bin/noise_sweep", "share/mho/experiments/quickstart.yaml", "share/mho/results/plot.py",
                 "include/mho/base/record.h", "include/mho/cell/cell.h", "include/mho/net/net.h", "include/mho/study/trial.h"]:
        assert name in files, f"{name} is not installed"
    assert any(name.endswith("/libmho.so") for name in files), "no libmho.so"
    assert any(name.endswith("pkgconfig/mho.pc") for name in files), "no mho.pc"
    assert not [name for name in files if name.endswith("_internal.h")], "internal headers are installed"


def test_installed_command_works(place):
    """Without LD_LIBRARY_PATH, and with its own studies."""
    installed = root(place) / "bin" / "mho"
    assert "quickstart.yaml" in run(installed, "list", "experiment")
    run(installed, "train", place.study("study.yaml"), "--quiet", cwd=place.folder)
    assert place.model.is_file()


def test_program_outside_the_tree(place):
    """At most 30 lines, compiled and linked with what pkg-config says, program a PCM chip and classify one image."""
    lines = pathlib.Path(PROGRAM).read_text().count("\n")
    assert lines <= 30, f"{lines} lines"
    pc = next(root(place).rglob("mho.pc")).parent
    libraries = next(root(place).rglob("libmho.so")).parent
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_SYSROOT_DIR": str(place.folder / "stage")}
    flags = run("pkg-config", "--cflags", "--libs", "mho", env=env).split()
    assert not [flag for flag in flags if "src" in pathlib.PurePath(flag).parts], f"flags name the source tree: {flags}"
    program = place.folder / "one_image"
    run(CC, "-Wall", "-Wextra", "-Werror", PROGRAM, "-o", program, *flags, cwd=place.folder)
    said = run(program, place.folder / "study.yaml", cwd=place.folder, env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})
    assert said.startswith("image 0 is class"), said
    assert int(said.split()[4]) in range(harness.CLASSES), said


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
