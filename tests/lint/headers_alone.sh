#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Every header compiles alone, and twice: it includes what it needs and guards itself.
# GARUDA_BUILD names a build directory, for headers that include generated ones.
source "$(dirname "$0")/_files.sh"

build=${GARUDA_BUILD:-build}
read -r -a flags < <(pkg-config --cflags liburcu-qsbr libmnl jansson libbpf cmocka 2>/dev/null)
flags+=(-std=gnu11 -D_GNU_SOURCE -I. -I"$build" -I"$build/schemas" -Wall -Werror)

while read -r header; do
	unit="#include \"$header\"
#include \"$header\""
	case "$header" in
	bpf/shared.h) compile=(gcc -fsyntax-only) ;; # seen by both sides
	bpf/*) compile=(clang -target bpf -g -fsyntax-only -I/usr/include/x86_64-linux-gnu) ;;
	*) compile=(gcc -fsyntax-only) ;;
	esac
	case "$header" in
	*_test.h | tests/unit/test.h) unit="#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
$unit" ;;
	esac
	if ! output=$("${compile[@]}" "${flags[@]}" -x c - <<<"$unit" 2>&1); then
		complain "$header: does not compile alone:"
		sed 's/^/    /' <<<"$output" | head -n 8
	fi
done < <(files '*.h')
finish
