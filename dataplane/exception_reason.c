// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/exception_reason.h"

static const char *const names[] = {
#define EXCEPTION_NAME(name, text) #name,
	EXCEPTION_REASONS(EXCEPTION_NAME)
#undef EXCEPTION_NAME
};

static const char *const texts[] = {
#define EXCEPTION_TEXT(name, text) text,
	EXCEPTION_REASONS(EXCEPTION_TEXT)
#undef EXCEPTION_TEXT
};

const char *exception_name(enum exception_reason r)
{
	return names[r];
}

const char *exception_text(enum exception_reason r)
{
	return texts[r];
}
