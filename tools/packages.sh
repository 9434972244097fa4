# packages.sh - the Debian 12 packages of mho; sourced by quickstart and runtests.
# shellcheck shell=bash

# To build, to train on Fashion-MNIST and to draw figures.
# shellcheck disable=SC2034
packages_run=(
  gcc libc6-dev meson ninja-build pkg-config
  libgsl-dev libhdf5-dev libdnnl-dev librandom123-dev libyaml-dev libmd-dev zlib1g-dev
  dataset-fashion-mnist python3-h5py python3-matplotlib curl ca-certificates
)

# To test, with both compilers, the formatter, and programs that read HDF5 and netCDF-4.
# shellcheck disable=SC2034
packages_test=(check clang g++ clang-format libomp-dev python3-xarray python3-netcdf4 netcdf-bin hdf5-tools)

# To test jobs of a cluster; where they cannot be installed, these tests are skipped.
# shellcheck disable=SC2034
packages_cluster=(slurm-wlm slurmctld slurmd slurm-client munge iproute2 parallel shellcheck)

# npm is not listed: `mho data fetch` uses it only where it is installed.

packages_missing() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# Install the named packages that are missing; fails with one line when it cannot.
packages_install() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "mho: apt-get is missing; install the counterparts of these Debian packages yourself: $*" >&2
    return 0
  fi
  mapfile -t missing < <(packages_missing "$@")
  if ((${#missing[@]} == 0)); then return 0; fi
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "mho: packages are missing, and this user is not root and has no sudo; as root run:" >&2
      echo "  apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "mho: installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -q >&2 || echo "mho: apt-get update failed; trying with the old package lists" >&2
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2; then
    echo "mho: apt-get could not install: ${missing[*]}" >&2
    return 1
  fi
}
