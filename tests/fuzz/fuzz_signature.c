// rooms: ingest
/* The Stripe-Signature header: the input up to a line feed is the header, the rest the body. Nothing verifies. */
#include "ingest/stripe_signature.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stripe_secrets *secrets;
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t header_len = end ? (size_t)(end - data) : size;
    size_t body_len = end ? size - header_len - 1 : 0;
    char *header = malloc(header_len + 1);
    char *body = malloc(body_len ? body_len : 1);
    enum signature_verdict verdict;

    if (!header || !body ||
        (!secrets &&
         stripe_secrets_create("whsec_nobody_knows,whsec_this_one_neither", &secrets, NULL) != ERR_OK))
        goto out;
    if (header_len)
        memcpy(header, data, header_len);
    header[header_len] = '\0';
    if (body_len)
        memcpy(body, data + header_len + 1, body_len);
    verdict = stripe_signature_verify(secrets, header, body, body_len, 1792000000, 0, NULL);
    if (verdict == SIGNATURE_OK || verdict >= SIGNATURE_FAILED)
        abort();
out:
    free(header);
    free(body);
    return 0;
}
