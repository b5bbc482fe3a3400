#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every drop reason of dataplane/drop.h has a sentence and is used by the dataplane, and every
# DROP_... that the code names is in the list.
source "$(dirname "$0")/_files.sh"

list=dataplane/drop.h
[ -f $list ] || { echo "there is no $list yet" && exit 77; }

# The list is an X-macro: X(name, "sentence") or NAME(name, "sentence"), one or two lines each.
entries=$(tr '\n' ' ' <$list | sed 's/\\ */ /g' |
	grep -oE '\b(X|DROP|DROP_REASON)\([a-zA-Z0-9_]+, *[^)]*' | grep -vE '\((name|NAME|n|id|reason|text),')
[ -n "$entries" ] || complain "$list: found no entry of the form X(name, \"sentence\")"
names=$(sed -E 's/^[A-Z_]*\(([a-zA-Z0-9_]+),.*/\1/' <<<"$entries")

while read -r entry; do
	name=$(sed -E 's/^[A-Z_]*\(([a-zA-Z0-9_]+),.*/\1/' <<<"$entry")
	[[ $entry =~ \"[^\"]{12,} ]] || complain "$list: $name has no sentence that explains it"
	symbol=DROP_${name^^}
	symbol=${symbol/DROP_DROP_/DROP_}
	if ! files 'dataplane/*.[ch]' 'control/*.[ch]' | grep -vx "$list" |
		xargs grep -qwE "$symbol|$name" 2>/dev/null; then
		complain "$list: $name ($symbol) is used nowhere"
	fi
done <<<"$entries"

duplicates=$(sort <<<"$names" | uniq -d)
[ -z "$duplicates" ] || complain "$list: listed twice: $duplicates"
finish
