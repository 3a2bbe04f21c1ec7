/* Configuration: every way a value can be wrong has a sentence, and secrets never show. */
#include "common/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static char secret_path[] = "/tmp/instep-config-XXXXXX";
static char secret_variable[64];

static const struct {
    const char *name;
    const char *environment[8];
    unsigned program;
    const char *complaint; /* part of the sentence; NULL: must load */
} cases[] = {
    {"nothing set is fine where nothing is needed", {NULL}, 0, NULL},
    {"a worker needs a database",
     {"INSTEP_MODE=test", "STRIPE_API_KEY=sk_test_1234"},
     CONFIG_WORKER,
     "DATABASE_URL is not set"},
    {"an ingest needs a mode",
     {"STRIPE_WEBHOOK_SECRETS=whsec_12345"},
     CONFIG_INGEST,
     "INSTEP_MODE is not set"},
    {"an ingest with mode and secret loads",
     {"INSTEP_MODE=test", "STRIPE_WEBHOOK_SECRETS=whsec_12345"},
     CONFIG_INGEST,
     NULL},
    {"a blank secret is refused", {"INSTEP_MODE=test", "STRIPE_WEBHOOK_SECRETS=   "}, CONFIG_INGEST, "blank"},
    {"an empty secret that is needed is refused",
     {"INSTEP_MODE=test", "STRIPE_WEBHOOK_SECRETS="},
     CONFIG_INGEST,
     "blank"},
    {"a mode is live or test", {"INSTEP_MODE=prod"}, 0, "neither live nor test"},
    {"a live key in test mode is refused",
     {"INSTEP_MODE=test", "STRIPE_API_KEY=rk_live_1234"},
     0,
     "other mode"},
    {"a test key in live mode is refused",
     {"INSTEP_MODE=live", "STRIPE_API_KEY=sk_test_1234"},
     0,
     "other mode"},
    {"an account is an account's id", {"INSTEP_ACCOUNT=cus_123"}, 0, "no account's id"},
    {"and nothing else", {"INSTEP_ACCOUNT=acct_1/acct_2"}, 0, "no account's id"},
    {"an account's id loads", {"INSTEP_ACCOUNT=acct_123"}, 0, NULL},
    {"an unknown name suggests the nearest", {"INSTEP_LISTN=:80"}, 0, "did you mean INSTEP_LISTEN"},
    {"other programs' names are none of ours", {"HOME=/root", "LISTEN=x"}, 0, NULL},
    {"a number with a unit is refused", {"INSTEP_LEASE_MS=60s"}, 0, "not a whole number"},
    {"a number out of bounds says the bounds", {"INSTEP_TURNS_MAX=0"}, 0, "outside 1..1024 turns"},
    {"a number beyond 64 bits is refused",
     {"INSTEP_TURNS_MAX=99999999999999999999"},
     0,
     "not a whole number"},
    {"a fetch may not outlive the lease",
     {"INSTEP_MODE=test", "STRIPE_API_KEY=sk_test_1234", "DATABASE_URL=x", "INSTEP_LEASE_MS=1000"},
     CONFIG_WORKER,
     "must be shorter"},
    {"retry bounds must agree", {"INSTEP_RETRY_BASE_MS=5000", "INSTEP_RETRY_MAX_MS=1000"}, 0, "longer than"},
    {"a secret may come from a file", {"INSTEP_MODE=test", secret_variable}, CONFIG_INGEST, NULL},
    {"a secret twice is refused", {"STRIPE_WEBHOOK_SECRETS=whsec_12345", secret_variable}, 0, "both set"},
    {"a missing file is named", {"STRIPE_API_KEY_FILE=/nonexistent/key"}, 0, "/nonexistent/key"},
    {"an API base needs a scheme", {"STRIPE_API_BASE=api.stripe.com"}, 0, "https://"},
};

static void test_cases(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config = {0};
        struct failure fail = {0};
        enum err err =
            config_load((char *const *)(uintptr_t)cases[i].environment, cases[i].program, &config, &fail);
        bool right = cases[i].complaint ? err == ERR_CONFIG && strstr(fail.text, cases[i].complaint) : !err;
        if (!tap_ok(right, "%s", cases[i].name))
            tap_note("%d %s", err, fail.text);
        if (!err)
            config_release(&config);
    }
}

static void test_file_value(void)
{
    char *environment[] = {secret_variable, NULL};
    struct config config = {0};
    struct failure fail;

    tap_ok(!config_load(environment, 0, &config, &fail) &&
               !strcmp(config.stripe_webhook_secrets, "whsec_from_file"),
           "the newline at the end of a secret file is not part of the secret");
    config_release(&config);
}

static void test_masking(void)
{
    static char key[] = "STRIPE_API_KEY=sk_test_canary";
    static char url[] = "DATABASE_URL=postgres://u:canary@h/d";
    char *environment[] = {key, url, NULL};
    struct config config = {0};
    struct failure fail;

    tap_ok(!config_load(environment, 0, &config, &fail), "a configuration with secrets loads");
    for (int format = CONFIG_FORMAT_TABLE; format <= CONFIG_FORMAT_MARKDOWN; format++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        config_print(out, &config, (enum config_format)format);
        (void)fclose(out);
        tap_ok(len > 1000 && !strstr(text, "canary"), "format %d prints and shows no secret", format);
        free(text);
    }
    config_release(&config);
}

static void test_table(void)
{
    bool sorted = true;
    bool bounded = true;

    for (size_t i = 0; i < config_settings_count; i++) {
        const struct config_setting *s = &config_settings[i];
        if (i)
            sorted = sorted && strcmp(config_settings[i - 1].name, s->name) < 0;
        bounded = bounded && s->low <= s->high && strlen(s->help) > 20;
        if (s->type == CONFIG_NUMBER)
            bounded = bounded && atoll(s->fallback) >= s->low && atoll(s->fallback) <= s->high;
    }
    tap_ok(sorted, "the table is sorted by name, each name once");
    tap_ok(bounded, "every default is within its bounds and every setting is explained");
}

int main(void)
{
    int fd = mkstemp(secret_path);
    if (fd < 0 || write(fd, "whsec_from_file\n", 16) != 16 || close(fd))
        return 1;
    (void)snprintf(secret_variable, sizeof secret_variable, "STRIPE_WEBHOOK_SECRETS_FILE=%s", secret_path);
    test_table();
    test_cases();
    test_file_value();
    test_masking();
    (void)unlink(secret_path);
    return tap_done();
}
