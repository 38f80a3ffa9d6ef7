#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formatting of every file, clang-tidy on the torch-free floors, shell and Python scripts, includes between floors,
# container files and manifests.
#
#   scripts/lint.sh          check        scripts/lint.sh --fix     reformat
#   scripts/lint.sh --quick  without clang-tidy, which takes minutes
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --lint
# Files that git does not know yet count too.
mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.h' '*.cpp' '*.cu')
if [ "${1:-}" = --fix ]; then
  clang-format-16 -i "${sources[@]}"
  exit 0
fi
clang-format-16 --dry-run --Werror "${sources[@]}"
echo "lint: clang-format is content with ${#sources[@]} files"

mapfile -t shell_scripts < <(git ls-files '*.sh' '*.sbatch' .ci/run)
shellcheck -x --source-path=SCRIPTDIR "${shell_scripts[@]}"
mapfile -t python_scripts < <(git ls-files '*.py')
for script in "${python_scripts[@]}"; do
  python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$script"
done
python3 scripts/check_layers.py
echo "lint: ${#shell_scripts[@]} shell and ${#python_scripts[@]} Python scripts, layers"

.deps/lint-venv/bin/hadolint docker/Dockerfile
mapfile -t yaml_files < <(git ls-files '*.yaml')
.deps/lint-venv/bin/yamllint --strict "${yaml_files[@]}"
.deps/lint-venv/bin/python scripts/lint_deployment.py
echo "lint: Dockerfile, Apptainer definition, manifests, ${#yaml_files[@]} YAML files"

[ "${1:-}" = --quick ] && exit 0

cmake --preset cpu >/dev/null  # compile_commands.json
# Not the two files that need CUDA's headers, which this build does without.
mapfile -t checked < <(git ls-files 'src/base/*.cpp' 'src/config/*.cpp' 'src/kernels/*.cpp' 'src/cluster/*.cpp' \
  'src/comm/*.cpp' 'src/data/*.cpp' 'src/text/*.cpp' ':!src/kernels/matmul_cuda.cpp' ':!src/kernels/cublaslt_product.cpp')
# clang-tidy counts warnings of system headers on stderr; findings go to stdout.
printf '%s\n' "${checked[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-16 --quiet -p build/cpu 2>/dev/null
echo "lint: clang-tidy is content with ${#checked[@]} files"
