#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing to build Lambert: system packages (scripts/packages.txt) and LibTorch. Idempotent, asks
# nothing, touches nothing outside this checkout but system packages.
#
#   scripts/setup.sh            CPU build: the light form of LibTorch (about 1.3 GB)
#   scripts/setup.sh --tests    the same, Slurm, and the Python environment of the tests (about 6 GB)
#   scripts/setup.sh --lint     the same, and the linters of container files and manifests
#   scripts/setup.sh --cuda     LibTorch with every CUDA library it needs; nvcc must be there (CUDA toolkit 12.8 or newer)
#   LIBTORCH_DIR=DIR scripts/setup.sh   use another LibTorch (a folder with include/ and lib/)
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.11.0
with_tests=false with_lint=false with_cuda=false
for argument in "$@"; do
  case "$argument" in
    --tests) with_tests=true ;;
    --lint) with_lint=true ;;
    --cuda) with_cuda=true ;;
    *) sed -n '3,11s/^# \{0,1\}//p' "$0"; [ "$argument" = --help ] && exit 0; echo "setup: unknown option $argument" >&2; exit 2 ;;
  esac
done

missing_packages() {
  local package purpose
  grep -v '^#' scripts/packages.txt | while read -r package purpose; do
    [ "$purpose" = tests ] && ! $with_tests && continue
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -gt 0 ]; then
  install="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" = 0 ]; then
    runner=(env DEBIAN_FRONTEND=noninteractive bash -c)
  elif sudo -n true 2>/dev/null; then
    runner=(sudo env DEBIAN_FRONTEND=noninteractive bash -c)
  else
    echo "setup: system packages are missing and this user cannot install them. An administrator can, with:" >&2
    echo "  $install" >&2
    exit 2
  fi
  echo "setup: installing ${#missing[@]} system packages"
  "${runner[@]}" "$install" >setup-packages.log 2>&1 || { tail -n 20 setup-packages.log >&2; exit 2; }
  rm -f setup-packages.log
fi

mkdir -p .deps

# stamp_of NAME: the file that is there when the Python environment NAME is complete.
stamp_of() {
  echo ".deps/$1-venv/$(sha256sum "scripts/requirements-$1.txt" | cut -c1-16)"
}

# python_environment NAME: .deps/NAME-venv with the packages of scripts/requirements-NAME.txt.
python_environment() {
  local folder=.deps/$1-venv list=scripts/requirements-$1.txt
  local stamp
  stamp=$(stamp_of "$1")
  if [ ! -e "$stamp" ]; then
    echo "setup: installing the Python packages of $list"
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet -r "$list"
    touch "$stamp"
  fi
}
if $with_tests; then python_environment test; fi
if $with_lint; then python_environment lint; fi

if [ -n "${LIBTORCH_DIR:-}" ]; then
  [ -e "$LIBTORCH_DIR/lib/libtorch_cpu.so" ] || { echo "setup: no lib/libtorch_cpu.so in LIBTORCH_DIR=$LIBTORCH_DIR" >&2; exit 2; }
  echo "setup: using LibTorch in $LIBTORCH_DIR"
else
  # A stamp names what is installed, so that an interrupted installation is repeated. The environment of the tests has a
  # whole LibTorch, which serves every build.
  form=cpu; $with_cuda && form=cuda
  if [ -e ".deps/libtorch/$torch_version-cuda" ]; then
    form=cuda
  elif [ -e "$(stamp_of test)" ] && { $with_cuda || [ ! -e ".deps/libtorch/$torch_version-cpu" ]; }; then
    form=cuda
    rm -rf .deps/libtorch
    packages=$(cd .deps && echo test-venv/lib/python3*/site-packages)
    ln -s "$packages" .deps/libtorch
    touch ".deps/libtorch/$torch_version-cuda"
  fi
  stamp=".deps/libtorch/$torch_version-$form"
  if [ ! -e "$stamp" ]; then
    echo "setup: installing LibTorch $torch_version ($form)"
    rm -rf .deps/libtorch .deps/installer
    python3 -m venv .deps/installer
    if $with_cuda; then
      .deps/installer/bin/pip install --quiet --target .deps/libtorch "torch==$torch_version"
    else
      # libtorch_cpu.so of the wheel needs only these two of the CUDA libraries.
      .deps/installer/bin/pip install --quiet --no-deps --target .deps/libtorch \
        "torch==$torch_version" nvidia-cuda-runtime nvidia-cuda-cupti
    fi
    rm -rf .deps/installer
    touch "$stamp"
  fi
fi
echo "setup: ready"
