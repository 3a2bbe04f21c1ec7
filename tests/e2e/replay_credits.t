#!/bin/sh
# Random lives of subscriptions over 24 months of virtual time: grants, balances and conversions are what an oracle outside the
# database says, while deliveries, workers and chores go wrong and the application spends. `make credits` runs 500 seeds.
cd "$(dirname "$0")/../.." && SEEDS=50 JOBS=2 exec tests/replay/run credits
