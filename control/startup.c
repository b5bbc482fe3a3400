// SPDX-License-Identifier: BSD-3-Clause
#include "control/startup.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"

static const struct section {
	const char *name, *method;
	bool is_list;
} sections[] = {
	{"bridge", "bridge.set", false},
	{"router", "router.set", false},
	{"vlans", "vlan.set", true},
	{"ports", "port.add", true},
	{"fdb", "fdb.add", true},
};

struct loading {
	struct control *control;
	const char *path;
};

// Where in the file: "ports[2]", with the object's name if it has one.
static void name_object(
	char *out, size_t size, const struct section *s, size_t index, const json_t *params)
{
	const char *name = json_string_value(json_object_get(params, "name"));

	if (!s->is_list)
		snprintf(out, size, "%s", s->name);
	else if (name)
		snprintf(out, size, "%s[%zu] (%.31s)", s->name, index, name);
	else
		snprintf(out, size, "%s[%zu]", s->name, index);
}

static int run(const struct loading *l, const struct section *s, size_t index, const json_t *params)
{
	const struct rpc_peer peer = {.may_write = true};
	struct rpc_call call = {.peer = &peer, .ctx = l->control};
	char object[96];
	int err;

	name_object(object, sizeof(object), s, index, params);
	if (!json_is_object(params)) {
		log_error("%s: %s: must be an object with the parameters of %s", l->path, object,
			s->method);
		return -EINVAL;
	}
	err = rpc_invoke(rpc_method_find(s->method), &call, params, NULL);
	if (err)
		log_error("%s: %s: %s", l->path, object, call.fault.text);
	return err;
}

static int run_section(const struct loading *l, const struct section *s, const json_t *value)
{
	const json_t *params;
	size_t i;
	int err = 0;

	if (!s->is_list)
		return run(l, s, 0, value);
	if (!json_is_array(value)) {
		log_error("%s: %s: must be a list of objects with the parameters of %s", l->path,
			s->name, s->method);
		return -EINVAL;
	}
	json_array_foreach(value, i, params)
	{
		err = run(l, s, i, params);
		if (err)
			break;
	}
	return err;
}

static int check_names(const struct loading *l, json_t *doc)
{
	const char *name;
	json_t *value;

	if (!json_is_object(doc)) {
		log_error(
			"%s: must be an object with bridge, router, vlans, ports and fdb", l->path);
		return -EINVAL;
	}
	json_object_foreach(doc, name, value)
	{
		size_t i = 0;

		while (i < ARRAY_SIZE(sections) && strcmp(sections[i].name, name))
			i++;
		if (i == ARRAY_SIZE(sections)) {
			log_error("%s: %s: is not known here; there are bridge, router, vlans, "
				  "ports and fdb",
				l->path, name);
			return -EINVAL;
		}
	}
	return 0;
}

int startup_load(struct control *c, const char *path)
{
	const struct loading l = {.control = c, .path = path};
	json_error_t error;
	json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	int err;

	if (!doc) {
		if (error.line > 0)
			log_error("%s:%d:%d: is not JSON: %s", path, error.line, error.column,
				error.text);
		else
			log_error("%s: %s", path, error.text);
		return -EINVAL;
	}
	err = check_names(&l, doc);
	c->is_loading = true;
	for (size_t i = 0; !err && i < ARRAY_SIZE(sections); i++) {
		const json_t *value = json_object_get(doc, sections[i].name);

		if (value)
			err = run_section(&l, &sections[i], value);
	}
	c->is_loading = false;
	json_decref(doc);
	return err;
}
