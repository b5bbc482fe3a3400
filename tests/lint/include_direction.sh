#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Includes point one way: base <- dataplane <- control; cli sees base and generated code only;
# bpf/ sees itself, and of the rest only the drivers in dataplane/port/ see bpf/. Includes are
# written from the root, and a .c includes its own header first.
source "$(dirname "$0")/_files.sh"

# What a directory may include; generated headers end in _gen.h or .skel.h.
allowed() {
	case "$1" in
	base/*) echo 'base/' ;;
	dataplane/port/*) echo 'base/|dataplane/|bpf/' ;;
	dataplane/*) echo 'base/|dataplane/' ;;
	control/*) echo 'base/|dataplane/|control/|schemas/|[a-z_/]*_gen\.h$' ;;
	cli/*) echo 'base/|cli/|schemas/|[a-z_/]*_gen\.h$' ;;
	bpf/*) echo 'bpf/' ;;
	esac
}

while read -r file; do
	may=$(allowed "$file")
	first=
	while IFS=: read -r line text; do
		header=$(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' <<<"$text")
		[ -n "$first" ] || first=$header
		where="$file:$line: includes \"$header\""
		if [[ $header == ../* || $header == ./* ]]; then
			complain "$where: write it from the root of the tree"
		elif [[ ! $header =~ ^($may) ]]; then
			complain "$where: ${file%%/*}/ may not see it (allowed: ${may//|/ })"
		fi
	done < <(grep -nE '^ *# *include *"' "$file")
	own=${file%.c}.h
	if [[ $file == *.c && -f $own && $first != "$own" ]]; then
		complain "$file:1: \"$own\" must be its first include"
	fi
done < <(files 'base/*.[ch]' 'dataplane/*.[ch]' 'control/*.[ch]' 'cli/*.[ch]' 'bpf/*.[ch]')
finish
