#!/usr/bin/perl
# The running ingest against a hostile world: malformed and malicious requests, slow and silent peers, exhausted
# descriptors, a Redis that is dead, stopped or full, and the end of the process. After each: it still serves.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Edge;
use Test::More;
use Time::HiRes qw(sleep time);

stack('start');
my $edge = Edge->start(INSTEP_REQUEST_TIMEOUT_MS => 1500, INSTEP_CONNECTIONS_MAX => 200);
my $next = 0;

# As of proc(5): S waits, R would go on.
sub state_of {
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or return '';
    return <$stat> =~ /\) (\w)/ ? $1 : '';
}

# An honest webhook is answered 200 and is in Redis.
sub healthy {
    my ($after, $ingest) = @_;
    my $id = 'cus_healthy' . ++$next;
    my $answer = ($ingest // $edge)->ask(post(event("evt_h$next", $id)));
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(status_of($answer) . ' ' . queued($id), '200 1', "$after: an honest webhook is served")
        || diag(join "\n", grep {/^instep_(?:ingest_unavailable|redis_up)/}
            split /\n/, ($ingest // $edge)->admin_get('/metrics'));
}

sub queued { return redis('EXISTS', "instep:{0}:stream:self:$_[0]") }

sub small_after {
    my ($ingest, $before_kb, $what, $most_kb) = @_;
    my $grown = rss_kb($ingest) - $before_kb;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    cmp_ok($grown, '<', $most_kb // 8192, "$what: memory grew by $grown KiB");
}

# ---- the program ----
{
    my $bin = $ENV{BIN} // "$FindBin::Bin/../../bin";
    like(`$bin/instep-ingest --help`, qr/STRIPE_WEBHOOK_SECRETS/, '--help says what is needed');
    is($?, 0, '--help exits 0');
    like(`$bin/instep-ingest --version`, qr/^instep-ingest \d/, '--version');
    system "$bin/instep-ingest --nonsense 2>/dev/null";
    is($? >> 8, 2, 'an unknown argument is a usage error');
    for my $secrets (undef, '', '        ', 'whsec_good_one, ,whsec_other') {
        my $ingest = Edge->start(STRIPE_WEBHOOK_SECRETS => $secrets);
        my $shown = defined $secrets ? "'$secrets'" : 'none';
        ok(Edge::wait_for(sub { $ingest->ended }) && $ingest->{status} >> 8, "it does not start with secrets $shown");
        like($ingest->log_text, qr/STRIPE_WEBHOOK_SECRETS/, '... and says why');
    }
}

# ---- answers ----
healthy('at the start');
my $body = event('evt_1', 'cus_1');
my @answers = (
    ['a changed body', 400, sub { my $r = post($body); $r =~ s/evt_1/evt_2/; $r }],
    ['no signature', 400, sub { my $r = post($body); $r =~ s/Stripe-Signature/X-Signature/; $r }],
    ['two signature headers', 400, sub { post($body, headers => 'Stripe-Signature: ' . signed($body) . "\r\n") }],
    ['another secret', 400, sub { post($body, secret => 'whsec_wrong') }],
    ['an old signature', 400, sub { post($body, shift => -301) }],
    ['a signature of the future', 400, sub { post($body, shift => 302) }],
    ['a thousand signatures', 400, sub { post($body, signature => 't=1' . (',v1=' . 'a' x 4) x 1000) }],
    ['an empty body', 400, sub { post('') }],
    ['signed text that is not JSON', 400, sub { post('hello') }],
    ['signed JSON that is no event', 400, sub { post('{"object":"charge"}') }],
    ['a NUL byte in JSON', 400, sub { post(qq({"id":"evt\0"})) }],
    ['JSON 10,000 deep', 400, sub { post('[' x 10000 . ']' x 10000) }],
    ['a number of 400 digits', 400, sub { (my $b = $body) =~ s/1792000000/'9' x 400/e; post($b) }],
    ['an id that leads out of a path', 400, sub { post(event('evt_x', 'cus_../')) }],
    ['an id of 256 bytes', 400, sub { post(event('evt_x', 'c' x 256)) }],
    ['an id with a line break', 400, sub { post(event('evt_x', 'cus\\r\\nlevel=error')) }],
    ['an id with SQL in it', 400, sub { post(event('evt_x', q(cus_1'; DROP TABLE x; --))) }],
    ['a live event', 200, sub { post(event('evt_live', 'cus_live', livemode => 'true')) }],
    ['an unknown type', 200, sub { post(event('evt_u', 'cus_u', type => 'hologram.flickered')) }],
    ['an unknown path', 404, sub { post($body, path => '/webhooks') }],
    ['a path with a slash more', 404, sub { post($body, path => '/webhooks/stripe/') }],
    ['GET', 405, sub { "GET /webhooks/stripe HTTP/1.1\r\n\r\n" }],
    ['no length', 411, sub { my $r = post($body); $r =~ s/Content-Length.*?\r\n//; $r }],
    ['a body over the bound', 413, sub { my $r = post($body); $r =~ s/(Content-Length: )\d+/${1}1048577/; $r }],
    ['chunked', 501, sub { "POST /webhooks/stripe HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" }],
    ['CL and TE', 400, sub { post($body, headers => "Transfer-Encoding: chunked\r\n") }],
    ['two lengths', 400, sub { post($body, headers => "Content-Length: 5\r\n") }],
    ['a negative length', 400, sub { my $r = post($body); $r =~ s/(Content-Length: )\d+/$1-1/; $r }],
    ['a length of 30 digits', 413, sub { my $r = post($body); $r =~ s/(Content-Length: )\d+/$1 . '9' x 30/e; $r }],
    ['a NUL in a header', 400, sub { post($body, headers => "X: a\0b\r\n") }],
    ['a bare LF', 400, sub { post($body, headers => "X: a\n") }],
    ['a bare CR', 400, sub { post($body, headers => "X: a\rb\r\n") }],
    ['a folded header', 400, sub { post($body, headers => "X: a\r\n b\r\n") }],
    ['a space before a colon', 400, sub { post($body, headers => "X : a\r\n") }],
    ['a hundred headers', 431, sub { post($body, headers => join '', map {"X$_: a\r\n"} 1 .. 100) }],
    ['a header of 20 KB', 431, sub { post($body, headers => 'X: ' . 'a' x 20000 . "\r\n") }],
    ['a TLS hello', 400, sub { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" }],
    ['HTTP/2', 505, sub { "PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n" }],
    ['HTTP/0.9', 400, sub { "GET /\r\n\r\n" }],
);
for my $case (@answers) {
    my ($name, $status, $request) = @$case;
    my $answer = $edge->ask($request->());
    is(status_of($answer), $status, "$status: $name");
    if ($status == 400) {
        my ($text) = $answer =~ /\r\n\r\n(.*)\z/s;
        like($text, qr/\A(bad request|Bad Request)\n\z/, '... and the body does not say why');
    }
}
is(queued('cus_live'), 0, 'an event of the other mode is not queued');
is(queued('cus_u'), 1, 'an event of an unknown type is');
is(metric($edge, 'instep_ingest_ignored_total{reason="wrong_mode"}'), 1, 'the other mode is counted');
cmp_ok(metric($edge, 'instep_ingest_rejected_total{reason="signature_mismatch"}'), '>=', 1, 'rejections are counted');
like($edge->ask("GET /webhooks/stripe HTTP/1.1\r\n\r\n"), qr/\r\nAllow: POST\r\n/, '405 says what is allowed');
like($edge->ask(post($body, headers => "Expect: 100-continue\r\n")), qr/\AHTTP\/1\.1 /, 'Expect is no obstacle');

# ---- smuggling ----
for my $framing ("Content-Length: LEN\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: LEN",
    "Content-Length: LEN\r\nTransfer-Encoding: xchunked", "Content-Length: LEN\r\nTransfer-Encoding : chunked",
    "Content-Length: 4\r\nContent-Length: LEN") {
    my $hidden = post(event('evt_smuggled', 'cus_smuggled'));
    my $inner = "0\r\n\r\n$hidden";
    (my $headers = $framing) =~ s/LEN/length $inner/e;
    my $answer = $edge->ask("POST /webhooks/stripe HTTP/1.1\r\nHost: a\r\n$headers\r\n\r\n$inner", 0);
    is(status_of($answer), 400, 'smuggling is refused');
    is(() = $answer =~ /HTTP\/1\.1 /g, 1, '... with one answer, and the connection closes');
}
is(queued('cus_smuggled'), 0, 'nothing was smuggled in');

# ---- many at once, and slow ----
{
    my $many = join '', map { post(event("evt_p$_", "cus_p$_")) } 1 .. 300;
    my $answer = $edge->ask($many, 300);
    is(() = $answer =~ /^HTTP\/1\.1 200 OK/mg, 300, '300 pipelined webhooks get 300 answers');
    is(scalar(grep { queued("cus_p$_") } 1, 150, 300), 3, '... and are queued');
}
{
    my $before = rss_kb($edge);
    my $peer = $edge->dial;
    put($peer, "POST /webhooks/stripe HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    my $sent = 0;
    while ($sent < 64 << 20) {
        last unless put($peer, 'A' x 65536);
        $sent += 65536;
    }
    cmp_ok($sent, '<', 64 << 20, "chunked without a newline: cut off after $sent bytes");
    small_after($edge, $before, 'chunked without a newline');
}
{
    my $before = rss_kb($edge);
    my ($peer, $sent) = ($edge->dial, 0);
    put($peer, 'GET /');
    while ($sent < 64 << 20) {
        last unless put($peer, 'A' x 65536);
        $sent += 65536;
    }
    cmp_ok($sent, '<', 64 << 20, "a head without an end: cut off after $sent bytes");
    small_after($edge, $before, 'a head without an end');
}
{
    my @peers = map { $edge->dial } 1 .. 20;
    put($_, "POST /webhooks/stripe HTTP/1.1\r\nX: ") for @peers;
    my ($bytes, $closed) = (0, 0);
    my $end = time + 60;
    while (!$closed && time < $end) { # each byte well within any timeout between bytes
        put($_, 'a') for @peers;
        $bytes++;
        $closed = readable($peers[0], 0.1);
    }
    is(status_of(get_answers($peers[0], 0)), 408, "one header byte at a time: 408 after $bytes bytes");
    is(scalar(grep { status_of(get_answers($_, 0)) == 408 } @peers[1 .. 19]), 19, '... all of them');
}
{
    my $peer = $edge->dial;
    put($peer, "POST /webhooks/stripe HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
    my $closed = 0;
    for (1 .. 600) {
        put($peer, 'a');
        last if $closed = readable($peer, 0.1);
    }
    is(status_of(get_answers($peer, 0)), 408, 'one body byte at a time: 408');
}
healthy('after slow ones');
{
    my $before = rss_kb($edge);
    my @peers;
    for (1 .. 150) {
        my $peer = $edge->dial;
        put($peer, "POST /webhooks/stripe HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n");
        push @peers, $peer;
    }
    my %cut_off = map { $_ => 1 } grep { !put($_, 'b' x 1000000) } @peers;
    my $refused = 0;
    wait_for(sub { $refused = grep { $cut_off{$_} || readable($_, 0) } @peers });
    cmp_ok($refused, '>', 0, "150 stalled bodies of 1 MB: $refused have been turned away");
    small_after($edge, $before, '150 stalled bodies of 1 MB', ($ENV{ASAN_OPTIONS} ? 400 : 110) << 10); # 64 MiB and 64 KiB each
}
ok(wait_for(sub { metric($edge, 'instep_http_connections') <= 1 }), 'then all of them are gone');
healthy('after stalled bodies');
{
    my $before = rss_kb($edge);
    my @peers = map { $edge->dial } 1 .. 50; # each asks a lot and never reads
    for my $peer (@peers) {
        $peer->blocking(0);
        my $request = "GET /webhooks/stripe HTTP/1.1\r\n\r\n" x 2000;
        for (1 .. 20) { defined syswrite $peer, $request or last }
    }
    small_after($edge, $before, '50 peers that never read their answers');
    healthy('while peers do not read');
    @peers = ();
}
{
    my @idle = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$edge->{port}", Blocking => 0) } 1 .. 600;
    healthy('with 600 idle connections at a cap of 200');
    cmp_ok(metric($edge, 'instep_http_connections'), '<=', 200, '... of which at most 200 are open');
    my @slow = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$edge->{port}", Blocking => 0) } 1 .. 400;
    syswrite $_, "POST /webhooks/stripe HTTP/1.1\r\nX: " for grep {defined} @slow;
    healthy('with 400 half-sent heads besides');
}
ok(wait_for(sub { metric($edge, 'instep_http_connections') <= 1 }), 'idle connections are closed in the end');
unlike($edge->log_text, qr/^level=error/m, 'no id has forged a line of the log');

# ---- those who hold places and memory, where no deadline comes to help ----
{
    my $ingest = Edge->start(INSTEP_REQUEST_TIMEOUT_MS => 600000, INSTEP_CONNECTIONS_MAX => 100);
    my @deaf = map { $ingest->dial(1024) } 1 .. 100;
    $_->blocking(0) for @deaf;
    my ($many, $full) = ("GET /webhooks/stripe HTTP/1.1\r\n\r\n" x 2000, 0);
    while ($full < 3) { # three times in a row nobody took any more, and the ingest had nothing to do, however busy the machine is
        my $busy = (grep { defined syswrite $_, $many } @deaf) || state_of($ingest->{pid}) ne 'S';
        $full = $busy ? 0 : $full + 1;
        sleep 0.3 if $full;
    }
    push @deaf, map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ingest->{port}", Blocking => 0) } 1 .. 20;
    healthy('with 100 peers that ask a lot and read nothing at a cap of 100', $ingest);
    $ingest->stop('KILL');
}
{
    my $ingest = Edge->start(INSTEP_REQUEST_TIMEOUT_MS => 600000, INSTEP_CONNECTIONS_MAX => 300);
    my $large = post(event('evt_large', 'cus_large', pad => 900000));
    my @promising = map { $ingest->dial } 1 .. 200;
    put($_, "POST /webhooks/stripe HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n") for @promising;
    is(status_of($ingest->ask($large)), 200, '200 bodies of 1 MB that are only announced hinder no large webhook');
    put($_, 'b' x 1000000) for @promising[0 .. 79];
    ok(wait_for(sub { status_of($ingest->ask($large)) == 200 }), '80 that are here but for their end hinder it briefly');
    small_after($ingest, 0, '... and memory has its bound', ($ENV{ASAN_OPTIONS} ? 500 : 130) << 10);
    $ingest->stop('KILL');
}

# ---- no descriptors left ----
{
    my $ingest = Edge->start(INSTEP_REQUEST_TIMEOUT_MS => 1500);
    my $open = () = glob "/proc/$ingest->{pid}/fd/*";
    system 'prlimit', '--pid', $ingest->{pid}, '--nofile=' . ($open + 10);
    my @peers = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ingest->{port}", Blocking => 0) } 1 .. 100;
    my ($cpu, $lines) = (cpu_ticks($ingest), $ingest->log_text =~ tr/\n//);
    sleep 3;
    my $spent = cpu_ticks($ingest) - $cpu;
    cmp_ok($spent, '<', 100, "no descriptors left: it does not spin ($spent ticks of processor time in three seconds)");
    cmp_ok(($ingest->log_text =~ tr/\n//) - $lines, '<', 100, '... nor fill the log');
    healthy('with idle connections holding all descriptors', $ingest);
    @peers = ();
    healthy('with descriptors again', $ingest);
    is($ingest->stop, 0, 'and it ends well');
}

# ---- Redis ----
{
    my $ingest = Edge->start(INSTEP_ENQUEUE_TIMEOUT_MS => 300, INSTEP_REDIS_TIMEOUT_MS => 1500);
    kill 'STOP', redis_pid();
    my @gone = map { $ingest->dial } 1 .. 50;
    put($gone[$_], post(event("evt_g$_", "cus_g$_"))) for 0 .. 49;
    @gone = ();
    my $answer = $ingest->ask(post(event('evt_slow', 'cus_slow')));
    is(status_of($answer), 503, 'a Redis that is stopped: 503');
    like($answer, qr/\r\nRetry-After: \d+\r\n/, '... with Retry-After');
    kill 'CONT', redis_pid();
    ok(wait_for(sub { status_of($ingest->ask(post(event('evt_c', 'cus_c')))) == 200 }), 'it goes on: 200');
    ok(wait_for(sub { metric($ingest, 'instep_http_connections') <= 1 && !metric($ingest, 'instep_ingest_in_flight') }),
        'of the clients that left meanwhile nothing remains');

    stack('kill', 'redis');
    ok(wait_for(sub { status_of($ingest->ask(post(event('evt_k', 'cus_k')))) == 503 }), 'a Redis that is dead: 503');
    ok(wait_for(sub { status_of($ingest->admin_get('/readyz')) == 503 }), '... and /readyz says so');
    is(status_of($ingest->admin_get('/healthz')), 200, '... while /healthz is well');
    is(status_of($ingest->ask(post($body, secret => 'whsec_wrong'))), 400, '... and a forged one is still 400');
    stack('revive', 'redis');
    ok(wait_for(sub { status_of($ingest->ask(post(event('evt_r', 'cus_r')))) == 200 }), 'it is back: 200');
    is(queued('cus_r') . queued('cus_c'), '11', '... and what was confirmed is there');

    redis('CONFIG', 'SET', 'maxmemory', '1');
    is(status_of($ingest->ask(post(event('evt_oom', 'cus_oom')))), 503, 'a Redis that is full: 503');
    is(metric($ingest, 'instep_ingest_unavailable_total{reason="redis_full"}'), 1, '... counted as such');
    redis('CONFIG', 'SET', 'maxmemory', '0');
    healthy('with room again', $ingest);
    is($ingest->stop, 0, 'and it ends well');
}
{
    my $ingest = Edge->start(INSTEP_IN_FLIGHT_MAX => 3);
    kill 'STOP', redis_pid();
    my @waiting = map { $ingest->dial } 1 .. 3;
    put($waiting[$_], post(event("evt_w$_", "cus_w$_"))) for 0 .. 2;
    wait_for(sub { metric($ingest, 'instep_ingest_in_flight') == 3 });
    is(status_of($ingest->ask(post(event('evt_more', 'cus_more')))), 503, 'one more than may wait: 503 at once');
    kill 'CONT', redis_pid();
    is(join(' ', map { status_of(get_answers($_, 1)) } @waiting), '200 200 200', 'those who wait are answered');
    is($ingest->stop('INT'), 0, 'SIGINT ends it as well');
}
{
    my $ingest = Edge->start(WITHOUT_REDIS => 1, REDIS_URL => 'redis://127.0.0.1:1/0');
    is(status_of($ingest->ask(post(event('evt_n', 'cus_n')))), 503, 'a Redis that never was there: 503');
    is(status_of($ingest->admin_get('/readyz')), 503, '... and not ready');
    is($ingest->stop, 0, '... and it ends well');
}

# ---- a filter ----
{
    my $ingest = Edge->start(INSTEP_EVENT_TYPES => 'invoice.*');
    is(status_of($ingest->ask(post(event('evt_f', 'cus_f')))) . queued('cus_f'), '2000', 'filtered: 200, not queued');
    is(status_of($ingest->ask(post(event('evt_f', 'cus_f', type => 'invoice.paid')))) . queued('cus_f'), '2001',
        'wanted: 200, queued');
    my $second = Edge->start(INSTEP_LISTEN => "127.0.0.1:$ingest->{port}");
    is($second->{port}, $ingest->{port}, 'two ingests share a port');
    is($ingest->stop, 0, 'one of them ends');
    healthy('and the other goes on', $second);
}

# ---- the end ----
{
    my $ingest = Edge->start;
    my ($idle, $busy) = ($ingest->dial, $ingest->dial);
    kill 'STOP', redis_pid();
    put($busy, post(event('evt_end', 'cus_end')));
    wait_for(sub { metric($ingest, 'instep_ingest_in_flight') == 1 });
    kill 'TERM', $ingest->{pid};
    is(get_answers($idle, 0), '', 'SIGTERM: an idle connection is closed');
    ok(!IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ingest->{port}"), '... the port is closed');
    ok(!$ingest->ended, '... what is in flight is waited for');
    kill 'CONT', redis_pid();
    my $answer = get_answers($busy, 0);
    is(status_of($answer), 200, '... and answered');
    like($answer, qr/\r\nConnection: close\r\n/, '... for the last time');
    is($ingest->stop, 0, '... then it exits with status 0');
    is(queued('cus_end'), 1, '... and what it confirmed is there');
}

{
    my $ingest = Edge->start(INSTEP_DRAIN_TIMEOUT_MS => 300);
    my $busy = $ingest->dial;
    kill 'STOP', redis_pid();
    put($busy, post(event('evt_cut', 'cus_cut')));
    wait_for(sub { metric($ingest, 'instep_ingest_in_flight') == 1 });
    is($ingest->stop, 0, 'a Redis that never answers does not keep it from ending');
    like($ingest->log_text, qr/ingest\.drain_cut_short/, '... which the log says');
    is(get_answers($busy, 0), '', '... and what was not confirmed was not answered');
    kill 'CONT', redis_pid();
}

my $log = $edge->log_text;
unlike($log, qr/person\@example|\Q$SECRET\E|v1=[0-9a-f]/, 'the log holds no body, no secret, no signature');
is($edge->stop, 0, 'after all of this it ends with status 0');
done_testing;
