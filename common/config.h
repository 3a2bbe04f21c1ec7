/*
 * Configuration from the environment, read once at start (the table is common/config_table.h).
 *
 * A SECRET may instead be in a file: NAME_FILE=/path; one trailing newline is dropped. Setting both is an error,
 * so is an empty or blank file. An INSTEP_ variable that is not in the table is an error that names the nearest.
 */
#ifndef INSTEP_COMMON_CONFIG_H
#define INSTEP_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/config_table.h"
#include "common/err.h"

enum config_type { CONFIG_TEXT, CONFIG_SECRET, CONFIG_NUMBER };
enum { CONFIG_INGEST = 1, CONFIG_WORKER = 2 };

#define CONFIG_MEMBER_TEXT   char *
#define CONFIG_MEMBER_SECRET char *
#define CONFIG_MEMBER_NUMBER int64_t
struct config { /* strings are owned; "" when unset */
#define X(member, name, type, fallback, unit, low, high, needed, help) CONFIG_MEMBER_##type member;
    CONFIG_TABLE(X)
#undef X
};

struct config_setting {
    const char *name;
    enum config_type type;
    const char *fallback;
    const char *unit;
    int64_t low, high;
    unsigned needed;
    const char *help;
    size_t offset; /* of the member in struct config */
};
extern const struct config_setting config_settings[];
extern const size_t config_settings_count;

/*
 * Read every setting; program is CONFIG_INGEST, CONFIG_WORKER or 0 (check only what is set).
 * environment as in environ. ERR_CONFIG: fail says which name, what is wrong and what to do. On failure *ret is
 * untouched.
 */
enum err config_load(char *const environment[], unsigned program, struct config *ret_config,
                     struct failure *fail);
/* ERR_CONFIG with a sentence when the setting is unset. For commands that need some settings only. */
enum err config_require(const struct config *config, const char *name, struct failure *fail);
void config_release(struct config *config); /* wipes secrets, frees, zeroes */

/* The effective rate: INSTEP_STRIPE_RATE, or the default of the mode. */
int64_t config_stripe_rate(const struct config *config);

/* Print name, value (secrets masked), default, unit and bounds. */
enum config_format { CONFIG_FORMAT_TABLE, CONFIG_FORMAT_JSON, CONFIG_FORMAT_MARKDOWN };
void config_print(FILE *out, const struct config *config, enum config_format format);

#endif
