#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define LOG_LINE_BYTES 2048 /* longer lines are cut: a log is for reading */

static const char *program_name = "instep";
static enum log_level level_min = LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    level_min = level;
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (!strcmp(text, level_names[i])) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

struct line {
    char text[LOG_LINE_BYTES];
    size_t used; /* at most LOG_LINE_BYTES - 1, which is kept for the newline */
};

static void put(struct line *line, char c)
{
    if (line->used < LOG_LINE_BYTES - 1)
        line->text[line->used++] = c;
}

static void put_text(struct line *line, const char *text)
{
    while (*text)
        put(line, *text++);
}

static bool plain(const char *text)
{
    if (!*text)
        return false;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p <= ' ' || *p == '"' || *p == '=' || *p == '\\' || *p >= 127)
            return false;
    return true;
}

static void put_value(struct line *line, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    if (plain(text)) {
        put_text(line, text);
        return;
    }
    put(line, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            put(line, '\\');
            put(line, (char)*p);
        } else if (*p < ' ' || *p == 127) {
            put_text(line, "\\x");
            put(line, hex[*p >> 4]);
            put(line, hex[*p & 15]);
        } else {
            put(line, (char)*p);
        }
    }
    put(line, '"');
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    struct line line = {.used = 0};
    char number[32];
    char stamp[40];
    struct tm utc;
    int64_t now_ms = clock_wall_ms();
    time_t now = (time_t)(now_ms / 1000);

    if (level < level_min)
        return;
    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(number, sizeof number, ".%03dZ", (int)(now_ms % 1000));
    put_text(&line, "ts=");
    put_text(&line, stamp);
    put_text(&line, number);
    put_text(&line, " level=");
    put_text(&line, level_names[level]);
    put_text(&line, " program=");
    put_text(&line, program_name);
    put_text(&line, " event=");
    put_value(&line, event);
    for (; fields && fields->key; fields++) {
        put(&line, ' ');
        put_text(&line, fields->key);
        put(&line, '=');
        if (!fields->is_number) {
            put_value(&line, fields->text ? fields->text : "");
        } else {
            (void)snprintf(number, sizeof number, "%" PRId64, fields->number);
            put_text(&line, number);
        }
    }
    line.text[line.used++] = '\n';
    /* One write per line keeps lines of several processes apart; a full disk must not stop the service. */
    ssize_t written = write(STDERR_FILENO, line.text, line.used);
    (void)written;
}
