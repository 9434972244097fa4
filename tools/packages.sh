# packages.sh - the Debian 12 packages of mho, in one place; sourced by quickstart and runtests.
# shellcheck shell=bash

# To build, to train on Fashion-MNIST and to draw figures.
# shellcheck disable=SC2034
packages_run=(
  gcc libc6-dev meson ninja-build pkg-config
  libgsl-dev libhdf5-dev libdnnl-dev librandom123-dev libyaml-dev libmd-dev zlib1g-dev
  dataset-fashion-mnist python3-h5py python3-matplotlib curl ca-certificates
)

# To test, with both compilers and the readers that others use.
# shellcheck disable=SC2034
packages_test=(check clang libomp-dev python3-xarray python3-netcdf4 netcdf-bin hdf5-tools)

# npm is in neither list on purpose: `mho data fetch` uses it only where it is on PATH already.

packages_missing() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

# Installs those of the named packages that dpkg does not have; fails with one clear line when it cannot.
packages_install() {
  local missing as_root=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "mho: no apt-get here; install by hand what Debian calls: $*" >&2
    return 0
  fi
  mapfile -t missing < <(packages_missing "$@")
  if ((${#missing[@]} == 0)); then return 0; fi
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      echo "mho: these packages are missing and neither root nor sudo is at hand; as root run:" >&2
      echo "  apt-get install ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "mho: installing ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -q >&2 || echo "mho: apt-get update failed; trying with the lists at hand" >&2
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2; then
    echo "mho: apt-get could not install: ${missing[*]}" >&2
    return 1
  fi
}
