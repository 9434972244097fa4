"""The commands that a finished experiment suggests run as they are printed and overwrite nothing. Usage: test_hints.py MHO"""
import pathlib
import re
import shutil
import subprocess
import sys

import harness

SWEEP = "  chip.cell.name: [ideal, pcm]\n  chip.adc.uniform.bits: [4, 8]\n  chip.noise: [0, 1]\n"


def hints(text):
    """The lines after "What to try next" that are commands."""
    return re.findall(r"^  (\S*mho .*)$", text[text.index("What to try next"):], re.M)


def build_folder(place):
    """A folder laid out as the build folder is, so that programs are called as the user calls them."""
    mho = pathlib.Path(place.mho)
    for source in [mho, mho.parents[2] / "experiments" / "mho-noise_sweep"]:
        target = place.folder / "build" / source.relative_to(mho.parents[2])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    return {**place.env, "MHO_SHARED": str(pathlib.Path(__file__).resolve().parents[2])}


def contents(place):
    return {path: path.read_bytes() for path in place.folder.rglob("*.h5")}


def test_hints_run(place):
    """Every hint names the program, the study, the model and files that do not exist yet; followed as printed, each
    command succeeds and every file of before stays as it was."""
    env = build_folder(place)
    study = place.study("study.yaml", SWEEP, model="models/tiny.h5").relative_to(place.folder)

    def shell(command):
        return subprocess.run(command, shell=True, cwd=place.folder, env=env, capture_output=True, text=True, check=False, timeout=100)

    done = shell(f"build/experiments/mho-noise_sweep {study} -o results/tiny.h5 -j 1 --quiet")
    assert done.returncode == 0, done.stderr
    commands = hints(done.stdout)
    assert len(commands) >= 4 and all(command.startswith("build/src/cli/mho ") for command in commands), done.stdout
    for command in commands:
        before = contents(place)
        done = shell(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "warning" not in done.stderr, f"{command}\n{done.stderr}"
        after = contents(place)
        assert all(after[path] == before[path] for path in before), f"{command} changed a file"
    assert (place.folder / "results" / "tiny_drift.h5").exists() and (place.folder / "models" / "tiny_noise.h5").exists()
    assert place.digest(place.folder / "models" / "tiny_noise.h5") != place.digest(place.folder / "models" / "tiny.h5")


def test_no_hints_for_other_words(place):
    """Where a path needs quotes, or options changed the study, nothing is suggested that would not hold."""
    env = build_folder(place)
    study = place.study("my study.yaml", SWEEP, model="models/tiny.h5")
    for words in [[study], [place.folder / "study.yaml", "--set", "chip.time=60"]]:
        done = subprocess.run(["build/experiments/mho-noise_sweep", *words, "-o", f"results/{len(words)}.h5", "-j", "1", "--quiet"],
                              cwd=place.folder, env=env, capture_output=True, text=True, check=False, timeout=100)
        assert done.returncode == 0 and "What was found" in done.stdout and "What to try next" not in done.stdout, done


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
