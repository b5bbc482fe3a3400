// SPDX-License-Identifier: BSD-3-Clause
// A daemon without a switch: the real loop, server and dispatcher over fake
// handlers. fake_daemon SOCKET [GROUP [MAX_CLIENTS]]; prints "ready" when it serves.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/loop.h"
#include "control/rpc/server.h"

static void stop(void *arg, int signo)
{
	loop_stop(arg);
}

int main(int argc, char **argv)
{
	struct rpc_server_config config = {0};
	struct rpc_server *server;
	struct loop *loop;
	char why[512];
	int err;

	if (argc < 2 || loop_create(&loop))
		return 2;
	config.path = argv[1];
	config.group = argc > 2 && argv[2][0] ? argv[2] : NULL;
	config.max_clients = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
	loop_signal(loop, SIGTERM, stop, loop);
	if (rpc_server_create(&server, loop, &config, why, sizeof(why))) {
		fprintf(stderr, "fake_daemon: %s\n", why);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	err = loop_run(loop);
	rpc_server_destroy(server);
	loop_destroy(loop);
	return err ? 1 : 0;
}
