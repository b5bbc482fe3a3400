// SPDX-License-Identifier: BSD-3-Clause
// The service manager's notification protocol, sd_notify(3): one datagram of
// VARIABLE=VALUE lines to the socket that NOTIFY_SOCKET names.
#pragma once

// Nothing happens when nobody asked.
void notify_manager(const char *state); // "READY=1", "STOPPING=1"
