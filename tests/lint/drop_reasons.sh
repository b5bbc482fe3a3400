#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every drop reason of dataplane/drop.h has a sentence and is used by the dataplane, and every
# DROP_... that the code names is in the list; and some test provokes it.
source "$(dirname "$0")/_files.sh"

list=dataplane/drop.h

# The list is an X-macro: X(name, "sentence").
entries=$(tr '\n' ' ' <$list | sed 's/\\ */ /g' |
	grep -oE '\b(X|DROP|DROP_REASON)\([a-zA-Z0-9_]+, *[^)]*' | grep -vE '\((name|NAME|n|id|reason|text),')
[ -n "$entries" ] || complain "$list: found no entry of the form X(name, \"sentence\")"
names=$(sed -E 's/^[A-Z_]*\(([a-zA-Z0-9_]+),.*/\1/' <<<"$entries")

while read -r entry; do
	name=$(sed -E 's/^[A-Z_]*\(([a-zA-Z0-9_]+),.*/\1/' <<<"$entry")
	[[ $entry =~ \"[^\"]{12,} ]] || complain "$list: $name has no sentence that explains it"
	if ! files 'dataplane/*.[ch]' | grep -vx "$list" | xargs grep -qw "DROP_$name"; then
		complain "$list: DROP_$name is used nowhere in the dataplane"
	fi
	if ! files 'tests/path/*.c' 'tests/system/*_test.sh' | xargs grep -qwE "(DROP_)?$name"; then
		complain "$list: no test of tests/path or tests/system provokes $name"
	fi
done <<<"$entries"

while read -r used; do
	grep -qx "${used#*DROP_}" <<<"$names" || complain "${used%%:*}: ${used#*:} is not in $list"
done < <(files 'dataplane/*.[ch]' 'control/*.[ch]' | xargs grep -owE 'DROP_[a-z0-9]+_[a-z0-9_]+' | sort -u)

# So it is with the reasons for which a packet is handed to the kernel.
while read -r name; do
	for where in dataplane/path tests; do
		grep -rqw --include='*.c' "EXCEPTION_$name" "$where" ||
			complain "dataplane/exception_reason.h: EXCEPTION_$name is used nowhere in $where"
	done
done < <(grep -oE 'X\([a-z_]+, "' dataplane/exception_reason.h | sed -E 's/X\(([a-z_]+),.*/\1/')

duplicates=$(sort <<<"$names" | uniq -d)
[ -z "$duplicates" ] || complain "$list: listed twice: $duplicates"
finish
