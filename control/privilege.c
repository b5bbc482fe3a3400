// SPDX-License-Identifier: BSD-3-Clause
#include "control/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

int privilege_check(enum rpc_port_kind kind, const char *port, char *error)
{
	static const struct {
		unsigned capability;
		const char *name;
		bool is_for_tap;
	} needed[] = {
		{CAP_NET_ADMIN, "CAP_NET_ADMIN", true},
		{CAP_NET_RAW, "CAP_NET_RAW", false},
		{CAP_BPF, "CAP_BPF", false},
	};
	uint64_t has = effective_capabilities();

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		bool is_needed = kind == RPC_PORT_KIND_AF_XDP ||
				 (kind == RPC_PORT_KIND_TAP && needed[i].is_for_tap);

		// Before Linux 5.8 there is no CAP_BPF; CAP_SYS_ADMIN always includes it.
		if (needed[i].capability == CAP_BPF && has >> CAP_SYS_ADMIN & 1)
			continue;
		if (is_needed && !(has >> needed[i].capability & 1))
			return error_say(error, -EPERM,
				"port %s: garudad has not the privilege %s that a port of kind %s "
				"needs; run it as root or by its systemd unit",
				port, needed[i].name, rpc_port_kind_name(kind));
	}
	return 0;
}
