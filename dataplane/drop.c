// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/drop.h"

static const char *const names[] = {
#define DROP_NAME(name, text) #name,
	DROP_REASONS(DROP_NAME)
#undef DROP_NAME
};

static const char *const texts[] = {
#define DROP_TEXT(name, text) text,
	DROP_REASONS(DROP_TEXT)
#undef DROP_TEXT
};

const char *drop_name(enum drop_reason r)
{
	return names[r];
}

const char *drop_text(enum drop_reason r)
{
	return texts[r];
}
