#!/bin/sh
# A broken rule is noticed: the truth is computed by code that shares nothing with it. Every sixth one; `make mutants` breaks all.
cd "$(dirname "$0")/../.." && EVERY=6 exec tests/replay/mutants
