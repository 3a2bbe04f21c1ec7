/* Texts for people and for JSON: whatever comes from outside or was cut is made valid UTF-8. Pure. */
#ifndef INSTEP_WORKER_TEXT_H
#define INSTEP_WORKER_TEXT_H

#include <jansson.h>

/* In place: a character that was cut at the end is dropped, each byte that is no part of a character becomes '?'. */
void text_tidy(char *text);

/* text as a JSON string, tidied if need be; a new reference, NULL only without memory. */
json_t *text_json(const char *text);
json_t *text_json_or_null(const char *text); /* "" becomes null */

#endif
