#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `lambert prepare` as a user runs it: equal bytes for any workers and ranks and after kills, exit codes, the lock.
# Usage: prepare_command_test.sh LAMBERT SOURCE_DIRECTORY
set -euo pipefail

lambert=$1
sample=$2/data/sample
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

export OMPI_MCA_mpi_yield_when_idle=1
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect CODE PATTERN COMMAND...: the command ends with the code and its stderr matches the pattern.
expect() {
  local code=$1 pattern=$2 found=0
  shift 2
  "$@" > stdout.log 2> stderr.log || found=$?
  [ "$found" = "$code" ] || fail "exit code $found instead of $code: $* ($(tail -n 1 stderr.log))"
  grep -q -- "$pattern" stderr.log || fail "no '$pattern' on stderr of: $* ($(tail -n 1 stderr.log))"
  [ ! -s stdout.log ] || fail "something on stdout of: $*"
}

prepare() {
  "$lambert" prepare --tokenizer "$sample/vocab.txt" --max-seq-length 64 "$@"
}

# 15 MB in two forms, so that there are several chunks to deal.
mkdir text
for _ in {1..14}; do
  cat "$sample/training.txt"
  echo
done | gzip -1 > text/a.anything
cp "$sample/training.txt" text/b.txt

expect 0 "data prepared" prepare --workers 1 --output one text
expect 0 "data prepared" prepare --workers 3 --output three text
diff -r one three || fail "other bytes with three workers"
"$lambert" data verify one > /dev/null || fail "data verify"

for ranks in 2 3; do
  expect 0 "data prepared" mpirun --oversubscribe -n "$ranks" "$lambert" prepare --tokenizer "$sample/vocab.txt" \
    --max-seq-length 64 --workers 1 --output "ranks-$ranks" text
  diff -r one "ranks-$ranks" || fail "other bytes with $ranks ranks"
done

for delay in 0.2 0.5 0.9 1.3; do
  "$lambert" prepare --tokenizer "$sample/vocab.txt" --max-seq-length 64 --workers 1 --output killed text 2> /dev/null &
  victim=$!
  sleep "$delay"
  kill -9 "$victim" 2> /dev/null || true
  wait "$victim" || true
done
expect 0 "prepared" prepare --workers 2 --output killed text
diff -r one killed || fail "other bytes after kills"

mkdir -p busy/.prepare
touch busy/.prepare/lock
exec 9> busy/.prepare/lock
flock 9
expect 9 "being written" prepare --output busy text
exec 9>&-

printf 'good text\n\nbad \xc3\x28\n' > bad.txt
expect 3 "bad.txt, line 3, byte offset 15: invalid UTF-8, bytes c3 28" prepare --output bad bad.txt
expect 0 "dropped_documents=1" prepare --on-bad-text skip --output skipped bad.txt
expect 0 "dropped_documents=1" prepare --on-bad-text skip --output bad bad.txt
diff -r skipped bad || fail "other bytes after the corrected command"
expect 3 "no such file" prepare --output missing no-such-file
expect 3 "lies inside the input folder" prepare --output text/out text
printf '\n\n' > blank.txt
expect 3 "no usable document" prepare --output blank blank.txt
expect 2 "other settings or input (seed)" prepare --seed 7 --workers 1 --output one text
expect 2 "--max-seq-length is 4" "$lambert" prepare --tokenizer "$sample/vocab.txt" --max-seq-length 4 --output short bad.txt
for folder in missing text/out short; do
  [ ! -e "$folder" ] || fail "a refused command left $folder"
done
echo "all passed"
