#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A file that grows past 600 lines has found its second module.
source "$(dirname "$0")/_files.sh"

while read -r file; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 600 ] || complain "$file: $lines lines; 600 is the limit"
done < <(
	files '*.c' '*.h' '*.py' '*meson.build'
	shell_scripts
)
finish
