/*
 * Which event types are queued: a comma-separated list of patterns, `*` standing for anything.
 *
 * A thin event (v1.invoice.paid) is wanted if its whole type matches, or what follows `v1.` does.
 */
#ifndef INSTEP_INGEST_TYPE_FILTER_H
#define INSTEP_INGEST_TYPE_FILTER_H

#include <stdbool.h>

#include "common/err.h"

struct type_filter;

/* list is copied. ERR_CONFIG: an empty pattern, or one with characters that no type has. */
enum err type_filter_create(const char *list, struct type_filter **ret_filter, struct failure *fail);
void type_filter_free(struct type_filter *filter); /* NULL is fine */

bool type_filter_wants(const struct type_filter *filter, const char *type);

#endif
