/* The version that --version, the User-Agent and the logs say. CHANGELOG.md has what changed. */
#ifndef INSTEP_COMMON_VERSION_H
#define INSTEP_COMMON_VERSION_H

#define INSTEP_VERSION "0.1.0"

#endif
