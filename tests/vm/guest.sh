#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The guest's second stage, on the outer machine's root: the usual mounts, then the command.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
export GARUDA_IN_VM=1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /dev/hugepages
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run # hides the outer machine's sockets and namespaces
mkdir -p /run/netns /run/lock
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t hugetlbfs hugetlbfs /dev/hugepages
ln -sf /proc/self/fd /dev/fd
mkdir -p /dev/net # opening these loads their modules, which udev would have arranged
mknod /dev/net/tun c 10 200
mknod /dev/vhost-net c 10 238

value() {
	sed -n "s/.*\bvm\.$1=\([^ ]*\).*/\1/p" /proc/cmdline
}
job=$(value job)
version=$(uname -r)
mkdir -p "/lib/modules/$version"
mount --bind "$(value modules)/$version" "/lib/modules/$version"
while read -r tag dir; do
	mount -t 9p -o rw,trans=virtio,version=9p2000.L,msize=512000,cache=none,access=any "$tag" "$dir"
done <"$job/shares"
ip link set lo up

for port in /sys/class/virtio-ports/*; do
	case "$(cat "$port/name")" in
	out) out=/dev/$(basename "$port") ;;
	rc) rc=/dev/$(basename "$port") ;;
	esac
done
exec 3>"$out"
(. "$job/command") </dev/null >&3 2>&3 3>&-
status=$?
exec 3>&-
echo "$status" >"$rc"
sync
echo o >/proc/sysrq-trigger
sleep 60
