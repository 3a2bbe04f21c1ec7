/*
 * TOML 1.0 into JSON, with the line of every key. The parser is toml++; this is the only C++ of the project.
 */
#ifndef INSTEP_CLI_TOML_H
#define INSTEP_CLI_TOML_H

#include <jansson.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a document cannot be read for. */
struct toml_fault {
    unsigned line, column; /* from 1 on */
    char text[200];
};

/*
 * Read text (len bytes, UTF-8, need not end in NUL). Dates and times become strings, and so do floats that JSON has no
 * number for (inf, nan).
 *
 * lines      an object of the caller's that gets the line of every key: the path's keys, joined by "\x1f", to a number.
 * ret_root   the document, an object; the caller's to json_decref().
 * Returns 0; or -1 with *fault filled and *ret_root untouched. Whoever runs out of memory here is ended, as C++ does.
 */
int toml_read(const char *text, size_t len, json_t *lines, json_t **ret_root, struct toml_fault *fault);

#ifdef __cplusplus
}
#endif
#endif
