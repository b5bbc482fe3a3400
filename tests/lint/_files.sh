# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# For the lints: goes to the top of the tree; files() lists the project's own files, by pattern;
# complain() reports a finding; finish() ends the lint.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
findings=0

# files PATTERN...: tracked files and new ones that are not ignored; all of them outside of git.
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do
			[ ! -f "$f" ] || echo "$f" # removed but not yet committed
		done
	else
		local pattern
		for pattern; do
			find . -path './build*' -prune -o -path ./tests/vm/cache -prune -o -type f \
				-path "./$pattern" -print | sed 's,^\./,,'
		done
	fi | sort -u
}

# Shell scripts are known by their first line: some have no suffix.
shell_scripts() {
	files '*' | while read -r f; do
		case "$f" in
		*.sh) echo "$f" ;;
		*.*) ;;
		*) head -c 64 "$f" 2>/dev/null | head -n 1 | grep -qaE '^#!.*(bash|/sh)( |$)' && echo "$f" ;;
		esac
	done
}

complain() {
	echo "$*"
	findings=$((findings + 1))
}

finish() {
	[ "$findings" -eq 0 ] && exit 0
	echo "$(basename "$0"): $findings finding(s)"
	exit 1
}
