/* Which ids may be part of a key, and whose account is our own. */
#include "common/stripe_id.h"

#include <string.h>

#include "tests/unit/tap.h"

static const struct {
    const char *id;
    bool plain;
} ids[] = {
    {"cus_1", true},    {"self", true},
    {"none", true},     {"SUMMER-25.2", true},
    {"1", true},        {"", false},
    {"_cus", false},    {"-cus", false},
    {".", false},       {"..", false},
    {"../etc", false},  {"cus 1", false},
    {"cus:1", false},   {"cus/1", false},
    {"cus{1}", false},  {"cus?1", false},
    {"cus#1", false},   {"cus%2f", false},
    {"cus\\1", false},  {"cus*", false},
    {"cus\n", false},   {"cus\r\nX:", false},
    {"cus\t", false},   {"cus\x7f", false},
    {"cus\x01", false}, {"cus_\xc3\xa9", false},
    {"cus'1", false},   {"cus\"1", false},
    {"cus;--", false},  {" cus", false},
};

static const struct {
    const char *account, *own, *name;
} accounts[] = {
    {"", "", "self"},
    {"self", "", "self"},
    {"acct_1", "", "acct_1"},
    {"", "acct_1", "self"},
    {"self", "acct_1", "self"},
    {"acct_1", "acct_1", "self"},
    {"acct_12", "acct_1", "acct_12"},
    {"acct_1", "acct_12", "acct_1"},
};

int main(void)
{
    char longest[STRIPE_ID_BYTES_MAX + 2];

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        tap_ok(stripe_id_is_plain(ids[i].id) == ids[i].plain, "id %zu is%s plain", i,
               ids[i].plain ? "" : " not");
    memset(longest, 'a', sizeof longest);
    longest[STRIPE_ID_BYTES_MAX] = '\0';
    tap_ok(stripe_id_is_plain(longest), "255 bytes are plain");
    longest[STRIPE_ID_BYTES_MAX] = 'a';
    longest[STRIPE_ID_BYTES_MAX + 1] = '\0';
    tap_ok(!stripe_id_is_plain(longest), "256 are not");
    for (size_t i = 0; i < sizeof accounts / sizeof accounts[0]; i++)
        tap_ok(!strcmp(stripe_account_name(accounts[i].account, accounts[i].own), accounts[i].name),
               "\"%s\" where we are \"%s\" is %s", accounts[i].account, accounts[i].own, accounts[i].name);
    return tap_done();
}
