#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What the system tests rely on in a guest of tests/vm/run: 802.1Q devices, a bridge that
# filters VLANs, TAP, AF_XDP sockets and XDP on veth.
set -euo pipefail
uname -r
ip link add va type veth peer name vb
ip link add link va name va.10 type vlan id 10
ip link add link va name va.20 type vlan id 20 protocol 802.1ad
ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0
ip link set vb master br0
bridge vlan add dev vb vid 10
bridge vlan show dev vb | grep -qw 10
ip link set br0 up
ip link set va up
ip link set vb nomaster
ip tuntap add dev t0 mode tap
/usr/bin/python3 -c '
import socket
s = socket.socket(44, socket.SOCK_RAW)  # AF_XDP
s.setsockopt(283, 2, (256).to_bytes(4, "little"))  # SOL_XDP, XDP_RX_RING'
ip -d link show va.10 | grep -o 'vlan protocol 802.1Q id 10'
echo "devices ok"
