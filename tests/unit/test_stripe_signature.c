// rooms: ingest
/* Stripe-Signature: every header that must be taken, and every one that must not. */
#include "ingest/stripe_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

#define SECRET    "whsec_test_first"
#define OTHER     "whsec_test_second"
#define BODY      "{\"id\":\"evt_1\",\"object\":\"event\"}"
#define NOW       1792000000LL
#define TOLERANCE 300

/* hex of HMAC-SHA256(secret, t "." body) */
static const char *mac(const char *secret, const char *t, const char *body)
{
    static char hex[8][65];
    static unsigned turn;
    unsigned char out[32];
    unsigned len = 0;
    char message[4096];
    char *to = hex[turn++ % 8];

    (void)snprintf(message, sizeof message, "%s.%s", t, body);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)message, strlen(message), out,
              &len))
        abort();
    for (unsigned i = 0; i < 32; i++)
        (void)sprintf(to + (size_t)2 * i, "%02x", out[i]);
    return to;
}

/* In patterns: T the time now, A the right mac, B the other secret's, Z a wrong one of the right form. */
static const char *expand(const char *pattern)
{
    static char header[4096];
    char *out = header;
    char now[24];

    (void)snprintf(now, sizeof now, "%lld", NOW);
    for (; *pattern; pattern++) {
        switch (*pattern) {
        case 'T': out += sprintf(out, "%s", now); break;
        case 'A': out += sprintf(out, "%s", mac(SECRET, now, BODY)); break;
        case 'B': out += sprintf(out, "%s", mac(OTHER, now, BODY)); break;
        case 'Z': out += sprintf(out, "%s", mac("whsec_wrong", now, BODY)); break;
        default: *out++ = *pattern;
        }
    }
    *out = '\0';
    return header;
}

static enum signature_verdict check(const char *secrets_list, const char *header, const char *body,
                                    int64_t now_s, int64_t tolerance_s, int64_t *ret_age_s)
{
    struct stripe_secrets *secrets;
    struct failure fail;
    enum signature_verdict verdict;

    if (stripe_secrets_create(secrets_list, &secrets, &fail) != ERR_OK) {
        printf("Bail out! %s\n", fail.text);
        exit(1);
    }
    verdict = stripe_signature_verify(secrets, header, body, strlen(body), now_s, tolerance_s, ret_age_s);
    stripe_secrets_free(secrets);
    return verdict;
}

static const struct {
    const char *name;
    const char *header; /* a pattern for expand(); NULL: none */
    enum signature_verdict verdict;
} headers[] = {
    {"a genuine header", "t=T,v1=A", SIGNATURE_OK},
    {"with the test events' decoy", "t=T,v1=A,v0=Z", SIGNATURE_OK},
    {"v1 before t", "v1=A,t=T", SIGNATURE_OK},
    {"a wrong v1 before the right one", "t=T,v1=Z,v1=A", SIGNATURE_OK},
    {"a wrong v1 after the right one", "t=T,v1=A,v1=Z", SIGNATURE_OK},
    {"the right one, then bad_signature", "t=T,v1=A,v1=bad_signature", SIGNATURE_OK},
    {"the right one, then potato", "t=T,v1=A,v1=potato", SIGNATURE_OK},
    {"the right one, then an empty one", "t=T,v1=A,v1=", SIGNATURE_OK},
    {"schemes nobody knows", "t=T,v2=x,v1=A,x=,=y,v=1", SIGNATURE_OK},
    {"spaces around items", " t=T , v1=A ", SIGNATURE_OK},
    {"two secrets' signatures", "t=T,v1=A,v1=B", SIGNATURE_OK},
    {"eight signatures, the last one right", "t=T,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z,v1=A", SIGNATURE_OK},

    {"no header", NULL, SIGNATURE_MISSING},
    {"an empty header", "", SIGNATURE_MISSING},
    {"bad_header", "bad_header", SIGNATURE_MALFORMED},
    {"a sentence", "this header is signed, i promise", SIGNATURE_MALFORMED},
    {"v1,t=1", "v1,t=1", SIGNATURE_MALFORMED},
    {"t=", "t=", SIGNATURE_MALFORMED},
    {"t", "t", SIGNATURE_MALFORMED},
    {"t,,", "t,,", SIGNATURE_MALFORMED},
    {",,", ",,", SIGNATURE_MALFORMED},
    {"blanks", "   ", SIGNATURE_MALFORMED},
    {"a trailing comma", "t=T,v1=A,", SIGNATURE_MALFORMED},
    {"t without a value", "t=,v1=A,v0=Z", SIGNATURE_MALFORMED},
    {"t without an equals sign", "t,v1=,v0=", SIGNATURE_MALFORMED},
    {"the same, v0 bare", "t,v1=,v0", SIGNATURE_MALFORMED},
    {"the same, a trailing comma", "t,v1=,", SIGNATURE_MALFORMED},
    {"no t at all", "v1=A", SIGNATURE_MALFORMED},
    {"t twice", "t=T,t=T,v1=A", SIGNATURE_MALFORMED},
    {"t with a sign", "t=+T,v1=A", SIGNATURE_MALFORMED},
    {"t negative", "t=-1,v1=A", SIGNATURE_MALFORMED},
    {"t with letters", "t=12abc,v1=A", SIGNATURE_MALFORMED},
    {"t in scientific notation", "t=1e3,v1=A", SIGNATURE_MALFORMED},
    {"t with a space inside", "t= T,v1=A", SIGNATURE_MALFORMED},
    {"t of twenty digits", "t=11111111111111111111,v1=A", SIGNATURE_MALFORMED},
    {"nine signatures", "t=T,v1=A,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z,v1=Z", SIGNATURE_MALFORMED},

    {"only the decoy", "t=T,v0=A", SIGNATURE_NO_V1},
    {"only t", "t=T", SIGNATURE_NO_V1},
    {"V1 is not v1", "t=T,V1=A", SIGNATURE_NO_V1},

    {"bad_signature", "t=T,v1=bad_signature", SIGNATURE_MISMATCH},
    {"not hexadecimal", "t=T,v1=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
     SIGNATURE_MISMATCH},
    {"half a signature", "t=T,v1=0123456789abcdef0123456789abcdef", SIGNATURE_MISMATCH},
    {"a signature and a half", "t=T,v1=A0", SIGNATURE_MISMATCH},
    {"another secret's signature", "t=T,v1=B", SIGNATURE_MISMATCH},
    {"another time's signature", "t=1791999999,v1=A", SIGNATURE_MISMATCH},
    {"zeros before the time were not signed", "t=0T,v1=A", SIGNATURE_MISMATCH},
    {"a space within the signature", "t=T,v1= A", SIGNATURE_MISMATCH},
};

static void test_headers(void)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        const char *header = headers[i].header ? expand(headers[i].header) : NULL;
        enum signature_verdict verdict = check(SECRET, header, BODY, NOW, TOLERANCE, NULL);

        if (!tap_ok(verdict == headers[i].verdict, "%s: %s", signature_verdict_name(headers[i].verdict),
                    headers[i].name))
            tap_note("got %s", signature_verdict_name(verdict));
    }
}

static void test_long_header(void)
{
    char header[2048];
    size_t used = (size_t)sprintf(header, "%s", expand("t=T,v1=A"));

    while (used < STRIPE_SIGNATURE_HEADER_BYTES_MAX)
        used += (size_t)sprintf(header + used, used < STRIPE_SIGNATURE_HEADER_BYTES_MAX - 3 ? ",x=" : "x");
    header[STRIPE_SIGNATURE_HEADER_BYTES_MAX] = '\0';
    tap_ok(check(SECRET, header, BODY, NOW, TOLERANCE, NULL) == SIGNATURE_OK,
           "ok: a header of exactly 1 KiB");
    (void)strcat(header, "x");
    tap_ok(check(SECRET, header, BODY, NOW, TOLERANCE, NULL) == SIGNATURE_MALFORMED,
           "signature_malformed: one byte more");
}

static const struct {
    const char *name;
    int64_t signed_at, tolerance_s;
    enum signature_verdict verdict;
} ages[] = {
    {"15 s old, tolerance 10", NOW - 15, 10, SIGNATURE_TOO_OLD},
    {"15 s ahead, tolerance 10", NOW + 15, 10, SIGNATURE_IN_FUTURE},
    {"299 s old", NOW - 299, TOLERANCE, SIGNATURE_OK},
    {"300 s old", NOW - 300, TOLERANCE, SIGNATURE_OK},
    {"301 s old", NOW - 301, TOLERANCE, SIGNATURE_TOO_OLD},
    {"300 s ahead", NOW + 300, TOLERANCE, SIGNATURE_OK},
    {"301 s ahead", NOW + 301, TOLERANCE, SIGNATURE_IN_FUTURE},
    {"1970, tolerance off", 12345, 0, SIGNATURE_OK},
    {"1970", 12345, TOLERANCE, SIGNATURE_TOO_OLD},
    {"the end of 64 bits", 9223372036854775807LL, TOLERANCE, SIGNATURE_IN_FUTURE},
};

static void test_ages(void)
{
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        char t[24], header[128];
        int64_t age_s = 1;
        enum signature_verdict verdict;

        (void)snprintf(t, sizeof t, "%lld", (long long)ages[i].signed_at);
        (void)snprintf(header, sizeof header, "t=%s,v1=%s", t, mac(SECRET, t, BODY));
        verdict = check(SECRET, header, BODY, NOW, ages[i].tolerance_s, &age_s);
        tap_ok(verdict == ages[i].verdict && age_s == NOW - ages[i].signed_at, "%s: %s",
               signature_verdict_name(ages[i].verdict), ages[i].name);
    }
    tap_ok(check(SECRET, "t=9999999999999999999,v1=00", BODY, NOW, TOLERANCE, NULL) == SIGNATURE_MISMATCH,
           "signature_mismatch: nineteen nines, and no word about the time to those who cannot sign");
}

static const struct {
    const char *name, *secrets, *header, *body;
    enum signature_verdict verdict;
} bodies[] = {
    {"the first of two secrets", SECRET "," OTHER, "t=T,v1=A", BODY, SIGNATURE_OK},
    {"the second of two secrets", SECRET "," OTHER, "t=T,v1=B", BODY, SIGNATURE_OK},
    {"blanks around secrets do not count", " " SECRET " ,\t" OTHER "\n", "t=T,v1=B", BODY, SIGNATURE_OK},
    {"two signatures, the first one's secret", SECRET, "t=T,v1=A,v1=B", BODY, SIGNATURE_OK},
    {"two signatures, the second one's secret", OTHER, "t=T,v1=A,v1=B", BODY, SIGNATURE_OK},
    {"the secret of another endpoint", "whsec_test_third", "t=T,v1=A,v1=B", BODY, SIGNATURE_MISMATCH},
    {"the secret without its prefix", "test_first", "t=T,v1=A", BODY, SIGNATURE_MISMATCH},
    {"one byte of the body changed", SECRET, "t=T,v1=A", "{\"id\":\"evt_2\",\"object\":\"event\"}",
     SIGNATURE_MISMATCH},
    {"a body written again from its JSON", SECRET, "t=T,v1=A", "{\"id\": \"evt_1\", \"object\": \"event\"}",
     SIGNATURE_MISMATCH},
    {"one byte more", SECRET, "t=T,v1=A", BODY "\n", SIGNATURE_MISMATCH},
    {"an empty body", SECRET, "t=T,v1=A", "", SIGNATURE_MISMATCH},
};

static void test_bodies(void)
{
    struct stripe_secrets *secrets;
    struct failure fail;
    char header[256];
    bool ok = true;

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        tap_ok(check(bodies[i].secrets, expand(bodies[i].header), bodies[i].body, NOW, TOLERANCE, NULL) ==
                   bodies[i].verdict,
               "%s: %s", signature_verdict_name(bodies[i].verdict), bodies[i].name);
    (void)snprintf(header, sizeof header, "t=%lld,v1=%s", NOW, mac(SECRET, "1792000000", ""));
    tap_ok(check(SECRET, header, "", NOW, TOLERANCE, NULL) == SIGNATURE_OK,
           "ok: an empty body, if it was signed");

    /* One set of secrets serves for ever. */
    if (stripe_secrets_create(OTHER "," SECRET, &secrets, &fail) != ERR_OK)
        abort();
    for (int i = 0; i < 1000; i++) {
        ok &= stripe_signature_verify(secrets, expand("t=T,v1=A"), BODY, strlen(BODY), NOW, TOLERANCE,
                                      NULL) == SIGNATURE_OK;
        ok &= stripe_signature_verify(secrets, expand("t=T,v1=Z"), BODY, strlen(BODY), NOW, TOLERANCE,
                                      NULL) == SIGNATURE_MISMATCH;
    }
    stripe_secrets_free(secrets);
    tap_ok(ok, "the same secrets verify again and again");
}

static const struct {
    const char *name, *list;
    enum err err;
} lists[] = {
    {"one secret", "whsec_1", ERR_OK},
    {"a secret with a space in it is used as it is", "whsec 1", ERR_OK},
    {"eight secrets", "a,b,c,d,e,f,g,h", ERR_OK},
    {"no list", NULL, ERR_CONFIG},
    {"an empty list", "", ERR_CONFIG},
    {"blanks", " \t\n", ERR_CONFIG},
    {"a comma", ",", ERR_CONFIG},
    {"a blank secret between two", "a,,b", ERR_CONFIG},
    {"a blank secret at the end", "a, ", ERR_CONFIG},
    {"nine secrets", "a,b,c,d,e,f,g,h,i", ERR_CONFIG},
};

static void test_lists(void)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct stripe_secrets *secrets = NULL;
        struct failure fail = {.text = ""};
        enum err err = stripe_secrets_create(lists[i].list, &secrets, &fail);

        tap_ok(err == lists[i].err && (err == ERR_OK) == (secrets != NULL), "%s: %s",
               lists[i].err == ERR_OK ? "taken" : "refused", lists[i].name);
        stripe_secrets_free(secrets);
    }
}

/* A known answer, worked out apart from this code: openssl dgst -sha256 -hmac. */
static void test_known_answer(void)
{
    tap_ok(check("whsec_known",
                 "t=1700000000,v1="
                 "cf0f6e6b48afcb0cb17721cbc9dd3e6ebac32e5352fdb7f22aaa622a454b1fc4",
                 "{\"a\":1}", 1700000000, TOLERANCE, NULL) == SIGNATURE_OK,
           "ok: a known answer");
}

int main(void)
{
    test_headers();
    test_long_header();
    test_ages();
    test_bodies();
    test_lists();
    test_known_answer();
    return tap_done();
}
