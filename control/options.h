// SPDX-License-Identifier: BSD-3-Clause
// The daemon's command line.
#pragma once

#include "dataplane/dataplane.h"

struct options {
	const char *config, *socket, *group; // NULL = the default
	struct dataplane_config dataplane;
};

// Returns true when the daemon shall run. Otherwise *status is what to exit with: 0 after
// --help and --version, 2 after a mistake, which is printed.
bool options_parse(int argc, char **argv, struct options *out, int *status);
