#!/bin/sh
# Every story in one process: after each of its steps the ledger equals the simulator's truth, in three orders of events.
cd "$(dirname "$0")/../.." && exec tests/replay/run stories
