// SPDX-License-Identifier: BSD-3-Clause
// The configuration file: JSON with the parameters of RPCs, in the order in which
// they are called. There is no second language: what port.add takes stands in
// "ports" as it is.
//
//	{"bridge": {bridge.set}, "vlans": [{vlan.set}], "ports": [{port.add}], "fdb": [{fdb.add}]}
//
// All or nothing: the first fault ends it. A port whose netdev, namespace or
// container is missing is no fault: it is absent until it comes.
#pragma once

struct control;

// 0, or negative errno having logged FILE:LINE:COLUMN or the object that is wrong, and why.
int startup_load(struct control *, const char *path);
