#!/usr/bin/perl
# stripe-sim's deliveries when they misbehave: late, of the other mode, to an endpoint that fails; faults ordered for the
# API; a connected account; and all of it once more after a kill.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep);

my $bin = $ENV{BIN} // "$FindBin::Bin/../../bin";
my $dir = tempdir(CLEANUP => 1);
my ($sim_pid, $sim_out, $SIM);

# ---- an endpoint that answers what $answer says of a body ----
my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!";
my $hook = 'http://127.0.0.1:' . $listener->sockport . '/hook';
my $answer = sub { 200 };
my @received;

sub serve_one {
    my ($client) = @_;
    my $text = '';
    while ($text !~ /\r\n\r\n/) { sysread($client, $text, 65536, length $text) or return }
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($length) = $head =~ /^content-length: (\d+)/mi;
    while (length $body < $length) { sysread($client, $body, 65536, length $body) or return }
    my $event = decode_json($body);
    my $status = $answer->($event);
    push @received, {%$event, _status => $status};
    print {$client} "HTTP/1.1 $status X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

# Until nothing is pending; gives what came, and forgets it.
sub deliveries {
    my $select = IO::Select->new($listener);
    for (1 .. 3000) {
        while ($select->can_read(0.01)) {
            my $client = $listener->accept or last;
            serve_one($client);
            close $client;
        }
        if (sim('GET', '/sim/status')->{deliveries}{pending} == 0) {
            my @came = @received;
            @received = ();
            return @came;
        }
    }
    BAIL_OUT('deliveries never end');
}

sub curl {
    my (@args) = @_;
    open my $pipe, '-|', 'curl', '-sS', '-g', '-m', '10', @args or die "curl: $!";
    local $/;
    my $out = <$pipe>;
    close $pipe;
    return $out;
}

sub sim {
    my ($method, $path, $json) = @_;
    return decode_json(curl('-X', $method, ($json ? ('-d', $json) : ()), "$SIM$path"));
}

sub api {
    my ($method, $path, $headers, @pairs) = @_;
    my $out = curl('-X', $method, '-u', 'sk_test_e2e:', (map { ('-H', $_) } @$headers), '-w', "\n%{http_code}",
        (map { ('-d', $_) } @pairs), "$SIM$path");
    my ($body, $status) = $out =~ /\A(.*)\n(\d+)\z/s or return {_status => 0};
    my $json = eval { decode_json($body) } // {};
    return {%$json, _status => $status};
}

sub start {
    my (@args) = @_;
    $sim_pid = open $sim_out, '-|', "$bin/stripe-sim", '--listen', '127.0.0.1:0', @args or die "stripe-sim: $!";
    my $line = <$sim_out> // '';
    ($SIM) = $line =~ m{(http://\S+)} or BAIL_OUT("no address: $line");
    return;
}

sub stop {
    my ($signal) = @_;
    kill $signal => $sim_pid if $sim_pid;
    close $sim_out if $sim_pid; # waits for it
    undef $sim_pid;
}
END { stop('TERM') }

my @world = ('--seed', '3', '--webhook', $hook, '--webhook-payload', 'both', '--webhook', $hook, '--webhook-connect',
    '--knobs', '{"retry_base_ms":5,"retry_max_ms":10}', '--state', "$dir/state");
start(@world);

# ---- forms ----
api('POST', '/v1/customers', [], 'email=a@example.com');
my @came = deliveries();
is_deeply([sort map { $_->{object} } @came], [qw(event v2.core.event)], 'one change, a snapshot and a thin event');
sim('POST', '/sim/knobs', '{"payload":"thin"}');
api('POST', '/v1/customers', [], 'email=b@example.com');
@came = deliveries();
is_deeply([map { $_->{type} } @came], ['v1.customer.created'], 'the knob says thin only');
sim('POST', '/sim/knobs', '{"payload":"snapshot"}');

# ---- the other mode ----
sim('POST', '/sim/knobs', '{"wrong_mode_rate":1}');
$answer = sub { $_[0]{livemode} ? 400 : 200 };
api('POST', '/v1/customers', [], 'email=c@example.com');
@came = deliveries();
is(scalar(grep { $_->{livemode} } @came), 3, 'an event of the other mode is tried three times');
is(scalar(grep { !$_->{livemode} } @came), 1, 'beside the right one');
my $right = (grep { !$_->{livemode} } @came)[0]{id};
is(scalar(grep { $_->{id} eq $right } @came), 1, 'under another id');
is(sim('GET', '/sim/status')->{deliveries}{wrong_mode_refused}, 3, 'and counted as refused');
sim('POST', '/sim/knobs', '{"wrong_mode_rate":0}');

# ---- late ----
sim('POST', '/sim/knobs', '{"delay_rate":1,"delay_hours":2,"delay_ms":0}');
api('POST', '/v1/customers', [], 'email=d@example.com');
sleep 0.2;
is(sim('GET', '/sim/status')->{deliveries}{pending}, 1, 'a delivery waits for the virtual clock');
sim('POST', '/sim/clock', '{"advance_s":7200}');
is(scalar(deliveries()), 1, 'and goes when it is there');
sim('POST', '/sim/knobs', '{"delay_rate":0}');

# ---- sent again ----
my $event = api('GET', '/v1/events?limit=1', [])->{data}[0];
sim('POST', "/sim/events/$event->{id}/resend", '{}');
is_deeply([map { $_->{id} } deliveries()], [$event->{id}], 'an event is sent again');

# ---- a connected account ----
my $account = sim('POST', '/sim/accounts', '{"seed":3}')->{id};
api('POST', '/v1/customers', ["Stripe-Account: $account"], 'email=connected@example.com');
@came = deliveries();
is_deeply([map { $_->{account} } @came], [$account], 'an event of a connected account says whose it is');
is(sim('GET', "/sim/accounts/$account/status")->{customers}, 1, 'its world has one customer');
sim('POST', "/sim/accounts/$account/run", '{"customers":3,"months":1}');
for (1 .. 200) {
    @came = (@came, deliveries());
    last unless sim('GET', '/sim/status')->{running};
}
@came = (@came, deliveries());
ok(@came > 5 && !(grep { ($_->{account} // '') ne $account } @came), 'lives of its own');
cmp_ok(scalar @{sim('GET', "/sim/accounts/$account/truth")->{customers}}, '>', 0, 'and a truth');

# ---- an endpoint that fails ----
sim('POST', '/sim/knobs', '{"disable_after":4,"retries_max":1000}');
$answer = sub { 500 };
api('POST', '/v1/customers', [], 'email=e@example.com');
@came = deliveries();
is(scalar @came, 4, 'after four failures in a row the retries are lost');
my ($we) = grep { $_->{status} eq 'disabled' } @{api('GET', '/v1/webhook_endpoints', [])->{data}};
ok($we, 'since the endpoint is disabled');
api('POST', '/v1/customers', [], 'email=f@example.com');
is(scalar(deliveries()), 0, 'it gets nothing more');

# ---- all of it again after a kill ----
my $truth = sim('GET', '/sim/truth');
my $other = sim('GET', "/sim/accounts/$account/truth");
stop('KILL');
start(@world);
is_deeply(sim('GET', '/sim/truth'), $truth, 'killed and started again: the same truth');
is_deeply(sim('GET', "/sim/accounts/$account/truth"), $other, 'of the account too');
is(api('GET', "/v1/webhook_endpoints/$we->{id}", [])->{status}, 'disabled', 'what was disabled is disabled');
$answer = sub { 200 };
api('POST', "/v1/webhook_endpoints/$we->{id}", [], 'disabled=false');
api('POST', '/v1/customers', [], 'email=g@example.com');
# What was lost while it was disabled stays lost, but a retry that was not due yet may come too.
is(scalar(grep { ($_->{data}{object}{email} // '') eq 'g@example.com' } deliveries()), 1, 'enabled, it hears again');

# ---- faults ----
for my $case (['500', 500], ['503', 503], ['html', 502], ['429', 429], ['lock_timeout', 429], ['disconnect', 0]) {
    sim('POST', '/sim/faults', qq({"fault":"$case->[0]"}));
    my $got = do { local *STDERR; open STDERR, '>', '/dev/null'; api('GET', '/v1/customers', []) };
    is($got->{_status} + 0, $case->[1], "a fault ordered: $case->[0]");
}
is(api('GET', '/v1/customers', [])->{_status}, 200, 'and then none');
sim('POST', '/sim/knobs', '{"latency_ms":500,"limit_at_once":1}');
my $pid = fork // die;
if (!$pid) {
    exec 'curl', '-s', '-o', '/dev/null', '-u', 'sk_test_e2e:', "$SIM/v1/customers" or exit 1;
}
sleep 0.2;
is(api('GET', '/v1/customers', [])->{_status}, 429, 'one at once, the second is refused');
waitpid $pid, 0;
sim('POST', '/sim/knobs', '{"limit_at_once":0}');
$pid = fork // die;
if (!$pid) {
    exec 'curl', '-s', '-o', '/dev/null', '-u', 'sk_test_e2e:', '-H', 'Idempotency-Key: one', '-d', 'email=h', "$SIM/v1/customers"
        or exit 1;
}
sleep 0.2;
is(api('POST', '/v1/customers', ['Idempotency-Key: one'], 'email=h')->{error}{code}, 'idempotency_key_in_use',
    'a key in use is a conflict');
waitpid $pid, 0;
is(api('POST', '/v1/customers', ['Idempotency-Key: one'], 'email=h')->{_status}, 200, 'and then answers');
done_testing();
