#!/bin/sh
# ingest.sh: signed webhooks per second through one instep-ingest and its Redis, beside nginx (one worker process)
# answering the same POSTs with a static 200. Rounds alternate, so that both meet the same machine; medians are kept.
# Prints rows for docs/benchmarks.md. Needs nginx, wrk, perl, redis-server.
#
#   SECONDS_EACH=5 ROUNDS=3 CONNECTIONS=64 BIN=bin tests/bench/ingest.sh
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$root/bin}
seconds=${SECONDS_EACH:-5}
rounds=${ROUNDS:-3}
connections=${CONNECTIONS:-64}
PATH=$PATH:/usr/sbin:/sbin

for tool in nginx wrk perl redis-server redis-cli; do
    command -v "$tool" >/dev/null || {
        echo "skipped: $tool is missing (apt-get install nginx-light wrk perl redis-server redis-tools)"
        exit 0
    }
done

dir=$(mktemp -d)
pids=
finish() {
    status=$?
    for pid in $pids; do kill "$pid" 2>/dev/null || :; done
    for pid in $pids; do wait "$pid" 2>/dev/null || :; done
    rm -rf "$dir"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

free_port() {
    perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}
wait_port() {
    perl -MIO::Socket::INET -e 'for (1 .. 200) {
        exit 0 if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]"); select undef, undef, undef, 0.05 } exit 1' "$1"
}

redis_port=$(free_port)
nginx_port=$(free_port)
ingest_port=$(free_port)
admin_port=$(free_port)

redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly yes --appendfsync always \
    --no-appendfsync-on-rewrite no --maxmemory-policy noeviction --stream-node-max-bytes 512 >"$dir/redis.log" &
pids="$pids $!"

cat >"$dir/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/nginx-error.log;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:$nginx_port;
        location = /webhooks/stripe { default_type text/plain; return 200 "ok\n"; }
    }
}
END
nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/nginx-start.log" &
pids="$pids $!"

secret=whsec_bench_only
INSTEP_MODE=test STRIPE_WEBHOOK_SECRETS=$secret REDIS_URL=redis://127.0.0.1:$redis_port/0 \
    INSTEP_LISTEN=127.0.0.1:$ingest_port INSTEP_ADMIN_LISTEN=127.0.0.1:$admin_port \
    "$bin/instep-ingest" 2>"$dir/ingest.log" &
pids="$pids $!"
wait_port "$redis_port" && wait_port "$nginx_port" && wait_port "$admin_port"

# 500 customers, 3 KB each, signed now: a run must end within the tolerance of 300 s.
requests() {
    perl -MDigest::SHA=hmac_sha256_hex - "$secret" >"$dir/requests.lua" <<'END'
my $t = time;
print "local requests = {}\n";
for my $i (1 .. 500) {
    my $metadata = join ',', map { sprintf '"key_%02d":"%s"', $_, 'v' x 40 } 1 .. 30;
    my $items = join ',', map { qq({"id":"si_$_","object":"subscription_item","quantity":1,"price":{"id":"price_$_",)
        . qq("object":"price","unit_amount":1999,"currency":"usd","recurring":{"interval":"month"}}}) } 1 .. 3;
    my $body = qq({"id":"evt_bench_$i","object":"event","api_version":"2026-10-28.endive","created":$t,"livemode":false,)
        . qq("pending_webhooks":1,"type":"customer.subscription.updated","data":{"object":{"id":"sub_$i",)
        . qq("object":"subscription","customer":"cus_bench_$i","status":"active","items":{"object":"list","data":[$items]},)
        . qq("metadata":{$metadata}},"previous_attributes":{"status":"trialing"}}});
    my $signature = "t=$t,v1=" . hmac_sha256_hex("$t.$body", $ARGV[0]);
    print "requests[$i] = wrk.format('POST', '/webhooks/stripe', {Host='bench',['Content-Type']='application/json',"
        . "['Stripe-Signature']='$signature'}, [==[$body]==])\n";
}
print <<'LUA';
local i = 0
function request()
    i = i % #requests + 1
    return requests[i]
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RATE %.0f ERRORS %d P99_MS %.2f\n", summary.requests * 1e6 / summary.duration,
        e.status + e.connect + e.read + e.write + e.timeout, latency:percentile(99) / 1000))
end
LUA
END
}

# run PORT: "rate errors p99"
run() {
    requests
    wrk -t1 -c"$connections" -d"${seconds}s" -s "$dir/requests.lua" "http://127.0.0.1:$1" |
        sed -n 's/^RATE \([0-9]*\) ERRORS \([0-9]*\) P99_MS \([0-9.]*\)$/\1 \2 \3/p'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

requests
bytes=$(perl -ne 'if (/\[==\[(.*)\]==\]/) { print length $1; exit }' "$dir/requests.lua")
echo "| Webhooks of $bytes bytes, $connections connections | instep-ingest/s | p99 ms | nginx static 200/s | Share |"
echo "| --- | ---: | ---: | ---: | ---: |"
for fsync in always everysec; do
    redis-cli -p "$redis_port" config set appendfsync "$fsync" >/dev/null
    : >"$dir/ours"
    : >"$dir/theirs"
    : >"$dir/late"
    for _ in $(seq "$rounds"); do
        # shellcheck disable=SC2046 # three words
        set -- $(run "$ingest_port")
        [ "$2" = 0 ] || echo "# instep-ingest: $2 answers were not 200" >&2
        echo "$1" >>"$dir/ours"
        echo "$3" >>"$dir/late"
        # shellcheck disable=SC2046
        set -- $(run "$nginx_port")
        [ "$2" = 0 ] || echo "# nginx: $2 answers were not 200" >&2
        echo "$1" >>"$dir/theirs"
        redis-cli -p "$redis_port" flushall >/dev/null
    done
    ours=$(median <"$dir/ours")
    theirs=$(median <"$dir/theirs")
    echo "| appendfsync $fsync | $ours | $(median <"$dir/late") | $theirs | $((ours * 100 / theirs)) % |"
done
