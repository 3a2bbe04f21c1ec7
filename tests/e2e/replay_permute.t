#!/bin/sh
# `make permutations` in short: four events instead of seven.
cd "$(dirname "$0")/../.." && exec tests/replay/run permute --events 4
