#!/bin/sh
# Random lives in one process, delivered while they are lived: late, twice, thin or whole; turns break off and overtake each
# other. `SEEDS=n tests/replay/run truth --customers 200 --months 12` runs as many as asked.
cd "$(dirname "$0")/../.." && SEEDS=3 exec tests/replay/run truth --customers 20 --months 4
