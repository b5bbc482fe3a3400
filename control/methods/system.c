// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "control/methods/methods.h"
#include "dataplane/port/probe.h"

static_assert((int)RPC_MEMORY_KIND_HUGETLB == POOL_HUGETLB &&
		      (int)RPC_MEMORY_KIND_THP == POOL_THP && (int)RPC_MEMORY_KIND_PAGES == POOL_4K,
	"one order of memory kinds");

static void fill_memory(const struct control *c, struct rpc_memory *out)
{
	struct pool_stats s;

	packet_pool_stats(dataplane_pool(c->dp), &s);
	*out = (struct rpc_memory){
		.kind = (enum rpc_memory_kind)s.memory,
		.bytes = s.bytes,
		.frame_size = FRAME_STRIDE,
		.frames = s.frames,
		.frames_free = s.frames_free,
		.frames_quarantined = s.quarantined,
	};
}

// Reserved pages may be there, but not enough of them.
static bool is_used(
	enum probe_feature feature, const struct probe_result *r, enum rpc_memory_kind memory)
{
	if (feature == PROBE_HUGETLB)
		return memory == RPC_MEMORY_KIND_HUGETLB;
	return r->available && !r->forced_off;
}

static int fill_features(struct rpc_feature_array *out, enum rpc_memory_kind memory)
{
	for (unsigned i = 0; i < PROBE_N; i++) {
		struct rpc_feature *f = rpc_feature_array_append(out);
		struct probe_result r;

		if (!f)
			return -ENOMEM;
		probe_result(i, &r);
		snprintf(f->name, sizeof(f->name), "%s", r.name);
		f->available = is_used(i, &r, memory);
		f->forced_off = r.forced_off;
		if (f->available)
			continue;
		f->has_text = f->has_remedy = true;
		snprintf(f->text, sizeof(f->text), "%s", r.lost);
		snprintf(f->remedy, sizeof(f->remedy), "%s",
			r.forced_off ? "start garudad without --disable-feature for it" : r.remedy);
	}
	return 0;
}

int rpc_system_show(struct rpc_call *call, const struct rpc_system_show_params *params,
	struct rpc_system_show_result *result)
{
	const struct control *c = call->ctx;
	struct utsname kernel;

	snprintf(result->version, sizeof(result->version), "%s", GARUDA_VERSION);
	snprintf(result->api_version, sizeof(result->api_version), "%s", RPC_API_VERSION);
	if (!uname(&kernel))
		snprintf(result->kernel, sizeof(result->kernel), "%.63s", kernel.release);
	result->pid = (uint32_t)getpid();
	result->uptime = (clock_now_ns() - c->started_at) / NS_PER_SEC;
	result->has_config = c->config_path;
	if (c->config_path)
		snprintf(result->config, sizeof(result->config), "%s", c->config_path);
	result->n_ports = c->model->n_ports;
	result->n_workers = c->model->n_workers;
	fill_memory(c, &result->memory);
	return fill_features(&result->features, result->memory.kind);
}

int rpc_system_version(struct rpc_call *call, const struct rpc_system_version_params *params,
	struct rpc_system_version_result *result)
{
	snprintf(result->version, sizeof(result->version), "%s", GARUDA_VERSION);
	snprintf(result->api_version, sizeof(result->api_version), "%s", RPC_API_VERSION);
	snprintf(result->compatibility, sizeof(result->compatibility), "%s", RPC_COMPATIBILITY);
	return 0;
}
