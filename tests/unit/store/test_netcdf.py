#!/usr/bin/python3
"""ncdump, h5py, xarray with both engines and Octave read the store's files with names and units; h5py edits them.

Usage: test_netcdf.py TEST_STORE, the binary that writes the samples. TAP on stdout, titles as Check's; a case whose
tool is missing is skipped.
"""
import glob
import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings

warnings.simplefilter("error")
warnings.filterwarnings("ignore", category=DeprecationWarning)
warnings.filterwarnings("ignore", message="numpy.*size changed")


def header(path):
    return subprocess.run(["ncdump", "-h", path], check=True, capture_output=True, text=True).stdout


def check_ncdump(result, everything):
    assert subprocess.run(["ncdump", "-k", result], check=True, capture_output=True, text=True).stdout.strip() == "netCDF-4"
    text = header(result)
    for line in ("double accuracy(point, chip) ;", 'accuracy:units = "1" ;', "string chip.cell.name(point) ;",
                 "double accuracy(chip.cell.name, chip.noise, chip) ;", "byte weight(k, r) ;", "point = 6 ;"):
        assert line in text, line
    assert "double scalar ;" in header(everything)
    subprocess.run(["ncdump", everything], check=True, capture_output=True)  # every value too


def check_h5py(result, everything):
    import h5py

    with h5py.File(result, "r") as file:
        accuracy = file["accuracy"]
        assert [dim.keys()[0] for dim in accuracy.dims] == ["point", "This is a netCDF dimension but not a netCDF variable.         4"]
        assert accuracy.attrs["units"] == "1" and accuracy[0, 0] == 0.9
        assert [cell.decode() for cell in file["chip.cell.name"][:2]] == ["pcm", "pcm"]
        assert file.attrs["mho_format"] == 1
    with h5py.File(everything, "r") as file:
        large = file["deep/deeper/large"]
        assert (large.compression, large.shuffle, large.fletcher32) == ("gzip", True, True)
        assert large[299, 19] == 5999 % 97 * 0.25
        assert not any("DIMENSION_LABELS" in item.attrs for item in file.values())


def check_edits(result, everything):
    """Every attribute of every object can be replaced twice in one session and in two; HDF5 fails to delete one of more
    than eight where their order of creation is tracked."""
    import h5py

    reserved = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST")
    with h5py.File(everything, "r") as file:
        objects = ["/"]
        file.visit(objects.append)
        attributes = [(name, key) for name in objects for key in file[name].attrs if key not in reserved]
        assert max(len(file[name].attrs) for name in objects) > 8  # the storage that showed the fault
    for text in ("first", "second"):
        with h5py.File(everything, "r+") as file:
            for again in range(2):
                for name, key in attributes:
                    file[name].attrs[key] = f"{text} {again}"
    with h5py.File(everything, "r") as file:
        assert all(file[name].attrs[key] == "second 1" for name, key in attributes)


def check_octave(result, everything):
    """ncread of Octave's package netcdf gives all numbers, axes in reverse order. It knows no variable-length text."""
    program = f"""pkg load netcdf
    a = ncread('{result}', 'accuracy'); assert(size(a), [4 6]); assert(a(2, 3), 0.9 - 0.001 * 9, 1e-15);
    n = ncread('{result}', 'chip.noise'); assert(n(1:2), [0.5; 1]); assert(isnan(n(5)));
    g = ncread('{result}', '/grid/accuracy'); assert(size(g), [4 2 2]);
    w = ncread('{result}', '/layers/conv1/weight'); assert(size(w), [9 4]);
    disp('all read');"""
    process = subprocess.run(["octave-cli", "-q", "--eval", program], capture_output=True, text=True, check=False, timeout=60)
    assert "all read" in process.stdout, process.stdout + process.stderr


def has_octave_netcdf():
    return any(glob.glob(folder + "/netcdf-*") for folder in ("/usr/share/octave/packages", "/usr/lib/octave/packages"))


def check_xarray(engine):
    def check(result, everything):
        import xarray

        with xarray.open_dataset(result, engine=engine) as root:
            assert root.accuracy.dims == ("point", "chip") and root.accuracy.attrs["units"] == "1"
            assert list(root["chip.cell.name"].values[:3]) == ["pcm", "pcm", "nor_flash"]
            assert float(root.accuracy.sel(point=2)[1]) == 0.9 - 0.001 * 9
        with xarray.open_dataset(result, engine=engine, group="grid") as grid:
            assert grid.accuracy.dims == ("chip.cell.name", "chip.noise", "chip")
            assert grid.accuracy.sel({"chip.cell.name": "nor_flash"}).shape == (2, 4)
        for name, shape in (("conv1", (4, 9)), ("conv2", (8, 36))):
            with xarray.open_dataset(result, engine=engine, group="layers/" + name) as layer:
                assert layer.weight.dims == ("k", "r") and layer.weight.shape == shape
        for group in ("", "deep/deeper", "layer"):
            with xarray.open_dataset(everything, engine=engine, group=group) as data:
                data.load()

    return check


def main():
    checks = [("ncdump", ["ncdump"], check_ncdump), ("h5py", ["h5py"], check_h5py),
              ("xarray_netcdf4", ["xarray", "netCDF4"], check_xarray("netcdf4")),
              ("xarray_h5netcdf", ["xarray", "h5netcdf"], check_xarray("h5netcdf")),
              ("octave", ["octave-cli", "octave-netcdf"], check_octave), ("edits", ["h5py"], check_edits)]
    failed = 0
    print(f"1..{len(checks)}")
    with tempfile.TemporaryDirectory() as folder:
        result, everything = (os.path.join(folder, name) for name in ("result.h5", "all.h5"))
        for path, which in ((result, "result"), (everything, "all")):
            subprocess.run([sys.argv[1], "--write", which, path], check=True)
        for number, (name, needs, check) in enumerate(checks, 1):
            def present(tool):
                if tool == "octave-netcdf":
                    return has_octave_netcdf()
                if tool in ("ncdump", "octave-cli"):
                    return any(os.access(os.path.join(p, tool), os.X_OK) for p in os.environ["PATH"].split(":"))
                return importlib.util.find_spec(tool) is not None
            title = f"{number} - test_netcdf.py:netcdf:{name}"
            missing = [tool for tool in needs if not present(tool)]
            if missing:
                print(f"ok {title}: # SKIP needs {', '.join(missing)}")
                continue
            try:
                check(result, everything)
                print(f"ok {title}: Passed")
            except Exception as problem:  # one failing program does not hide the others
                failed += 1
                print(f"not ok {title}: {type(problem).__name__}: {problem}".replace("\n", " ").replace("#", "_"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
