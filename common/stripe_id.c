#include "common/stripe_id.h"

#include <string.h>

bool stripe_id_is_plain(const char *id)
{
    size_t len = strnlen(id, STRIPE_ID_BYTES_MAX + 1);

    if (!len || len > STRIPE_ID_BYTES_MAX || id[0] == '_' || id[0] == '-' || id[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') ||
              (id[i] >= '0' && id[i] <= '9') || id[i] == '_' || id[i] == '-' || id[i] == '.'))
            return false;
    return true;
}

const char *stripe_account_name(const char *account, const char *own_account)
{
    bool own =
        !*account || !strcmp(account, STRIPE_OWN_ACCOUNT) || (*own_account && !strcmp(account, own_account));

    return own ? STRIPE_OWN_ACCOUNT : account;
}
