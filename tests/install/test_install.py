"""What `meson install` leaves: a program outside the tree, built with pkg-config alone, runs a chip; the installed command works.

Usage: test_install.py MHO BUILD MESON CC ONE_IMAGE.c LIBMHO.so PREFIX
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import harness

BUILD, MESON, CC, PROGRAM, LIBRARY, PREFIX = sys.argv[2:8]
del sys.argv[2:8]
HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent


def run(*command, **options):
    """A command that must succeed; its output."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=100, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def root(place):
    """The prefix inside the staging folder."""
    return pathlib.Path(f"{place.folder}/stage{PREFIX}")


def test_installs_everything(place):
    """Command, experiments, studies, plot script, library, mho.pc, and the headers of include/mho alone."""
    run(MESON, "install", "--no-rebuild", "-C", BUILD, "--destdir", place.folder / "stage")
    files = {str(path.relative_to(root(place))) for path in root(place).rglob("*") if not path.is_dir()}
    experiments = re.search(r"^experiments = \[(.*)\]", (SOURCE / "experiments" / "meson.build").read_text(encoding="utf-8"), re.M)[1]
    programs = [f"mho-{name}" for name in re.findall(r"'(\w+)'", experiments)]
    commands = [name.removeprefix("mho-").removesuffix(".1") for name in os.listdir(f"{BUILD}/docs/man1")]
    assert len(programs) >= 6 and len(commands) >= 13
    pages = [f"share/man/man1/{name}.1" for name in ["mho", "mho-sweep", *programs]] + ["share/man/man7/mho-keys.7"]
    completion = ["share/bash-completion/completions/mho", "share/zsh/site-functions/_mho", "share/fish/vendor_completions.d/mho.fish",
                  *[f"share/bash-completion/completions/{name}" for name in programs]]
    for name in ["bin/mho", *[f"bin/{name}" for name in programs], "share/mho/experiments/quickstart.yaml", "share/mho/results/plot.py",
                 *pages, *completion]:
        assert name in files, f"{name} is not installed"
    assert {name for name in files if name.startswith("bin/")} == {"bin/mho", *[f"bin/{name}" for name in programs]}
    assert any(name.endswith("/libmho.so") for name in files), "no libmho.so"
    assert any(name.endswith("pkgconfig/mho.pc") for name in files), "no mho.pc"
    public = {f"include/mho/{path.name}" for path in (SOURCE / "include" / "mho").glob("*.h")}
    headers = {name for name in files if name.startswith("include/")}
    assert headers == public, f"installed headers: {sorted(headers)}; public ones: {sorted(public)}"


def test_exports_the_listed_symbols(place):
    """libmho.so exports the functions of symbols.txt and no other; those are all functions that mho.h declares."""
    listed = set((HERE / "symbols.txt").read_text(encoding="utf-8").split())
    lines = run("nm", "-D", "--defined-only", LIBRARY).splitlines()
    exported = {name for name in (line.split()[-1] for line in lines) if not name.startswith("_")}
    assert exported == listed, f"not listed: {sorted(exported - listed)}; not exported: {sorted(listed - exported)}"
    header = (SOURCE / "include" / "mho" / "mho.h").read_text(encoding="utf-8")
    assert header.count("\nMHO_API ") == len(listed) <= 25, "mho.h declares another number of functions"
    assert not [name for name in listed if f"{name}(" not in header], "mho.h does not declare all of them"


def test_installed_command_works(place):
    """Without LD_LIBRARY_PATH, and with its own studies."""
    installed = root(place) / "bin" / "mho"
    assert "quickstart.yaml" in run(installed, "list", "experiment")
    run(installed, "train", place.study("study.yaml"), "--quiet", cwd=place.folder)
    assert place.model.is_file()


def test_installed_experiment_finds_the_command(place):
    """An experiment finds its study, and its manual page says what it asks; hints name the command beside it."""
    installed = root(place) / "bin" / "mho-noise_sweep"
    assert "experiments/quickstart.yaml" in run(installed, "--help")
    page = (root(place) / "share" / "man" / "man1" / "mho-noise_sweep.1").read_text(encoding="utf-8")
    assert "What do device noise and converter resolution cost" in page and "\\-\\-shard" in page
    done = subprocess.run([installed, "--sett"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "mho-noise_sweep: unknown option" in done.stderr, done
    done = subprocess.run([installed, place.folder / "study.yaml", "--set", "chip.nois=1"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "chip.noise" in done.stderr, done


def run_outside(place, compiler, language):
    """Compile the program with what pkg-config says, run it, and return the line that it prints."""
    pc = next(root(place).rglob("mho.pc")).parent
    libraries = next(root(place).rglob("libmho.so")).parent
    env = {**os.environ, "PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_SYSROOT_DIR": str(place.folder / "stage")}
    flags = run("pkg-config", "--cflags", "--libs", "mho", env=env).split()
    assert not [flag for flag in flags if "src" in pathlib.PurePath(flag).parts], f"flags name the source tree: {flags}"
    program = place.folder / f"one_image_{pathlib.Path(compiler).name}"
    run(compiler, "-Wall", "-Wextra", "-Werror", "-x", language, PROGRAM, "-o", program, *flags, cwd=place.folder)
    return run(program, place.folder / "study.yaml", place.model, cwd=place.folder,
               env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})


def test_programs_outside_the_tree(place):
    """Twenty lines, as C and as C++ by every compiler here, program a PCM chip and classify one image alike."""
    text = pathlib.Path(PROGRAM).read_text(encoding="utf-8")
    assert text.count("\n") <= 20, f"{text.count(chr(10))} lines"
    assert text in (SOURCE / "README.md").read_text(encoding="utf-8"), "README.md shows another program"
    said = run_outside(place, CC, "c")
    assert said.startswith("image 0 is class"), said
    assert int(said.split()[4]) in range(harness.CLASSES), said
    compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
    assert compilers, "no C++ compiler; tools/packages.sh names g++"
    for compiler in compilers:
        assert run_outside(place, compiler, "c++") == said, f"{compiler}: another answer"


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
