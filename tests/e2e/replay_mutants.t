#!/bin/sh
# A broken rule of money is noticed: the truth is computed by code that shares nothing with it.
cd "$(dirname "$0")/../.." && exec tests/replay/mutants
