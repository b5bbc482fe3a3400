#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# 256 MB by HTTP between stock containers, whole and unchanged, for every pair of port kinds.
#
#	x: eth0 (veth)   y: eth0 (veth)   t: eth0 (TAP)   u: eth0 (TAP)
#	     |                |                |               |
#	[ device under test                                       ]
source "$(dirname "$0")/_init.sh"
source "$(dirname "$0")/_traffic.sh"

size=$((256 << 20))
dut_start
switch_silence
host_add x 10.0.0.1/24 --kind af_xdp
host_add y 10.0.0.2/24 --kind af_xdp
host_add t 10.0.0.3/24 --kind tap
host_add u 10.0.0.4/24 --kind tap
counts_begin x y t u

# Bytes that no two parts of are alike, so that nothing can be lost, doubled or exchanged unseen.
mkdir "$GT_TMP/www"
/usr/bin/python3 - "$GT_TMP/www/file" $size <<-'END'
	import random, sys
	source = random.Random(1)
	with open(sys.argv[1], "wb") as f:
	    for _ in range(int(sys.argv[2]) >> 20):
	        f.write(source.randbytes(1 << 20))
END
wanted=$(sha256sum <"$GT_TMP/www/file")
check_equal "the file is long enough" "$(stat -c %s "$GT_TMP/www/file")" $size

while read -r from to address; do
	spawn_on "$from" /usr/bin/python3 -m http.server --directory "$GT_TMP/www" 80
	check "a server at $from" wait_for 10 port_listens "$from" 80
	got=$(on "$to" timeout 60 curl -sS --max-time 60 "http://$address/file" | sha256sum)
	check_equal "256 MB from $from to $to" "$got" "$wanted"
	stop "$spawned"
done <<-END
	x y 10.0.0.1
	t u 10.0.0.3
	t x 10.0.0.3
	x t 10.0.0.1
END
checksums_check x y t u
counts_check x y t u
finish
