#include "common/stripe_version.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* When each train left. Oldest first. */
static const struct {
    int first;
    const char *name;
} trains[] = {
    {20240930, "acacia"}, {20250331, "basil"},  {20250930, "clover"},
    {20260325, "dahlia"}, {20260930, "endive"},
};
#define TRAINS (sizeof trains / sizeof *trains)

/* 20261028 for "2026-10-28.…"; 0: no such date. */
static int date_of(const char *text)
{
    static const char form[] = "0000-00-00.";
    int date = 0;

    for (size_t i = 0; form[i]; i++) {
        if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
            return 0;
        if (form[i] == '0')
            date = date * 10 + (text[i] - '0');
    }
    return date % 100 >= 1 && date % 100 <= 31 && date / 100 % 100 >= 1 && date / 100 % 100 <= 12 ? date : 0;
}

enum err stripe_version_parse(const char *text, int *ret_version, struct failure *fail)
{
    int date = date_of(text);
    const char *name = date ? text + strlen("2026-10-28.") : "";
    size_t train = TRAINS - 1;

    if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz") != strlen(name))
        return failf(fail, ERR_CONFIG,
                     "STRIPE_API_VERSION: \"%.60s\" is no version such as 2026-10-28.endive", text);
    if (date < STRIPE_VERSION_OLDEST)
        return failf(fail, ERR_CONFIG,
                     "STRIPE_API_VERSION: %.60s is too old; 2024-10-28.acacia is the oldest that can be read",
                     text);
    while (date < trains[train].first)
        train--;
    if (strcmp(name, trains[train].name) != 0 && train + 1 < TRAINS)
        return failf(fail, ERR_CONFIG, "STRIPE_API_VERSION: %.60s does not exist; that date is of %s", text,
                     trains[train].name);
    *ret_version = date;
    return ERR_OK;
}
