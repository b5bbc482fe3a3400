#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# clang-format 14 (Debian 12's; others differ in details) has nothing to change.
source "$(dirname "$0")/_files.sh"

formatter=$(command -v clang-format-14 || command -v clang-format) || {
	echo "clang-format is missing: packaging/deps.sh test"
	exit 1
}
if ! "$formatter" --version | grep -q 'version 14\.'; then
	echo "$("$formatter" --version): the project is formatted by version 14"
	exit 77
fi
while read -r file; do
	if ! output=$("$formatter" --dry-run -Werror "$file" 2>&1); then
		complain "$(grep -m 1 error: <<<"$output"): run clang-format -i $file"
	fi
done < <(files '*.c' '*.h')
finish
