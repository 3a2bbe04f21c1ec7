#include "common/err.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const char *const texts[ERR_COUNT] = {
#define X(code, text) [code] = (text),
    ERR_LIST(X)
#undef X
};

const char *err_text(enum err code)
{
    return (unsigned)code < ERR_COUNT ? texts[code] : "unknown error";
}

enum err failf(struct failure *fail, enum err code, const char *fmt, ...)
{
    if (fail) {
        va_list args;
        fail->code = code;
        va_start(args, fmt);
        (void)vsnprintf(fail->text, sizeof fail->text, fmt, args);
        va_end(args);
    }
    return code;
}
