/*
 * Structured log: one line per event on standard error, `key=value`, quoted where needed.
 *
 * Fields are an allow-list by construction: callers name each one. Never pass a body, a header, a secret, an
 * e-mail address or a connection string. Control characters are escaped, so a value cannot forge a line.
 *
 *     log_info("turn.applied", LOG_STR("customer", key), LOG_INT("entries", n));
 *     ts=2026-11-22T16:00:00.123Z level=info program=worker event=turn.applied customer=cus_1 entries=2
 */
#ifndef INSTEP_COMMON_LOG_H
#define INSTEP_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key;  /* static text; NULL ends a list */
    const char *text; /* borrowed for the call; NULL counts as "" */
    int64_t number;   /* instead of text */
    bool is_number;
};

#define LOG_STR(k, v) ((struct log_field){.key = (k), .text = (v)})
#define LOG_INT(k, v) ((struct log_field){.key = (k), .number = (int64_t)(v), .is_number = true})

/* Call once at start. program is static text shown on each line. Lines below level are dropped. */
void log_init(const char *program, enum log_level level);

/* "debug", "info", "warn", "error" → true and *ret_level. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* fields ends with a NULL key. event is a dotted noun.verb, static text. Never fails, never blocks on memory. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#ifdef __cppcheck__ /* does not know __VA_OPT__ */
#define LOG_FIELDS(...) ((const struct log_field *)0)
#else
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = 0}})
#endif
#define log_debug(event, ...) log_write(LOG_DEBUG, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...)  log_write(LOG_INFO, event, LOG_FIELDS(__VA_ARGS__))
#define log_warn(event, ...)  log_write(LOG_WARN, event, LOG_FIELDS(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_ERROR, event, LOG_FIELDS(__VA_ARGS__))

#endif
