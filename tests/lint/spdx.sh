#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every source file names its licence in its first lines: BSD-3-Clause, and for BPF objects,
# which the kernel wants under the GPL too, and their headers, GPL-2.0-only OR BSD-2-Clause.
source "$(dirname "$0")/_files.sh"

while read -r file; do
	[ -s "$file" ] || continue
	licence=$(head -n 3 "$file" | sed -n 's/.*SPDX-License-Identifier: *//p' | head -n 1)
	case "$file" in
	bpf/*.[ch] | *.bpf.c) want='GPL-2\.0.*BSD|BSD.*GPL-2\.0' ;;
	*) want='BSD-3-Clause' ;;
	esac
	if [ -z "$licence" ]; then
		complain "$file: no SPDX-License-Identifier in its first three lines"
	elif [[ ! $licence =~ $want ]]; then
		complain "$file: licence \"$licence\" is not the project's"
	fi
done < <(
	files '*.c' '*.h' '*.py'
	shell_scripts
)
finish
