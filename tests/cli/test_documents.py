"""Manual pages and completion hold every command, option and key, and the shells understand them. Usage: test_documents.py MHO"""
import json
import re
import shlex
import shutil
import subprocess
import sys

import harness
from harness import Skip

EXPERIMENTS = ["mho-noise_sweep", "mho-uniq_bits"]


def share(place):
    """The folder of documents, written once."""
    folder = place.folder / "share"
    if not folder.exists():
        folder.mkdir()
        place.done("document", folder, *EXPERIMENTS)
    return folder


def commands(place):
    return re.findall(r"^  \S+ ([a-z]+) ", place.done("help").split("First steps")[0], re.M)


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, timeout=60, **options)


def needs(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")


def pages(place):
    return sorted(share(place).glob("man*/*"))


def test_pages(place):
    """One page per command, with its options; the overview names every command, mho-keys every key but the copies for training."""
    names = commands(place)
    assert len(names) >= 12 and {path.name for path in pages(place)} == {f"mho-{name}.1" for name in names} | {"mho.1", "mho-keys.7"}
    overview = (share(place) / "man1" / "mho.1").read_text()
    for name in names:
        page = (share(place) / "man1" / f"mho-{name}.1").read_text().replace("\\-", "-")
        for option in re.findall(r"^  (-\S+)", place.done("help", name), re.M):
            assert f"\\fB{option}\\fR" in page, f"mho-{name}.1 has no {option}"
        assert f"mho\\-{name}" in overview
    keys = (share(place) / "man7" / "mho-keys.7").read_text().replace("\\-", "-")
    tables = json.loads(place.done("describe", "--json"))
    for key in [entry["key"] for table in tables for entry in table["keys"] if table["kind"] not in ("layer", "dataset")]:
        assert f"\\fB{key}\\fR" in keys, key


def test_man(place):
    """groff formats every page without a warning, and shows it as it was written."""
    needs("man")
    needs("groff")
    for path in pages(place):
        done = run("man", "-l", "--warnings", "-E", "UTF-8", path, env={**place.env, "MANWIDTH": "100"})
        assert done.returncode == 0 and done.stderr == "", f"{path.name}: {done.stderr}"
        assert "EXIT STATUS" in done.stdout or path.name == "mho-keys.7", done.stdout
    shown = run("man", "-l", share(place) / "man1" / "mho-sweep.1", env={**place.env, "MANWIDTH": "140"}).stdout
    assert "mho sweep STUDY.yaml [-o RESULT.h5]" in shown and "--shard I/N" in shown, shown


def test_mandoc(place):
    """Another reader of manual pages finds no mistake in them; pages have no date, so that builds are repeatable."""
    needs("mandoc")
    for path in pages(place):
        lines = [line for line in run("mandoc", "-T", "lint", "-W", "warning", path).stdout.splitlines() if "missing date" not in line]
        assert not lines, lines


def completed(place, line, program="mho"):
    """What bash offers at the end of a line, whose words are those that bash makes of it."""
    words = [word for part in shlex.split(line.replace("=", " = ")) for word in [part]] + ([""] if line.endswith((" ", "=")) else [])
    script = f'. {share(place)}/bash-completion/completions/{program}; COMP_WORDS=({" ".join(map(shlex.quote, words))}); ' \
             f"COMP_CWORD={len(words) - 1}; function=$(complete -p {program} | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); $function; " \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = run("bash", "-c", script, cwd=place.folder)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout.split("\n")[:-1]


def test_bash(place):
    """Commands, options, keys, values, kinds, names and files are completed."""
    for name in ["a.yaml", "b.h5", "c.txt"]:
        (place.folder / name).touch()
    (place.folder / "folder").mkdir()
    assert set(commands(place)) | {"help"} <= set(completed(place, "mho "))
    assert completed(place, "mho sw") == ["sweep"]
    assert "--shard" in completed(place, "mho sweep --") and "--shard" not in completed(place, "mho eval --")
    assert completed(place, "mho eval m.h5 --set chip.cell.pcm.prog") == ["chip.cell.pcm.prog_scale="]
    assert {"ideal", "pcm", "nor_flash"} <= set(completed(place, "mho eval m.h5 --set chip.cell.name="))
    assert completed(place, "mho eval m.h5 --set chip.cell.name=pc") == ["pcm"]
    assert completed(place, "mho eval m.h5 --cpu av") == ["avx2", "avx512"]
    assert completed(place, "mho list al") == ["allocator"]
    assert completed(place, "mho describe chip.noi") == ["chip.noise"]
    assert completed(place, "mho help des") == ["describe"]
    sweep = completed(place, "mho sweep ")
    assert "a.yaml" in sweep and "folder" in sweep and "b.h5" not in sweep and "c.txt" not in sweep, sweep
    show = completed(place, "mho show ")
    assert "b.h5" in show and "a.yaml" not in show, show
    assert completed(place, "mho data fe") == ["fetch"]
    assert "a.yaml" in completed(place, "mho-uniq_bits ", "mho-uniq_bits")
    assert "--shard" in completed(place, "mho-uniq_bits --", "mho-uniq_bits")


def test_zsh(place):
    """zsh reads its script and knows for which programs it is."""
    needs("zsh")
    script = share(place) / "zsh" / "site-functions" / "_mho"
    assert script.read_text().startswith(f"#compdef mho {' '.join(EXPERIMENTS)}\n")
    done = run("zsh", "-n", script)
    assert done.returncode == 0 and done.stderr == "", done
    done = run("zsh", "-f", "-c", f"fpath=({script.parent} $fpath); autoload -Uz compinit; compinit -u -d {place.folder}/dump; print $_comps[mho]")
    assert done.stdout.strip() == "_mho", done


def test_fish(place):
    """fish completes commands, options, keys and values."""
    needs("fish")
    folder = share(place) / "fish" / "vendor_completions.d"

    def offered(line):
        done = run("fish", "-N", "-c", f"source {folder}/mho.fish; complete -C {shlex.quote(line)}", env=place.env, cwd=place.folder)
        assert done.returncode == 0 and done.stderr == "", done
        return [row.split("\t")[0] for row in done.stdout.splitlines()]

    assert offered("mho sw") == ["sweep"]
    assert "--shard" in offered("mho sweep --sha")
    assert offered("mho eval --set chip.cell.name=pc") == ["chip.cell.name=pcm"]
    assert offered("mho eval --set chip.cell.pcm.prog") == ["chip.cell.pcm.prog_scale="]
    assert offered("mho list al") == ["allocator"]


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
