/* Text from elsewhere, made harmless for a terminal. */
#ifndef INSTEP_CLI_TEXT_H
#define INSTEP_CLI_TEXT_H

#include <stddef.h>

/*
 * Copy text into buffer (len bytes, at least 8, NUL included) with every control character, C1 ones included, written
 * as \n, \r, \t or \x1b. A backslash stays as it is: this is for reading, not for reading back. What does not fit
 * is cut, never inside an escape or a character, and ends in "...". NULL counts as "". Returns buffer.
 */
const char *text_plain(const char *text, char *buffer, size_t len);

#endif
