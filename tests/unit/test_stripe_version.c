/* Which of Stripe's API versions reads can be pinned to. */
// rooms:
#include <string.h>

#include "common/stripe_version.h"
#include "tests/unit/tap.h"

static const struct {
    const char *text;
    int version;     /* 0: refused */
    const char *why; /* part of what is said then */
} cases[] = {
    {"2024-10-28.acacia", 20241028, 0},
    {"2025-02-24.acacia", 20250224, 0},
    {"2025-03-31.basil", STRIPE_VERSION_BASIL, 0},
    {"2025-09-30.clover", 20250930, 0},
    {"2026-03-25.dahlia", 20260325, 0},
    {"2026-10-28.endive", 20261028, 0},
    {"2027-03-31.fennel", 20270331,
     0}, /* not known yet: what it says is read as far as it can be understood */
    {"2024-09-30.acacia", 0, "too old"},
    {"2024-06-20", 0, "no version"},
    {"2023-10-16.x", 0, "too old"},
    {"2025-03-31.acacia", 0, "that date is of basil"},
    {"2026-10-28", 0, "no version"},
    {"2026-10-28.", 0, "no version"},
    {"2026-10-28.Endive", 0, "no version"},
    {"2026-10-28.endive ", 0, "no version"},
    {"2026-13-28.endive", 0, "no version"},
    {"2026-10-00.endive", 0, "no version"},
    {"20261028.endive", 0, "no version"},
    {"latest", 0, "no version"},
    {"", 0, "no version"},
};

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct failure why = {.text = ""};
        int version = 0;
        enum err err = stripe_version_parse(cases[i].text, &version, &why);

        if (cases[i].version)
            tap_ok(err == ERR_OK && version == cases[i].version, "%s can be read", cases[i].text);
        else
            tap_ok(err == ERR_CONFIG && version == 0 && strstr(why.text, cases[i].why) &&
                       strstr(why.text, "STRIPE_API_VERSION"),
                   "\"%s\" is refused: %s", cases[i].text, why.text);
    }
    return tap_done();
}
