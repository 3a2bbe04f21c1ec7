#include "common/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/stripe_id.h"

#define INGEST                (unsigned)CONFIG_INGEST
#define WORKER                (unsigned)CONFIG_WORKER
#define SECRET_FILE_BYTES_MAX 65536

const struct config_setting config_settings[] = {
#define X(member, name, type, fallback, unit, low, high, needed, help)                                       \
    {name, CONFIG_##type, fallback, unit, low, high, needed, help, offsetof(struct config, member)},
    CONFIG_TABLE(X)
#undef X
};
const size_t config_settings_count = sizeof config_settings / sizeof config_settings[0];

static char **text_of(const struct config *config, const struct config_setting *setting)
{
    return (char **)(void *)((char *)(uintptr_t)config + setting->offset);
}

static int64_t *number_of(const struct config *config, const struct config_setting *setting)
{
    return (int64_t *)(void *)((char *)(uintptr_t)config + setting->offset);
}

static const struct config_setting *setting_find(const char *name, size_t len)
{
    for (size_t i = 0; i < config_settings_count; i++)
        if (strlen(config_settings[i].name) == len && !memcmp(config_settings[i].name, name, len))
            return &config_settings[i];
    return NULL;
}

/* Value of NAME in environment, NULL if absent. */
static const char *variable(char *const environment[], const char *name, const char *suffix)
{
    size_t name_len = strlen(name);
    size_t suffix_len = strlen(suffix);

    for (; *environment; environment++) {
        const char *entry = *environment;
        if (!strncmp(entry, name, name_len) && !strncmp(entry + name_len, suffix, suffix_len) &&
            entry[name_len + suffix_len] == '=')
            return entry + name_len + suffix_len + 1;
    }
    return NULL;
}

static bool blank(const char *text)
{
    return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

static enum err file_read(const char *name, const char *path, char **ret_text, struct failure *fail)
{
    enum err err = ERR_OK;
    size_t used = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = malloc(SECRET_FILE_BYTES_MAX + 1);

    if (fd < 0) {
        err = failf(fail, ERR_CONFIG, "%s_FILE: cannot open %s: %s", name, path, strerror(errno));
        goto out;
    }
    if (!text) {
        err = failf(fail, ERR_NOMEM, "%s_FILE: out of memory", name);
        goto out;
    }
    while (used < SECRET_FILE_BYTES_MAX && got > 0) {
        got = read(fd, text + used, SECRET_FILE_BYTES_MAX - used);
        if (got > 0)
            used += (size_t)got;
    }
    if (got) {
        err = failf(fail, ERR_CONFIG, "%s_FILE: %s: %s", name, path,
                    got < 0 ? strerror(errno) : "file is too large");
        goto out;
    }
    if (used && text[used - 1] == '\n')
        used--;
    if (used && text[used - 1] == '\r')
        used--;
    text[used] = '\0';
    if (strlen(text) != used || blank(text)) {
        err = failf(fail, ERR_CONFIG, "%s_FILE: %s is %s", name, path, used ? "not plain text" : "empty");
        goto out;
    }
    *ret_text = text;
    text = NULL;
out:
    if (text)
        explicit_bzero(text, SECRET_FILE_BYTES_MAX + 1);
    free(text);
    if (fd >= 0)
        (void)close(fd);
    return err;
}

static enum err number_parse(const struct config_setting *setting, const char *text, int64_t *ret_number,
                             struct failure *fail)
{
    char *end;
    intmax_t number;

    errno = 0;
    number = strtoimax(text, &end, 10);
    if (errno || end == text || *end || strchr(" \t+", *text))
        return failf(fail, ERR_CONFIG, "%s is not a whole number: write %s like %s", setting->name,
                     setting->unit, setting->fallback);
    if (number < setting->low || number > setting->high)
        return failf(fail, ERR_CONFIG, "%s is %jd, outside %" PRId64 "..%" PRId64 " %s", setting->name,
                     number, setting->low, setting->high, setting->unit);
    *ret_number = number;
    return ERR_OK;
}

static enum err setting_load(char *const environment[], unsigned program,
                             const struct config_setting *setting, struct config *config,
                             struct failure *fail)
{
    const char *value = variable(environment, setting->name, "");
    const char *path = setting->type == CONFIG_SECRET ? variable(environment, setting->name, "_FILE") : NULL;
    const bool needed = (setting->needed & program) != 0;
    char *text = NULL;

    if (value && path)
        return failf(fail, ERR_CONFIG, "%s and %s_FILE are both set: keep one", setting->name, setting->name);
    if (path) {
        enum err err = file_read(setting->name, path, &text, fail);
        if (err || !text)
            return err;
    } else {
        /* An empty variable counts as unset, except where silence would be dangerous. */
        if (value && blank(value)) {
            if (needed || *value)
                return failf(fail, ERR_CONFIG, "%s is blank: set it or remove it", setting->name);
            value = NULL;
        }
        text = strdup(value ? value : setting->fallback);
        if (!text)
            return failf(fail, ERR_NOMEM, "out of memory");
    }
    if (setting->type == CONFIG_NUMBER) {
        enum err err = number_parse(setting, text, number_of(config, setting), fail);
        free(text);
        return err;
    }
    *text_of(config, setting) = text;
    if (!*text)
        return needed ? failf(fail, ERR_CONFIG, "%s is not set: %s (%s)", setting->name, setting->help,
                              setting->type == CONFIG_SECRET
                                  ? "or name a file that holds it in the same name with _FILE"
                                  : setting->unit)
                      : ERR_OK;
    if ((int64_t)strlen(text) < setting->low || (int64_t)strlen(text) > setting->high)
        return failf(fail, ERR_CONFIG, "%s has %zu bytes, outside %" PRId64 "..%" PRId64, setting->name,
                     strlen(text), setting->low, setting->high);
    return ERR_OK;
}

/* Edit distance of two names; both shorter than 64 bytes. */
static unsigned distance(const char *a, size_t a_len, const char *b)
{
    unsigned row[64];
    size_t b_len = strlen(b);

    if (a_len >= 64 || b_len >= 64)
        return 64;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_len];
}

static enum err unknown_check(const char *entry, struct failure *fail)
{
    size_t len = strcspn(entry, "=");
    size_t stem = len > 5 && !memcmp(entry + len - 5, "_FILE", 5) ? len - 5 : len;
    const struct config_setting *setting = setting_find(entry, len);
    const char *nearest = "";
    unsigned nearest_distance = 64;

    if (strncmp(entry, "INSTEP_", 7) != 0 || setting)
        return ERR_OK;
    setting = setting_find(entry, stem);
    if (setting && setting->type == CONFIG_SECRET)
        return ERR_OK;
    for (size_t i = 0; i < config_settings_count; i++) {
        unsigned d = distance(entry, len, config_settings[i].name);
        if (d < nearest_distance) {
            nearest_distance = d;
            nearest = config_settings[i].name;
        }
    }
    return failf(fail, ERR_CONFIG, "%.*s is not a setting; did you mean %s? `instep config` lists all",
                 (int)len, entry, nearest);
}

/* Rules over more than one value, or over the text of one. */
static enum err values_check(const struct config *config, unsigned program, struct failure *fail)
{
    const char *key = config->stripe_api_key;

    if (*config->mode && strcmp(config->mode, "live") != 0 && strcmp(config->mode, "test") != 0)
        return failf(fail, ERR_CONFIG, "INSTEP_MODE is neither live nor test");
    if (strcmp(config->payloads, "off") != 0 && strcmp(config->payloads, "redacted") != 0)
        return failf(fail, ERR_CONFIG, "INSTEP_PAYLOADS is neither off nor redacted");
    if (*config->mode && strlen(key) > 8 &&
        (!strncmp(key + 2, "_live_", 6) || !strncmp(key + 2, "_test_", 6)) &&
        strncmp(key + 3, config->mode, 4) != 0)
        return failf(fail, ERR_CONFIG, "STRIPE_API_KEY is a key of the other mode than INSTEP_MODE=%s",
                     config->mode);
    if (*config->account &&
        (strncmp(config->account, "acct_", 5) != 0 || !stripe_id_is_plain(config->account)))
        return failf(fail, ERR_CONFIG, "INSTEP_ACCOUNT is no account's id (acct_…)");
    if (config->retry_base_ms > config->retry_max_ms)
        return failf(fail, ERR_CONFIG, "INSTEP_RETRY_BASE_MS is longer than INSTEP_RETRY_MAX_MS");
    if ((program & WORKER) && config->fetch_timeout_ms >= config->lease_ms)
        return failf(fail, ERR_CONFIG,
                     "INSTEP_FETCH_TIMEOUT_MS must be shorter than INSTEP_LEASE_MS (%" PRId64 ")",
                     config->lease_ms);
    if (strncmp(config->stripe_api_base, "http://", 7) != 0 &&
        strncmp(config->stripe_api_base, "https://", 8) != 0)
        return failf(fail, ERR_CONFIG,
                     "STRIPE_API_BASE must begin with https:// (or http:// for a simulator)");
    return ERR_OK;
}

enum err config_load(char *const environment[], unsigned program, struct config *ret_config,
                     struct failure *fail)
{
    struct config config = {0};
    enum err err = ERR_OK;

    for (char *const *entry = environment; !err && *entry; entry++)
        err = unknown_check(*entry, fail);
    for (size_t i = 0; !err && i < config_settings_count; i++)
        err = setting_load(environment, program, &config_settings[i], &config, fail);
    if (!err)
        err = values_check(&config, program, fail);
    if (err) {
        config_release(&config);
        return err;
    }
    *ret_config = config;
    return ERR_OK;
}

enum err config_require(const struct config *config, const char *name, struct failure *fail)
{
    const struct config_setting *setting = setting_find(name, strlen(name));

    if (setting && (setting->type == CONFIG_NUMBER || **text_of(config, setting)))
        return ERR_OK;
    return failf(fail, ERR_CONFIG, "%s is not set: %s", name, setting ? setting->help : "no such setting");
}

void config_release(struct config *config)
{
    for (size_t i = 0; i < config_settings_count; i++) {
        if (config_settings[i].type == CONFIG_NUMBER)
            continue;
        char *text = *text_of(config, &config_settings[i]);
        if (text)
            explicit_bzero(text, strlen(text));
        free(text);
    }
    *config = (struct config){0};
}

int64_t config_stripe_rate(const struct config *config)
{
    if (config->stripe_rate)
        return config->stripe_rate;
    return strcmp(config->mode, "live") == 0 ? 80 : 20;
}

/* The value as text for a person: secrets masked. buffer holds a number. */
static const char *value_text(const struct config *config, const struct config_setting *setting,
                              char buffer[32])
{
    if (setting->type == CONFIG_NUMBER) {
        (void)snprintf(buffer, 32, "%" PRId64, *number_of(config, setting));
        return buffer;
    }
    const char *text = *text_of(config, setting);
    return setting->type == CONFIG_SECRET && *text ? "********" : text;
}

static void bounds_text(const struct config_setting *setting, char buffer[64])
{
    (void)snprintf(buffer, 64, "%" PRId64 "..%" PRId64 "%s", setting->low, setting->high,
                   setting->type == CONFIG_NUMBER ? "" : " bytes");
}

static const char *needed_text(const struct config_setting *setting)
{
    static const char *const words[] = {"", "ingest", "worker", "ingest, worker"};
    return words[setting->needed & 3U];
}

static void print_json(FILE *out, const struct config *config)
{
    json_t *list = json_array();
    char number[32];

    for (size_t i = 0; list && i < config_settings_count; i++) {
        const struct config_setting *s = &config_settings[i];
        /* On a failed allocation the line is missing; json_array_append_new takes NULL and says so. */
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:s}", "name",
                                                    s->name, "value", value_text(config, s, number),
                                                    "default", s->fallback, "unit", s->unit, "low",
                                                    (json_int_t)s->low, "high", (json_int_t)s->high, "secret",
                                                    s->type == CONFIG_SECRET, "help", s->help));
    }
    (void)json_dumpf(list, out, JSON_INDENT(2));
    (void)fputc('\n', out);
    json_decref(list);
}

void config_print(FILE *out, const struct config *config, enum config_format format)
{
    char number[32];
    char bounds[64];

    if (format == CONFIG_FORMAT_JSON) {
        print_json(out, config);
        return;
    }
    if (format == CONFIG_FORMAT_MARKDOWN)
        (void)fputs("| Setting | Default | Unit | Bounds | Needed by | Meaning |\n| --- | --- | --- | --- | "
                    "--- | --- |\n",
                    out);
    else
        (void)fprintf(out, "%-31s %-28s %-28s %-24s %s\n", "SETTING", "VALUE", "DEFAULT", "BOUNDS", "UNIT");
    for (size_t i = 0; i < config_settings_count; i++) {
        const struct config_setting *s = &config_settings[i];
        bounds_text(s, bounds);
        if (format == CONFIG_FORMAT_MARKDOWN)
            (void)fprintf(out, "| `%s`%s | %s%s%s | %s | %s | %s | %s |\n", s->name,
                          s->type == CONFIG_SECRET ? " (or `_FILE`)" : "", *s->fallback ? "`" : "",
                          s->fallback, *s->fallback ? "`" : "", s->unit, bounds, needed_text(s), s->help);
        else
            (void)fprintf(out, "%-31s %-28s %-28s %-24s %s\n", s->name, value_text(config, s, number),
                          s->fallback, bounds, s->unit);
    }
}
