// SPDX-License-Identifier: BSD-3-Clause
// The sentence that goes with a negative errno: names the object, the reason and the remedy.
// A function with a parameter `char *error` writes it into ERROR_TEXT_SIZE bytes of the
// caller's when it fails, and leaves them alone when it does not. NULL: not wanted.
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "base/compiler.h"

#define ERROR_TEXT_SIZE 256 // with the final zero; longer sentences are cut

// Writes the sentence and returns err, so that a function ends with
//	return error_say(error, -ENOENT, "there is no port '%s'", name);
static inline int printf_like(3, 4) error_say(char *error, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (error)
		vsnprintf(error, ERROR_TEXT_SIZE, fmt, ap);
	va_end(ap);
	return err;
}
