#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# No error and no warning of shellcheck in any shell script. Sourced libraries are followed.
source "$(dirname "$0")/_files.sh"

while read -r file; do
	output=$(shellcheck -S warning -x -P SCRIPTDIR -s bash -f gcc "$file") || complain "$output"
done < <(shell_scripts)
finish
