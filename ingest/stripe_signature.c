#include "ingest/stripe_signature.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES        32
#define TIME_DIGITS_MAX  19 /* fits uint64_t */
#define SECRET_BYTES_MAX 1024

struct stripe_secrets {
    EVP_MAC *hmac;                          /* owned */
    EVP_MAC_CTX *keyed[STRIPE_SECRETS_MAX]; /* owned; each holds one secret's key, used again and again */
    unsigned count;
};

/* What the header says; texts are borrowed from it. */
struct signature {
    const char *time; /* digits */
    size_t time_len;
    uint64_t time_s;
    unsigned char macs[STRIPE_SIGNATURES_MAX][MAC_BYTES];
    unsigned macs_count; /* decodable ones */
    unsigned v1_count;   /* all, decodable or not */
};

static const char *const names[SIGNATURE_COUNT] = {
#define X(code, name) [code] = (name),
    SIGNATURE_LIST(X)
#undef X
};

const char *signature_verdict_name(enum signature_verdict verdict)
{
    return (unsigned)verdict < SIGNATURE_COUNT ? names[verdict] : "unknown";
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static void trim(const char **text, size_t *len)
{
    while (*len && is_blank(**text)) {
        (*text)++;
        (*len)--;
    }
    while (*len && is_blank((*text)[*len - 1]))
        (*len)--;
}

/* ---- secrets ---- */

static enum err add_secret(struct stripe_secrets *secrets, const char *secret, size_t len,
                           struct failure *fail)
{
    char sha256[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *keyed;

    if (!len)
        return failf(fail, ERR_CONFIG,
                     "STRIPE_WEBHOOK_SECRETS holds a blank secret: anybody could sign with it");
    if (len > SECRET_BYTES_MAX || secrets->count == STRIPE_SECRETS_MAX)
        return failf(fail, ERR_CONFIG, "STRIPE_WEBHOOK_SECRETS takes at most %d secrets of %d bytes",
                     STRIPE_SECRETS_MAX, SECRET_BYTES_MAX);
    keyed = EVP_MAC_CTX_new(secrets->hmac);
    if (!keyed || EVP_MAC_init(keyed, (const unsigned char *)secret, len, params) != 1) {
        EVP_MAC_CTX_free(keyed);
        return failf(fail, ERR_NOMEM, "HMAC-SHA256 cannot be set up");
    }
    secrets->keyed[secrets->count++] = keyed;
    return ERR_OK;
}

enum err stripe_secrets_create(const char *list, struct stripe_secrets **ret_secrets, struct failure *fail)
{
    struct stripe_secrets *secrets = calloc(1, sizeof *secrets);
    enum err err = ERR_OK;

    if (!secrets)
        return failf(fail, ERR_NOMEM, "no memory for the webhook secrets");
    secrets->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!secrets->hmac)
        err = failf(fail, ERR_SYSTEM, "libcrypto has no HMAC");
    for (const char *at = list ? list : "", *end; err == ERR_OK && at; at = end) {
        const char *secret = at;
        size_t len = strcspn(at, ",");

        end = at[len] ? at + len + 1 : NULL;
        trim(&secret, &len);
        err = add_secret(secrets, secret, len, fail);
    }
    if (err != ERR_OK) {
        stripe_secrets_free(secrets);
        return err;
    }
    *ret_secrets = secrets;
    return ERR_OK;
}

void stripe_secrets_free(struct stripe_secrets *secrets)
{
    if (!secrets)
        return;
    for (unsigned i = 0; i < secrets->count; i++)
        EVP_MAC_CTX_free(secrets->keyed[i]); /* wipes the key */
    EVP_MAC_free(secrets->hmac);
    free(secrets);
}

/* ---- the header ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool decode_mac(const char *hex, size_t len, unsigned char mac[MAC_BYTES])
{
    if (len != (size_t)2 * MAC_BYTES)
        return false;
    for (size_t i = 0; i < MAC_BYTES; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        mac[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_time(struct signature *signature, const char *digits, size_t len)
{
    if (signature->time || !len || len > TIME_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        signature->time_s = signature->time_s * 10 + (uint64_t)(digits[i] - '0');
    }
    signature->time = digits;
    signature->time_len = len;
    return true;
}

static bool read_item(struct signature *signature, const char *item, size_t len)
{
    const char *equals = memchr(item, '=', len);
    const char *value = equals ? equals + 1 : NULL;
    size_t name_len = equals ? (size_t)(equals - item) : 0;
    size_t value_len = equals ? len - name_len - 1 : 0;

    if (!equals)
        return false;
    if (name_len == 1 && item[0] == 't')
        return read_time(signature, value, value_len);
    if (name_len != 2 || item[0] != 'v' || item[1] != '1')
        return true; /* another scheme */
    if (++signature->v1_count > STRIPE_SIGNATURES_MAX)
        return false;
    signature->macs_count += decode_mac(value, value_len, signature->macs[signature->macs_count]);
    return true;
}

static enum signature_verdict read_header(struct signature *signature, const char *header)
{
    size_t left = header ? strnlen(header, STRIPE_SIGNATURE_HEADER_BYTES_MAX + 1) : 0;

    if (!left)
        return SIGNATURE_MISSING;
    if (left > STRIPE_SIGNATURE_HEADER_BYTES_MAX)
        return SIGNATURE_MALFORMED;
    for (bool more = true; more;) {
        const char *item = header;
        const char *comma = memchr(header, ',', left);
        size_t len = comma ? (size_t)(comma - header) : left;

        more = comma != NULL;
        header += len + more;
        left -= len + more;
        trim(&item, &len);
        if (!read_item(signature, item, len))
            return SIGNATURE_MALFORMED;
    }
    if (!signature->time)
        return SIGNATURE_MALFORMED;
    return signature->v1_count ? SIGNATURE_OK : SIGNATURE_NO_V1;
}

/* ---- the comparison ---- */

static bool sign(EVP_MAC_CTX *keyed, const struct signature *signature, const void *body, size_t body_len,
                 unsigned char mac[MAC_BYTES])
{
    size_t len = 0;

    return EVP_MAC_init(keyed, NULL, 0, NULL) == 1 && /* again, with the key it has */
           EVP_MAC_update(keyed, (const unsigned char *)signature->time, signature->time_len) == 1 &&
           EVP_MAC_update(keyed, (const unsigned char *)".", 1) == 1 &&
           (!body_len || EVP_MAC_update(keyed, body, body_len) == 1) &&
           EVP_MAC_final(keyed, mac, &len, MAC_BYTES) == 1 && len == MAC_BYTES;
}

/* Every signature against every secret, whole, with no way out in between. */
static enum signature_verdict compare(struct stripe_secrets *secrets, const struct signature *signature,
                                      const void *body, size_t body_len)
{
    unsigned matches = 0;

    for (unsigned i = 0; i < secrets->count; i++) {
        unsigned char mac[MAC_BYTES];

        if (!sign(secrets->keyed[i], signature, body, body_len, mac))
            return SIGNATURE_FAILED;
        for (unsigned j = 0; j < signature->macs_count; j++)
            matches += CRYPTO_memcmp(mac, signature->macs[j], MAC_BYTES) == 0;
    }
    return matches ? SIGNATURE_OK : SIGNATURE_MISMATCH;
}

enum signature_verdict stripe_signature_verify(struct stripe_secrets *secrets, const char *header,
                                               const void *body, size_t body_len, int64_t now_s,
                                               int64_t tolerance_s, int64_t *ret_age_s)
{
    struct signature signature = {.time = NULL};
    enum signature_verdict verdict = read_header(&signature, header);
    uint64_t now = now_s > 0 ? (uint64_t)now_s : 0;
    bool ahead;
    uint64_t apart;

    assert(secrets && secrets->count && tolerance_s >= 0);
    if (verdict != SIGNATURE_OK)
        return verdict;
    verdict = compare(secrets, &signature, body, body_len);
    if (verdict != SIGNATURE_OK)
        return verdict;
    /* The age second: only Stripe can make us say that a clock is wrong. */
    ahead = signature.time_s > now;
    apart = ahead ? signature.time_s - now : now - signature.time_s;
    if (ret_age_s) {
        int64_t age_s = apart > INT64_MAX ? INT64_MAX : (int64_t)apart;

        *ret_age_s = ahead ? -age_s : age_s;
    }
    if (tolerance_s && apart > (uint64_t)tolerance_s)
        return ahead ? SIGNATURE_IN_FUTURE : SIGNATURE_TOO_OLD;
    return SIGNATURE_OK;
}
