/* Files that programs carry inside themselves: Lua scripts, migrations, functions, views. Made by tools/embed. */
#ifndef INSTEP_COMMON_EMBED_H
#define INSTEP_COMMON_EMBED_H

#include <stddef.h>

struct embedded_file {
    const char *name; /* path in the repository: "sql/migrations/0001_create_roles.sql" */
    const char *data; /* NUL after the end */
    size_t len;
};

/* Sorted by name, ends with a NULL name. */
extern const struct embedded_file embedded_files[];

/* NULL if there is none. */
const struct embedded_file *embedded_file_find(const char *name);

#endif
