/* A file of plans, TOML or JSON, as ledger.load_plans wants it; and where in it something stands. */
#ifndef INSTEP_CLI_PLANS_FILE_H
#define INSTEP_CLI_PLANS_FILE_H

#include <jansson.h>
#include <stddef.h>

#include "common/err.h"

#define PLANS_FILE_BYTES_MAX (1024 * 1024)

struct plans_file {
    char *name;    /* owned; for messages: the path, or "standard input" */
    json_t *root;  /* owned; the document */
    json_t *lines; /* owned; an object: a path's keys, joined by "\x1f", to the line of the last */
};

/*
 * Read a file; "-" is standard input. It is TOML if its name ends in .toml, JSON if it ends in .json, else JSON if it begins
 * with "{". Nothing is known here of what a plan is.
 *
 * ret_file   the caller's, to plans_file_release(); untouched on failure.
 * Returns ERR_OK; ERR_INVALID: it cannot be opened, is too long, or is neither (the text begins with file:line:).
 */
enum err plans_file_read(const char *path, struct plans_file *ret_file, struct failure *fail);

/* The same for text that is there already (len bytes); name decides what it is, and is copied. */
enum err plans_file_parse(const char *name, const char *text, size_t len, struct plans_file *ret_file,
                          struct failure *fail);

/* The line of the longest beginning of path (an array of strings) that the file has; 1 if it has none of it. */
unsigned plans_file_line(const struct plans_file *file, const json_t *path);

void plans_file_release(struct plans_file *file); /* one that is all zero is fine */

#endif
