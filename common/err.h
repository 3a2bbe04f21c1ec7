/*
 * What went wrong, as a value: one list of codes and a text buffer for the sentence a person reads.
 *
 * Libraries return an enum err and fill a struct failure; only programs log or exit. A function that fails
 * leaves its ret_ arguments untouched.
 */
#ifndef INSTEP_COMMON_ERR_H
#define INSTEP_COMMON_ERR_H

/* X(code, fixed text) */
#define ERR_LIST(X)                                                                                          \
    X(ERR_OK, "ok")                                                                                          \
    X(ERR_NOMEM, "out of memory")                                                                            \
    X(ERR_INVALID, "input cannot be understood")                                                             \
    X(ERR_CONFIG, "configuration is missing or wrong")                                                       \
    X(ERR_LIMIT, "a bound is reached")                                                                       \
    X(ERR_TIMEOUT, "no answer in time")                                                                      \
    X(ERR_UNAVAILABLE, "a service is away")                                                                  \
    X(ERR_PROTOCOL, "a service answered what it should not")                                                 \
    X(ERR_DENIED, "a service refused our credentials")                                                       \
    X(ERR_NOT_FOUND, "no such thing")                                                                        \
    X(ERR_CONFLICT, "somebody else was first")                                                               \
    X(ERR_SYSTEM, "the operating system refused")

enum err {
#define X(code, text) code,
    ERR_LIST(X)
#undef X
        ERR_COUNT
};

/* One failure: the code that decides what happens next, and one sentence that says what to do about it. */
struct failure {
    enum err code;
    char text[320]; /* NUL-terminated, cut if longer; never holds a secret or a payload */
};

/* The fixed text of a code; "unknown error" for a value outside the list. Static storage. */
const char *err_text(enum err code);

/*
 * Fill *fail and return code, so that callers can write `return failf(fail, ERR_INVALID, "...")`.
 * fail may be NULL when the caller has no interest in the sentence.
 */
enum err failf(struct failure *fail, enum err code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
