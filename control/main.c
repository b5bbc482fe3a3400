// SPDX-License-Identifier: BSD-3-Clause
// The daemon: what is started in which order, and stopped in the reverse.
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/control.h"
#include "control/notify.h"
#include "control/options.h"
#include "control/rpc/server.h"
#include "control/startup.h"

static void on_stop(void *arg, int signo)
{
	log_info("stopping on %s", strsignal(signo));
	loop_stop(arg);
}

static void on_hangup(void *arg, int signo)
{
	log_info("SIGHUP is ignored: the configuration file is read at the start; change things "
		 "with 'garuda'");
}

static int catch_signals(struct loop *loop)
{
	int err = loop_signal(loop, SIGTERM, on_stop, loop);

	if (!err)
		err = loop_signal(loop, SIGINT, on_stop, loop);
	if (!err)
		err = loop_signal(loop, SIGHUP, on_hangup, loop);
	return err;
}

// The crash record lies beside the socket; the socket's directory is this daemon's identity.
static int set_up(struct control *c, const struct options *o)
{
	char state[sizeof(c->attach.instance) + 16], directory[sizeof(c->attach.instance)];

	snprintf(directory, sizeof(directory), "%s", o->socket);
	snprintf(state, sizeof(state), "%s.state", directory);
	return control_setup(
		c, &(struct control_config){
			   .dataplane = o->dataplane,
			   .attach = {.state_path = state, .instance = dirname(directory)},
		   });
}

// A start that fails after a crash leaves guards and legs as the crash left them, noted for the
// next one: a switched port does not open to the host because of a mistake in a file.
static void leave_as_found(struct rpc_server *server)
{
	log_warn("what a killed daemon left is not undone: its ports stay guarded until a start "
		 "succeeds");
	rpc_server_destroy(server);
	_exit(EXIT_FAILURE);
}

// Order matters. The socket comes first: it is what only one daemon can hold, so a second one
// touches nothing of the first one's. It is served by the loop, that is, once all stands.
// Leftovers of a crash are undone last: what the configuration claims of them is adopted.
static int run(const struct options *o)
{
	char why[ERROR_TEXT_SIZE] = "";
	struct rpc_server *server = NULL;
	bool after_crash;
	struct control *c;
	int err = control_create(&c);

	if (err)
		return err;
	err = catch_signals(c->loop);
	if (err)
		goto stop;
	err = rpc_server_create(&server, c->loop,
		&(struct rpc_server_config){.path = o->socket, .group = o->group, .ctx = c}, why,
		sizeof(why));
	if (err) {
		log_error("%s", why);
		goto stop;
	}
	err = set_up(c, o);
	if (err)
		goto stop;
	err = dataplane_start(c->dp);
	if (err) {
		log_error("cannot start the workers: %s", strerror(-err));
		goto stop;
	}
	if (o->config) {
		c->config_path = o->config;
		after_crash = attach_has_leftovers(c);
		err = startup_load(c, o->config);
		if (err && after_crash)
			leave_as_found(server);
		if (err)
			goto stop;
	}
	attach_undo_leftovers(c);
	publish_now(c);
	log_info("ready: %u ports, %u workers, socket %s", c->model->n_ports,
		dataplane_n_workers(c->dp), o->socket);
	notify_manager("READY=1");
	err = loop_run(c->loop);
	notify_manager("STOPPING=1");

stop:
	rpc_server_destroy(server); // nobody changes anything any more
	if (c->dp) {
		control_close_ports(c); // while workers still let go of them
		if (!dataplane_stop(c->dp)) {
			log_warn("a worker stands still; it is ended, and what it held stays as "
				 "after a crash");
			_exit(EXIT_FAILURE);
		}
	}
	control_destroy(c);
	return err;
}

int main(int argc, char **argv)
{
	struct options options;
	int status;

	if (!options_parse(argc, argv, &options, &status))
		return status;
	return run(&options) ? EXIT_FAILURE : EXIT_SUCCESS;
}
