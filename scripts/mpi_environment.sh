# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts that start mpirun on this machine.
if [ "$(id -u)" = 0 ]; then
  # Containers run as root, which Open MPI refuses unless told twice.
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
