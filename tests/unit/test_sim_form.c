/* Forms with brackets, and billing dates. */
// rooms: sim
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "sim/billing.h"
#include "sim/calendar.h"
#include "sim/form.h"
#include "tests/unit/tap.h"

static const struct {
    const char *name, *form, *json; /* json NULL: refused */
} forms[] = {
    {"an empty form is an empty object", "", "{}"},
    {"pairs are texts", "a=1&b=two", "{\"a\":\"1\",\"b\":\"two\"}"},
    {"plus and percent are decoded in names and values", "a%5Bb%5D=x+y%26z", "{\"a\":{\"b\":\"x y&z\"}}"},
    {"brackets nest", "items[0][price]=p&items[0][quantity]=2&items[1][price]=q",
     "{\"items\":{\"0\":{\"price\":\"p\",\"quantity\":\"2\"},\"1\":{\"price\":\"q\"}}}"},
    {"empty brackets count on", "expand[]=a&expand[]=b", "{\"expand\":{\"0\":\"a\",\"1\":\"b\"}}"},
    {"a name without a value is empty", "a&b=", "{\"a\":\"\",\"b\":\"\"}"},
    {"the last of two wins", "a=1&a=2", "{\"a\":\"2\"}"},
    {"empty pairs are skipped", "&&a=1&", "{\"a\":\"1\"}"},
    {"a bad escape is refused", "a=%4", NULL},
    {"a bad digit is refused", "a=%zz", NULL},
    {"a NUL is refused", "a=%00", NULL},
    {"an open bracket is refused", "a[b=1", NULL},
    {"text after a bracket is refused", "a[b]c=1", NULL},
    {"a name without a head is refused", "[a]=1", NULL},
    {"a text is no object", "a=1&a[b]=2", NULL},
    {"depth has a bound", "a[1][2][3][4][5][6][7][8][9]=x", NULL},
    {"bytes that are no UTF-8 are refused", "a=%ff", NULL},
};

static void test_forms(void)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        json_t *json = form_decode(forms[i].form, strlen(forms[i].form));
        char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
        bool same = forms[i].json ? text && strcmp(text, forms[i].json) == 0 : !text;
        if (!tap_ok(same, "form: %s", forms[i].name))
            tap_note("got: %s", text ? text : "nothing");
        free(text);
        json_decref(json);
    }
}

static void test_values(void)
{
    static const char form[] = "a[b]=12&c=12x&d=true&e=99999999999999999999";
    json_t *params = form_decode(form, sizeof form - 1);
    int64_t value = -1;

    tap_ok(form_integer(params, "a.b", &value) && value == 12, "a path leads to a number");
    tap_ok(!form_integer(params, "c", &value) && !form_integer(params, "e", &value) && value == 12,
           "what is no number, or too long for one, is not taken");
    tap_ok(form_flag(params, "d", false) && form_flag(params, "missing", true), "flags have a default");
    json_decref(params);
}

#define AT(day, month) (month##_START + ((day)-1) * DAY)
#define JAN_START      INT64_C(1767225600) /* 2026 */
#define FEB_START      (JAN_START + 31 * DAY)
#define MAR_START      (FEB_START + 28 * DAY)
#define APR_START      (MAR_START + 31 * DAY)
#define JAN28_START    INT64_C(1830297600) /* 2028, a leap year */

static const struct {
    const char *name;
    int64_t anchor;
    enum interval interval;
    int64_t count, after, next;
} dates[] = {
    {"31 January is followed by 28 February", AT(31, JAN), INTERVAL_MONTH, 1, AT(31, JAN), AT(28, FEB)},
    {"and that by 31 March: the anchor keeps the day", AT(31, JAN), INTERVAL_MONTH, 1, AT(28, FEB),
     AT(31, MAR)},
    {"and that by 30 April", AT(31, JAN), INTERVAL_MONTH, 1, AT(31, MAR), AT(30, APR)},
    {"in a leap year 31 January is followed by 29 February", AT(31, JAN28), INTERVAL_MONTH, 1, AT(31, JAN28),
     JAN28_START + (31 + 28) * DAY},
    {"every second month", AT(31, JAN), INTERVAL_MONTH, 2, AT(31, JAN), AT(31, MAR)},
    {"a year from 29 February is 28 February", JAN28_START + (31 + 28) * DAY, INTERVAL_YEAR, 1,
     JAN28_START + (31 + 28) * DAY, JAN28_START + (366 + 31 + 27) * DAY},
    {"weeks are seven days", AT(5, JAN), INTERVAL_WEEK, 1, AT(5, JAN), AT(12, JAN)},
    {"days are days", AT(5, JAN), INTERVAL_DAY, 3, AT(10, JAN), AT(11, JAN)},
    {"an anchor ahead is the next boundary", AT(20, JAN), INTERVAL_MONTH, 1, AT(5, JAN), AT(20, JAN)},
    {"the boundary itself is not after itself", AT(1, JAN), INTERVAL_MONTH, 1, AT(1, FEB), AT(1, MAR)},
    {"the hour is kept", AT(31, JAN) + 5 * HOUR, INTERVAL_MONTH, 1, AT(31, JAN) + 5 * HOUR,
     AT(28, FEB) + 5 * HOUR},
};

static void test_dates(void)
{
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        int64_t next = calendar_next(dates[i].anchor, dates[i].interval, dates[i].count, dates[i].after);
        if (!tap_ok(next == dates[i].next, "calendar: %s", dates[i].name))
            tap_note("got %lld, want %lld", (long long)next, (long long)dates[i].next);
    }
}

static const struct {
    int64_t amount, part, whole;
    const char *currency;
    int64_t result;
} prorations[] = {
    {1000, 1, 3, "usd", 333},   {1000, 2, 3, "usd", 667},
    {-1000, 2, 3, "usd", -667}, {5, 1, 2, "jpy", 3},
    {-5, 1, 2, "jpy", -3},      {0, 1, 2, "usd", 0},
    {10000, 1, 3, "kwd", 3330}, {99999999, 2678399, 2678400, "usd", 99999962},
};

static void test_prorations(void)
{
    for (size_t i = 0; i < sizeof prorations / sizeof *prorations; i++) {
        int64_t got =
            prorate(prorations[i].amount, prorations[i].part, prorations[i].whole, prorations[i].currency);
        tap_ok(got == prorations[i].result, "%lld × %lld / %lld %s is %lld", (long long)prorations[i].amount,
               (long long)prorations[i].part, (long long)prorations[i].whole, prorations[i].currency,
               (long long)got);
    }
}

int main(void)
{
    test_forms();
    test_values();
    test_dates();
    test_prorations();
    return tap_done();
}
