"""Studies beside their files, grids that are joined and points that are drawn, from the study to the result. Usage: test_points.py MHO"""
import shutil
import sys

import harness
from harness import fresh


def trained(place):
    """The tiny model, trained once."""
    if not place.model.exists():
        place.done("train", place.study("train.yaml"), "--quiet")
    return place.model


def contents(path):
    """Arrays of a result by name, words as text."""
    import h5py
    with h5py.File(path) as file:
        return {name: [v.decode() if isinstance(v, bytes) else v for v in file[name][...].tolist()]
                for name in file if isinstance(file[name], h5py.Dataset)}, "grid" in file


GRIDS = """
  - {chip.cell.name: pcm, chip.time: [60, 1h], chip.adc.uniform.bits: [4, 6]}
  - {chip.cell.name: nor_flash, chip.temperature: [300, 350]}
"""


def test_grids(place):
    """Points of two grids make one result without a grid view; shards of it merge to the same digest."""
    trained(place)
    study = place.study("grids.yaml", "GRIDS").read_text().replace("sweep:\nGRIDS", "sweep:" + GRIDS).replace("  cell: {name: pcm}\n", "")
    path = place.folder / "grids.yaml"
    path.write_text(study)
    place.done("sweep", path, "-o", "grids.h5", "--quiet")
    arrays, has_grid = contents(place.folder / "grids.h5")
    assert arrays["chip.cell.name"] == ["pcm"] * 4 + ["nor_flash"] * 2
    assert arrays["chip.time"][:4] == [60, 60, 3600, 3600]
    assert arrays["chip.adc.uniform.bits"] == [4, 6, 4, 6, 8, 8], "the default where a grid does not sweep it"
    assert arrays["chip.temperature"][4:] == [300, 350] and not has_grid
    for shard in "12":
        place.done("sweep", path, "-o", f"grids{shard}.h5", "--shard", f"{shard}/2", "--quiet")
    place.done("merge", "grids1.h5", "grids2.h5", "-o", "joined.h5", "--quiet")
    assert place.digest("joined.h5") == place.digest("grids.h5")
    assert "nothing to do" in place.run("sweep", path, "-o", "grids.h5").stderr


def test_drawn(place):
    """Drawn points are in the result with their values, the same on every run, and more of them include these."""
    trained(place)
    path = place.study("drawn.yaml", "  chip.noise: 0..2\n  chip.time: log:1..1e6\n")
    few = ["sweep", path, "--quiet", "--set", "sample.n=3", "--set", "repeat=1"]
    place.done(*few, "-o", "few.h5")
    place.done(*few, "--set", "sample.n=5", "-o", "more.h5")
    place.done(*few, "-o", "again.h5", "-j", "2")
    arrays, has_grid = contents(place.folder / "few.h5")
    more, _ = contents(place.folder / "more.h5")
    assert arrays["chip.noise"] == [1, 1.5, 0.5] and arrays["chip.time"][0] == 1000 and not has_grid
    for name in ["chip.noise", "chip.time", "accuracy", "logits_digest", "point_key"]:
        assert more[name][:3] == arrays[name], name
    assert len(more["chip.noise"]) == 5
    assert place.digest("few.h5") == place.digest("again.h5")
    place.refused(2, ["drawn.yaml", "sweep.chip.noise", "sample.n"], "sweep", path, "-o", "none.h5")


def test_beside_the_study(place):
    """Model and data that are beside the study file are found from any folder, with the same digest."""
    folder = fresh(place, "project")
    (folder / "models").mkdir()
    shutil.copy(trained(place), folder / "models" / "mine.h5")
    for kind in ["train", "test"]:
        for what in ["images", "labels"]:
            shutil.copy(place.folder / f"{kind}-{what}", folder / f"my-{kind}-{what}")
    study = place.study("there.yaml", "  chip.noise: [0, 1]\n", model="models/mine.h5", test="idx:my-test-images,my-test-labels",
                        train="idx:my-train-images,my-train-labels")
    text = study.read_text()
    (folder / "there.yaml").write_text(text[:text.index("train:\n  net")] + text[text.index("chip:"):])
    place.done("sweep", "project/there.yaml", "-o", "from_outside.h5", "--quiet")
    mho, place.folder = place.folder, folder
    place.done("sweep", "there.yaml", "-o", "from_inside.h5", "--quiet")
    inside = place.digest("from_inside.h5")
    place.folder = mho
    assert place.digest("from_outside.h5") == inside
    # what is below the current folder comes first
    (place.folder / "models").mkdir(exist_ok=True)
    (place.folder / "models" / "mine.h5").write_text("no model")
    place.refused(2, "models/mine.h5", "sweep", "project/there.yaml", "-o", "other.h5")
    (place.folder / "models" / "mine.h5").unlink()
    (folder / "models" / "mine.h5").unlink()
    place.refused(2, "models/mine.h5", "sweep", "project/there.yaml", "-o", "other.h5")


if __name__ == "__main__":
    sys.exit(harness.main(sys.modules["__main__"], sys.argv[1]))
