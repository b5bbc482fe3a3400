// SPDX-License-Identifier: BSD-3-Clause
// The switch's own addresses: the MAC of each af_xdp port's netdev, in the VLAN that the port
// carries untagged, which is where the host's stack speaks with it (LLDP, MSTP, IPv6
// autoconfiguration). They are FDB entries that no frame can move or age, and frames to them are
// dropped by name instead of flooded to the VLAN. A TAP's address is that of the station behind the
// port, so it is none of ours.
//
// Control thread only.
#pragma once

struct control;

// Makes the FDB agree with the model. Cheap when nothing changed; publish.c calls it.
void own_mac_settle(struct control *);
