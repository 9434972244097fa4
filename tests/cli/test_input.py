"""Bad input gives one line and the right exit code. Usage: test_input.py MHO"""
import os
import pathlib
import re
import resource
import struct
import subprocess
import sys

import harness
from harness import Skip, fresh


def trained(place):
    """The tiny model, trained once."""
    if not place.model.exists():
        place.done("train", place.study("train.yaml"), "--quiet")
    return place.model


def finished(place):
    """A small finished result."""
    path = place.folder / "finished.h5"
    if not path.exists():
        trained(place)
        place.done("sweep", place.study("finished.yaml", "  chip.noise: [0, 1]\n"), "-o", path, "--quiet")
    return path


def test_usage(place):
    """Misspelt commands, options and names get the nearest word; missing values and wrong numbers are named."""
    place.refused(2, ["unknown command 'swep'", "'sweep'"], "swep")
    place.refused(2, ["unknown option '--sett'", "'--set'"], "sweep", "x.yaml", "--sett", "a=1")
    place.refused(2, "unknown option '--shard'", "eval", "m.h5", "--shard", "1/2")
    place.refused(2, ["usage:", "mho digest FILE.h5"], "digest")
    place.refused(2, "--shard 4/3", "sweep", "x.yaml", "--shard", "4/3")
    place.refused(2, "-j 0", "bench", "-j", "0")
    place.refused(2, ["avx9", "scalar"], "bench", "--cpu", "avx9")
    place.refused(2, "needs a value", "sweep", "x.yaml", "--set")
    place.refused(2, ["unknown name 'pcn'", "'pcm'"], "describe", "pcn")
    place.refused(2, ["unknown command 'evaluate'", "'eval'"], "evaluate", "m.h5")
    place.refused(2, ["unknown key 'chip.nois'", "'chip.noise'"], "describe", "chip.nois")
    place.refused(2, ["unknown name 'temperature'", "'chip.temperature'"], "describe", "temperature")
    place.refused(2, ["unknown name 'xyzzyx'", "study, data,", "sample, stop, sweep, cluster"], "describe", "xyzzyx")
    for section in ["data", "sample", "stop", "sweep", "cluster"]:
        assert "section " in place.done("describe", section)
    assert not re.search(r"default [0-9.]+ 1[,\n]", place.done("describe"))
    place.refused(2, ["unknown kind 'cel'", "'cell'"], "list", "cel")
    assert place.run().returncode == 2
    assert place.run("--help").returncode == 0
    assert "mho" in place.done("--version")


def test_help(place):
    """`mho help` and `mho help X` print what --help prints; hints name the program as it was started."""
    assert place.done("help") == place.done("--help")
    for command in re.findall(r"^  \S+ ([a-z]+) ", place.done("help"), re.M):
        assert place.done("help", command) == place.done(command, "--help"), command
    place.refused(2, ["unknown command 'evla'", "'eval'"], "help", "evla")
    place.refused(2, "help [COMMAND]", "help", "eval", "sweep")
    assert f"`{place.mho} help" in place.run("digest").stderr
    env = {**place.env, "PATH": f"{pathlib.Path(place.mho).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["mho", "digest"], env=env, capture_output=True, text=True, check=False)
    assert "`mho help digest`" in done.stderr, done.stderr


def test_end_of_options(place):
    """After -- every word is an argument, even one that starts with a dash."""
    process = place.refused(2, "-r.h5: ", "digest", "--", "-r.h5")
    assert "unknown option" not in process.stderr
    place.refused(2, "unknown option '-r.h5'", "digest", "-r.h5")
    place.refused(2, "--help: ", "digest", "--", "--help")


def test_control_bytes(place):
    """Escape sequences in arguments, studies and files reach no terminal."""
    evil = "a\x1b]0;owned\x07\nmho: done"
    for arguments in [[evil], ["digest", evil], ["list", evil], ["describe", evil], ["sweep", "x.yaml", "--" + evil],
                      ["eval", "x.h5", "--set", f"chip.noise={evil}"]]:
        process = place.run(*arguments)
        assert process.returncode == 2 and "\x1b" not in process.stderr and "\\x1b" in process.stderr, process.stderr
        assert process.stderr.count("\n") == 1, process.stderr
    path = place.folder / "evil.yaml"
    path.write_text('"chip.noise\\e[31m\\x9b": 1\n')
    assert "\x1b" not in place.run("sweep", path).stderr
    import h5py
    with h5py.File(place.folder / "evil.h5", "w") as file:
        file["x\x1b[2J"] = [1.0, 2.0]
        file.attrs["title"] = "a\x1b[31m"
    shown = place.run("show", "evil.h5")
    assert "\x1b" not in shown.stdout + shown.stderr, shown
    if shown.returncode == 0:
        assert "\\x1b[2J" in shown.stdout, shown.stdout


def test_bench_proofs(place):
    """Every path of the benchmark equals its specification here."""
    process = place.run("bench", "--check")
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("proved") == 5 and "images/s" not in process.stdout


def test_study_file(place):
    """Every mistake in a study file is named with line and key, and nothing is written."""
    def bad(words, text):
        path = place.folder / "bad.yaml"
        path.write_text(text)
        place.refused(2, words, "sweep", path, "-o", "never.h5")

    bad(["bad.yaml:2", "chip.nosie", "'chip.noise'"], "seed: 1\nchip: {nosie: 1}\n")
    bad(["bad.yaml:3", "chip.noise", "duplicate"], "chip:\n  noise: 1\nchip.noise: 2\n")
    bad(["bad.yaml:2", "seed", "duplicate"], "seed: 1\nseed: 2\n")
    bad(["bad.yaml:3", "chip.noise", "no point"], "chip: {noise: 1}\nsweep:\n  chip.noise: [1, 2]\n")
    bad(["bad.yaml:1", "chip.noise", "write 1.5"], "chip: {noise: \"1,5\"}\n")
    bad(["bad.yaml:1", "chip.adc.uniform.bits", "under sweep"], "chip: {adc: {uniform: {bits: \"4:8:2\"}}}\n")
    bad(["bad.yaml:1", "chip.noise", "10"], "chip: {noise: 11}\n")
    bad(["bad.yaml:1", "chip.noise"], "chip: {noise: .nan}\n")
    bad(["bad.yaml:1", "chip.noise"], "chip: {noise: nan}\n")
    bad(["bad.yaml:1", "chip.noise"], "chip: {noise: inf}\n")
    bad(["bad.yaml:1", "chip.noise"], "chip: {noise: 1x}\n")
    bad(["bad.yaml:1", "repeat"], "repeat: 1.5\n")
    bad(["bad.yaml:2", "chip.noise", "under sweep"], "seed: 1\nchip: {noise: [0, 1]}\n")
    bad(["bad.yaml:1", "chip.noise", "twice"], "sweep: {chip.noise: [1, 1.0]}\n")
    bad(["bad.yaml:1", "chip.noise"], "sweep: {chip.noise: []}\n")
    bad(["bad.yaml:1", "chip.noise"], "sweep: {chip.noise: \"4:1:1\"}\n")
    bad(["bad.yaml:1", "chip.adc.range", "unit"], "chip: {adc: {range: unti}}\n")
    bad("bad.yaml", "chip: {noise: 1\n")
    bad(["bad.yaml:2", "chip.cell", "pcn", "pcm"], f"model: {trained(place)}\nchip: {{cell: {{name: pcn}}}}\ndata: {{name: \"{place.test}\", train: \"{place.train}\"}}\n")
    place.refused(2, "none.yaml", "sweep", "none.yaml")
    assert not (place.folder / "never.h5").exists()


def test_set(place):
    """Mistakes in --set, and options that contradict each other, are named."""
    study = place.study("set.yaml")
    place.refused(2, ["--set", "chip.nosie", "'chip.noise'"], "sweep", study, "--set", "chip.nosie=1")
    place.refused(2, ["--set", "key=value"], "sweep", study, "--set", "chip.noise")
    place.refused(2, ["--set", "chip.noise"], "sweep", study, "--set", "chip.noise=-1")
    place.refused(2, ["--set", "chip.noise"], "sweep", study, "--set", "chip.noise=0:1:0")
    place.refused(2, ["--set", "chip.noise"], "sweep", study, "--set", "chip.noise=0,,1")
    place.refused(2, ["set.yaml", "a model file", "a study"], "eval", study)
    process = place.run("eval", trained(place), "--set", "chip.cell.pcm.t_read=1e-6", "--set", f"data.name={place.test}",
                        "--set", f"data.train={place.train}", "--set", "repeat=1")
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("--set: chip.cell.pcm.t_read: nothing in this study uses it") == 1, process.stderr
    place.refused(2, ["eval", "several"], "eval", trained(place), "--set", "chip.noise=0,1")
    place.refused(2, ["-o", "--trace"], "eval", trained(place), "-o", "nothing.h5")
    place.done("train", place.study("float.yaml", model="float.h5"), "--set", "train.stages=float:1", "--quiet")
    place.refused(2, ["--layers", "quant.weight.bits=8"], "eval", "float.h5", "--layers", "--set", f"data.name={place.test}")
    place.refused(2, ["quant.weight.bits", "quantized"], "eval", trained(place), "--set", "quant.weight.bits=7", "--set",
                  f"data.name={place.test}", "--set", f"data.train={place.train}")


def test_idle_sweep(place):
    """A sweep of a key without effect is an error."""
    trained(place)
    for axis in ["chip.cell.nor_flash.i_max: [1e-9, 2e-9]", "chip.adc.full_scale: [0.5, 1]", "chip.cell.t_observe: [0.1, 1]"]:
        study = place.study("idle.yaml", f"  {axis}\n")
        place.refused(2, [axis.split(":")[0], "change nothing"], "sweep", study, "-o", "idle.h5")
    study = place.study("idle.yaml", "  chip.noise: [0, 1]\n")
    place.refused(2, ["chip.noise", "change nothing"], "sweep", study, "-o", "idle.h5", "--set", "chip.cell.name=ideal")
    lines = study.read_text().split("train:\n  net")[0] + "chip: {cell: {name: pcm}}\n"
    study.write_text(lines)
    place.refused(2, ["train.width", "no train: section"], "sweep", study, "-o", "idle.h5", "--set", "train.width=1,2")
    study = place.study("idle.yaml", "  train.noise.weight: [0, 0.3]\n")
    place.refused(2, ["model", "{recipe}"], "sweep", study, "-o", "idle.h5")


def test_refused_before_training(place):
    """Mistakes in a sweep are reported before a model is trained."""
    path, model = finished(place), place.folder / "untrained.h5"

    def refused(code, words, sweep, *arguments, **keys):
        study = place.study("early.yaml", sweep, **{"model": model, **keys})
        place.refused(code, words, "sweep", study, "-o", "early.h5", *arguments)
        assert not model.exists() and not list(place.folder.glob("results/checkpoints/untrained-*")), "it was trained"

    refused(2, "{recipe}", "  train.noise.weight: [0, 0.3]\n")
    other = place.folder / "untrained_{recipe}.h5"
    refused(2, "{recipe}", "  train.learning_rate: [0.1, 0.2]\n", "--set", f"model=[{other}, {model}]")
    refused(2, ["pcn", "'pcm'"], "  chip.cell.name: [pcm, pcn]\n")
    refused(2, [str(path), "never overwritten"], "  chip.noise: [0, 2]\n", "-o", path)


def test_chip_of_training(place):
    """A chip stage does not use the study's chip: a warning says so when train.chip is not set."""
    study = place.study("chip_stage.yaml")
    for chip, empty in [([], True), (["--set", "train.chip.cell.name=pcm", "--set", "train.chip.time=3600"], False)]:
        process = place.run("train", study, "-o", "chip_stage.h5", "-j", "1", "--retrain", "--set", "train.stages=float:0 4/4:0 chip:1",
                            *chip)
        assert process.returncode == 0 and ("no key train.chip.* is set" in process.stderr) == empty, process.stderr


def test_converters_of_the_model(place):
    """ADC bits that no layer uses are refused, in a sweep too; the default is not."""
    study = place.study("converters.yaml", model="converters.h5")
    study.write_text(study.read_text().replace('"float:2 fq 2/4:2"', '"float:1 8/8:0 allocate"\n  chip: {cell: {name: pcm}}') +
                     "allocate: {feedback: chip, adc_bit_widths: 7 5, moves: 1, trial_images: 10, recovery_epochs: 1}\n")
    place.done("train", study, "-j", "1", "--quiet")
    place.done("sweep", study, "-o", "converters_default.h5", "--quiet")
    place.refused(2, ["chip.adc.uniform.bits", "change nothing"], "sweep", study, "-o", "converters_6.h5", "--quiet", "--set",
                  "chip.adc.uniform.bits=8,6")
    place.done("sweep", study, "-o", "converters_noise.h5", "--quiet", "--set", "noise.weight=0.1,0.2", "--set",
               "chip.cell.name=ideal", "--set", "chip.time=0", "--set", "chip.adc.name=ideal")  # no converters, no bits


def test_data(place):
    trained(place)
    folder = fresh(place, "data")

    def refused(code, words, **keys):
        place.refused(code, words, "sweep", place.study("data.yaml", **keys), "-o", "data.h5", "--data", folder)

    images, labels = (pathlib.Path(path) for path in place.test.removeprefix("idx:").split(","))
    cut = folder / "cut"
    cut.write_bytes(images.read_bytes()[:-1])
    refused(2, str(cut), test=f"idx:{cut},{labels}")
    cut.write_bytes(b"")
    refused(2, str(cut), test=f"idx:{cut},{labels}")
    cut.write_bytes(struct.pack(">IIII", 0x803, 2**31, 2**15, 2**15))
    refused(2, str(cut), test=f"idx:{cut},{labels}")
    refused(2, "missing", test=f"idx:{folder}/missing,{labels}")
    refused(2, "cifar10", test="cifar10", train="")
    refused(2, ["fashion-mnits", "fashion-mnist"], test="fashion-mnits", train="")
    refused(2, "data.train", train="")
    hdf5 = folder / "set.h5"
    hdf5.write_bytes(b"not an HDF5 file")
    refused(2, str(hdf5), test=hdf5)
    assert not (place.folder / "data.h5").exists()


def damaged(path, target):
    """Copies of an HDF5 file cut short, overwritten, emptied; each with a word for messages."""
    whole = path.read_bytes()
    for size in [0, 1, 8, 100, len(whole) // 3, len(whole) - 100]:
        target.write_bytes(whole[:size])
        yield f"the first {size} bytes"
    target.write_bytes(os.urandom(4096))
    yield "garbage"
    target.write_bytes(whole[:len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    yield "a zeroed half"


def test_names_that_look_like_options(place):
    """Files and titles that begin with '-' reach the scripts of figures and reports as what they are."""
    folder = fresh(place, "dashes")
    (folder / "-x.h5").write_bytes(finished(place).read_bytes())
    def script(*arguments):
        process = subprocess.run([place.mho, *arguments], cwd=folder, env=place.env, capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        return process.stdout.split()
    assert script("plot", "--format", "svg", "--title", "-a title", "-o", "-stem", "--", "-x.h5")[0] == "-stem.svg"
    assert "-a title" in (folder / "-stem.svg").read_text()
    assert script("report", "--title", "-a title", "-o", "-page.html", "--", "-x.h5") == ["-page.html"]


def newer(path, target):
    """A copy that says it is of a later format."""
    import h5py
    target.write_bytes(path.read_bytes())
    with h5py.File(target, "r+") as file:
        file.attrs.modify("mho_format", file.attrs["mho_format"] + 1)


def test_damaged_files(place):
    folder = fresh(place, "damaged")
    for good, command in [(trained(place), "eval"), (finished(place), "digest"), (finished(place), "show"),
                          (finished(place), "plot")]:
        bad = folder / "bad.h5"
        for what in damaged(good, bad):
            options = ["--set", f"data.name={place.test}", "--set", f"data.train={place.train}"] if command == "eval" else []
            process = place.run(command, bad, *options)
            assert process.returncode == 2, f"{command} of {what}: exit {process.returncode}\n{process.stderr}"
            assert process.stderr.count("\n") == 1 and str(bad) in process.stderr, f"{command} of {what}: {process.stderr}"
        newer(good, bad)
        place.refused(2, [str(bad), "newer"], command, bad)
    bad.write_bytes(finished(place).read_bytes()[:1000])
    place.refused(2, str(bad), "merge", bad, "-o", folder / "merged.h5")
    study = place.study("finished.yaml", "  chip.noise: [0, 1]\n")
    place.refused(2, [str(bad), "move it away"], "sweep", study, "-o", bad)
    place.refused(2, str(finished(place)), "eval", finished(place))
    place.refused(2, "missing.h5", "digest", "missing.h5")


def test_one_file_for_two_recipes(place):
    """A sweep over recipes without {recipe} in the model's name is told so, whatever lies at that name; a dry run tells it too."""
    trained(place)
    study = place.study("two-recipes.yaml", "  chip.noise: [0, 1]\n")
    for more in [[], ["--dry-run"], ["--set", "model=not-there.h5"], ["--set", "model=not-there.h5", "--dry-run"]]:
        place.refused(2, ["several recipes", "{recipe}"], "sweep", study, "-o", "two.h5", "--set", "train.momentum=0.8,0.9", *more)


def test_files_of_the_wrong_kind(place):
    """A result, a model or a study in the place of another kind of file is called what it is."""
    study = place.study("wrong-kind.yaml", "  chip.noise: [0, 1]\n")
    place.refused(2, [str(finished(place)), "this is the result of a sweep"], "eval", finished(place))
    place.refused(2, [str(trained(place)), "this is an HDF5 file, and a study"], "sweep", trained(place))
    for command in ["plot", "show", "digest"]:
        place.refused(2, [str(study), "this is a study"], command, study)


def namespace(place, options, script):
    """Run a shell script as root of a mount namespace with a tmpfs on ./disk; Skip where namespaces are not allowed."""
    disk = place.folder / "disk"
    disk.mkdir(exist_ok=True)
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode != 0:
        raise Skip("mount namespaces are closed here")
    script = f"mount -t tmpfs -o {options} none {disk} || exit 99\ncd {place.folder}\n{script}"
    return subprocess.run(["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, timeout=100, check=False)


def one_line(process, words):
    lines = [line for line in process.stderr.splitlines() if line.startswith("mho: ")]
    assert process.returncode == 1 and len(lines) == 1, f"exit {process.returncode}\n{process.stdout}\n{process.stderr}"
    for word in words:
        assert word in lines[0], f"'{word}' is not in {lines[0]}"


def test_full_disk(place):
    """On a full disk sweep and train end with one line that names the file; trials that were written are kept."""
    trained(place)
    study = place.study("full.yaml", "  chip.noise: [0, 1]\n")
    fill = "dd if=/dev/zero of=disk/fill bs=1024 count=2000 2>/dev/null"
    one_line(namespace(place, "size=1m", f"{fill}; {place.mho} sweep {study} -o disk/r.h5 --quiet"), ["disk/r.h5"])
    # room for the journal, none for the result: the trials stay, a second run with room ends well
    half = "dd if=/dev/zero of=disk/fill bs=1024 count=1012 2>/dev/null"
    again = f"rm disk/fill; {place.mho} sweep {study} -o disk/r.h5 --quiet >/dev/null && test -s disk/r.h5 && test ! -e disk/r.h5.parts"
    one_line(namespace(place, "size=1m", f"{half}; {place.mho} sweep {study} -o disk/r.h5 --quiet; code=$?; {again} || exit 98; exit $code"),
             ["disk/r.h5"])
    other = place.study("full_model.yaml", model="disk/model.h5")
    one_line(namespace(place, "size=1m", f"{fill}; {place.mho} train {other} --quiet"), ["disk/model.h5"])


def test_read_only_folder(place):
    """A folder that cannot be written is reported before a model is trained."""
    trained(place)
    for model in [place.model, place.folder / "never.h5"]:  # said before a model is trained
        study = place.study("read_only.yaml", "  chip.noise: [0, 1]\n", model=model)
        one_line(namespace(place, "size=1m,ro", f"{place.mho} sweep {study} -o disk/r.h5 --quiet"), ["disk/r.h5", "Read-only"])
    assert not model.exists()
    other = place.study("read_only_model.yaml", model="disk/model.h5")
    one_line(namespace(place, "size=1m,ro", f"{place.mho} train {other} --quiet"), ["disk/model.h5", "Read-only"])


def test_file_size_limit(place):
    """A full disk without namespaces: RLIMIT_FSIZE ends every write, and the message is the same."""
    trained(place)
    study = place.study("limit.yaml", "  chip.noise: [0, 1]\n")

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    process = place.run("sweep", study, "-o", "limit.h5", "--quiet", preexec_fn=limit)
    one_line(process, ["limit.h5"])
    place.done("sweep", study, "-o", "limit.h5", "--quiet")


def test_results_are_kept(place):
    """A finished result is not touched, and one of another study is never overwritten."""
    path = finished(place)
    study = place.study("finished.yaml", "  chip.noise: [0, 1]\n")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    parts = pathlib.Path(f"{path}.parts")  # as of a process that was killed just after it wrote the result
    parts.mkdir()
    (parts / "host.1.0.journal").write_bytes(b"")
    process = place.run("sweep", study, "-o", path)
    assert process.returncode == 0 and "nothing to do" in process.stderr, process.stderr
    assert not parts.exists(), "journals of a finished result were not removed"
    place.refused(2, [str(path), "never overwritten"], "sweep", study, "-o", path, "--set", "data.limit=30")
    place.refused(2, [str(path), "another part"], "sweep", study, "-o", path, "--shard", "1/2")
    place.refused(2, [str(path), "never overwritten"], "merge", path, "-o", path)
    assert before == (path.read_bytes(), path.stat().st_mtime_ns), "the result was touched"


def test_retrain(place):
    """--retrain trains every model of a sweep, and the float network that they share, once more; the same recipe gives the same bytes, so the result stays."""
    folder = fresh(place, "retrain")
    study = place.study("retrain.yaml", "  train.quant_learning_rate: [0.01, 0.02]\n  chip.noise: [0, 1]\n", model=folder / "{recipe}.h5")
    place.done("sweep", study, "-o", "retrain.h5", "-j", "1", "--quiet")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(before) == 3 and sum(path.name.startswith("float-") for path in before) == 1, before
    process = place.run("sweep", study, "-o", "retrain.h5", "-j", "1", "--retrain")
    assert process.returncode == 0 and "nothing to do" in process.stderr, process.stderr
    assert process.stderr.count("(--retrain)") == 2 and process.stderr.count("family share") == 1, process.stderr
    assert all(path.stat().st_mtime_ns > before[path] for path in folder.iterdir()), "a model was not trained again"


def test_train_makes_one_model(place):
    """train accepts a study that sweeps the chip and refuses one that sweeps the recipe."""
    folder = fresh(place, "one-model")
    chip = place.study("chips.yaml", "  chip.noise: [0, 1]\n  chip.cell.name: [ideal, pcm]\n", model=folder / "one.h5")
    place.done("train", chip, "-j", "1", "--quiet")
    assert (folder / "one.h5").exists()
    several = place.study("recipes.yaml", "  train.learning_rate: [0.1, 0.2]\n", model=folder / "{recipe}.h5")
    place.refused(2, ["train.learning_rate", "mho sweep"], "train", several)


def test_experiment_needs_its_axis(place):
    """An experiment refuses a study that cannot answer its question before anything is trained."""
    folder = fresh(place, "experiment")
    study = place.study("unfit.yaml", "  chip.noise: [0, 1]\n", model=folder / "model.h5")
    program = pathlib.Path(place.mho).parents[2] / "experiments" / "mho-noise_training"
    process = subprocess.run([program, study, "-o", folder / "r.h5"], cwd=place.folder, env=place.env, capture_output=True, text=True, check=False)
    assert process.returncode == 2 and "train.noise.weight" in process.stderr, process.stderr
    assert not list(folder.iterdir()), "a file was written first"


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
