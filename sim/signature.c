#include "sim/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

static void append_hmac(const char *scheme, const char *secret, const char *message, size_t len, char *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;
    size_t used = strlen(out);

    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)message, len, digest,
              &digest_len))
        sim_die("cannot sign a delivery");
    used += (size_t)snprintf(out + used, SIGNATURE_BYTES - used, ",%s=", scheme);
    for (unsigned i = 0; i < digest_len; i++)
        used += (size_t)snprintf(out + used, SIGNATURE_BYTES - used, "%02x", digest[i]);
}

void signature_make(int64_t at, const char *body, size_t len, const char *const *secrets, unsigned count,
                    char out[SIGNATURE_BYTES])
{
    size_t size = len + 32;
    char *message = malloc(size);

    if (!message)
        sim_die("out of memory");
    int head = snprintf(message, size, "%lld.", (long long)at);
    memcpy(message + head, body, len);
    (void)snprintf(out, SIGNATURE_BYTES, "t=%lld", (long long)at);
    for (unsigned i = 0; i < count; i++)
        append_hmac("v1", secrets[i], message, (size_t)head + len, out);
    append_hmac("v0", "decoy", message, (size_t)head + len, out); /* a verifier that takes v0 is wrong */
    free(message);
}
