/*
 * Places where tests kill this process, to prove that any of them may be its last. Compiled in only by
 * `make MODE=crash`; elsewhere a crash point is nothing at all. CRASHPOINT=name[:n] dies at the n-th passing, STOPPOINT=name[:n] stops
 * there until it gets SIGCONT.
 */
#ifndef INSTEP_WORKER_CRASHPOINT_H
#define INSTEP_WORKER_CRASHPOINT_H

#ifdef INSTEP_CRASHPOINTS
void crashpoint(const char *name);
#else
#define crashpoint(name) ((void)0)
#endif

#endif
