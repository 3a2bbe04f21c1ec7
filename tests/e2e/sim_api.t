#!/usr/bin/perl
# stripe-sim as docs/simulator.md shows it: asked with curl, delivering webhooks to a small listener of ours.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use File::Temp qw(tempdir);
use FindBin;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

my $bin = $ENV{BIN} // "$FindBin::Bin/../../bin";
my $SECRET = 'whsec_e2e_one';
my ($sim_pid, $SIM);

# ---- our webhook endpoint: reads requests, answers what @plan says (200 when it is empty) ----
my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', Proto => 'tcp') or die "listen: $!";
my @plan;     # statuses to answer next
my @received; # {headers, body, status}

sub serve_one {
    my ($client) = @_;
    my $text = '';
    while ($text !~ /\r\n\r\n/) {
        sysread($client, $text, 65536, length $text) or return;
    }
    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($length) = $head =~ /^content-length: (\d+)/mi;
    while (length $body < $length) {
        sysread($client, $body, 65536, length $body) or return;
    }
    my %headers = map { /^([^:]+): (.*?)\r?$/ ? (lc $1, $2) : () } split /\n/, $head;
    my $status = @plan ? shift @plan : 200;
    push @received, {headers => \%headers, body => $body, status => $status};
    print {$client} "HTTP/1.1 $status Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

# Take deliveries until nothing is pending at the simulator.
sub take_deliveries {
    my $select = IO::Select->new($listener);
    for (1 .. 3000) {
        while ($select->can_read(0.01)) {
            my $client = $listener->accept or last;
            serve_one($client);
            close $client;
        }
        return if sim('GET', '/sim/status')->{deliveries}{pending} == 0;
    }
    BAIL_OUT('deliveries never end');
}

# ---- curl ----
sub curl {
    my (@args) = @_;
    open my $pipe, '-|', 'curl', '-sS', '-g', '-m', '10', @args or die "curl: $!";
    local $/;
    my $out = <$pipe>;
    close $pipe;
    return $out;
}

# Stripe's API with `-d` pairs; returns the decoded answer, with the status under _status.
sub api {
    my ($method, $path, @pairs) = @_;
    my @key = ref $pairs[0] ? ('-H', "Idempotency-Key: ${shift @pairs}") : ();
    my $out = curl('-X', $method, '-u', 'sk_test_e2e:', @key,
        '-w', "\n%{http_code}", (map { ('-d', $_) } @pairs), "$SIM$path");
    my ($body, $status) = $out =~ /\A(.*)\n(\d+)\z/s or die "no answer from $path: $out";
    return {%{decode_json($body)}, _status => $status};
}

sub sim {
    my ($method, $path, $json) = @_;
    return decode_json(curl('-X', $method, ($json ? ('-d', $json) : ()), "$SIM$path"));
}

sub start {
    my (@args) = @_;
    stop();
    $sim_pid = open my $out, '-|', "$bin/stripe-sim", '--listen', '127.0.0.1:0', '--seed', '5', @args
        or die "stripe-sim: $!";
    ($SIM) = (<$out> // '') =~ /listening on (http:\S+)/ or die 'stripe-sim did not start';
    @received = @plan = ();
    our $keep = $out;
}

sub stop {
    return unless $sim_pid;
    kill TERM => $sim_pid;
    waitpid $sim_pid, 0;
    my $status = $?;
    undef $sim_pid;
    return $status;
}
END { local $?; stop() }

sub webhook { return sprintf 'http://127.0.0.1:%d/hook', $listener->sockport }

# ---- the program ----
like(`$bin/stripe-sim --help`, qr/reorder_ms/, '--help names the knobs');
is($?, 0, '--help exits 0');
like(`$bin/stripe-sim --version`, qr/^stripe-sim \S+/, '--version');
system "$bin/stripe-sim --nonsense 2>/dev/null";
is($? >> 8, 2, 'an unknown option exits 2');
system "$bin/stripe-sim --knobs '{\"drop_rate\":2}' --listen :0 2>/dev/null";
is($? >> 8, 2, 'a knob out of range exits 2');

# ---- a subscription, from the catalogue to its renewal ----
start('--webhook', webhook(), '--secret', $SECRET, '--secret', 'whsec_e2e_two');
is(curl('-o', '/dev/null', '-w', '%{http_code}', "$SIM/v1/customers"), 401, 'without a key: 401');

my $price = api('POST', '/v1/prices', 'currency=usd', 'unit_amount=1999', 'recurring[interval]=month',
    'product_data[name]=Team', 'lookup_key=team');
like($price->{id}, qr/^price_/, 'a price');
my $customer = api('POST', '/v1/customers', 'email=ada@example.com', 'metadata[user_id]=u_1',
    'payment_method=pm_card_visa');
like($customer->{id}, qr/^cus_\w{14}$/, 'a customer');
my $sub = api('POST', '/v1/subscriptions', "customer=$customer->{id}", "items[0][price]=$price->{id}",
    'items[0][quantity]=2', 'expand[0]=latest_invoice');
is($sub->{status}, 'active', 'a subscription is active at once');
is($sub->{latest_invoice}{amount_paid}, 3998, 'its first invoice, expanded, is paid');
is(api('GET', '/v1/customers/cus_nobody')->{error}{code}, 'resource_missing', 'what is not there is missing');

# ---- what Stripe refuses ----
for my $case (
    ['an unknown parameter', 400, 'parameter_unknown', 'nonsense', '/v1/subscriptions?limit=101&nonsense=1'],
    ['an unknown nested parameter', 400, 'parameter_unknown', 'created[after]', '/v1/invoices?created[after]=1'],
    ['an unknown property to expand', 400, undef, 'expand', '/v1/charges?expand[]=data.nonsense'],
    ['an unknown version', 400, undef, undef, '/v1/customers', 'Stripe-Version: nonsense'],
    ['an unknown account', 403, 'account_invalid', undef, '/v1/customers', 'Stripe-Account: acct_x'],
) {
    my ($name, $status, $code, $param, $path, @headers) = @$case;
    my $out = curl('-u', 'sk_test_e2e:', '-w', "\n%{http_code}", (map { ('-H', $_) } @headers), "$SIM$path");
    my ($body, $got) = $out =~ /\A(.*)\n(\d+)\z/s;
    my $error = decode_json($body)->{error};
    is_deeply([$got, @$error{qw(type code param)}], [$status, 'invalid_request_error', $code, $param],
        "$name is refused");
}
my $account = api('GET', '/v1/account')->{id};
like(curl('-i', '-u', 'sk_test_e2e:', '-H', "Stripe-Account: $account", '-H', 'Stripe-Version: 2025-03-31.basil',
        "$SIM/v1/customers"), qr/^HTTP\/1.1 200 .*Stripe-Version: 2025-03-31.basil\r\nStripe-Account: $account/s,
    'the account itself and a version that exists are taken, and echoed');

my @ids = map { api('POST', '/v1/customers', "email=p$_")->{id} } 1 .. 5;
my $page = api('GET', '/v1/customers?limit=2');
is_deeply([map { $_->{id} } @{$page->{data}}], [@ids[4, 3]], 'a list is newest first');
ok($page->{has_more}, 'and has more');
my $rest = api('GET', "/v1/customers?limit=100&starting_after=$page->{data}[1]{id}");
is(scalar @{$rest->{data}}, 4, 'starting_after gives the rest');

my $first = api('POST', '/v1/customers', \'key-7', 'email=once');
my $again = api('POST', '/v1/customers', \'key-7', 'email=once');
is($again->{id}, $first->{id}, 'an idempotent request is replayed');
is(api('POST', '/v1/customers', \'key-7', 'email=other')->{error}{type}, 'idempotency_error',
    'unless it is another one');

take_deliveries();
my $before = @received;
sim('POST', '/sim/clock', '{"advance_s":2678400}');
is(api('GET', "/v1/subscriptions/$sub->{id}?expand[]=latest_invoice")->{latest_invoice}{status}, 'draft',
    'at the boundary the renewal is a draft');
sim('POST', '/sim/clock', '{"advance_s":3605}');
my $renewed = api('GET', "/v1/subscriptions/$sub->{id}?expand[]=latest_invoice.payments");
is($renewed->{latest_invoice}{status}, 'paid', 'an hour later it is paid');
like($renewed->{latest_invoice}{payments}{data}[0]{payment}{payment_intent}, qr/^pi_/, 'by a payment intent');
take_deliveries();
my %types = map { (decode_json($_->{body})->{type} => 1) } @received[$before .. $#received];
ok($types{$_}, "$_ was delivered")
    for qw(customer.subscription.updated invoice.created invoice.finalized invoice.paid charge.succeeded);

# ---- signatures ----
my $wrong = 0;
for my $delivery (@received) {
    my ($t) = $delivery->{headers}{'stripe-signature'} =~ /^t=(\d+),/;
    my @v1 = $delivery->{headers}{'stripe-signature'} =~ /,v1=([0-9a-f]{64})(?=,|$)/g;
    $wrong++ unless @v1 == 2 && $v1[0] eq hmac_sha256_hex("$t.$delivery->{body}", $SECRET)
        && $v1[1] eq hmac_sha256_hex("$t.$delivery->{body}", 'whsec_e2e_two') && abs($t - time) < 300;
}
is($wrong, 0, scalar(@received) . ' deliveries are signed with both secrets and the real clock');
my $truth = sim('GET', '/sim/truth');
my ($known) = grep { $_->{id} eq $customer->{id} } @{$truth->{customers}};
is($known->{user_id}, 'u_1', 'the truth knows the user');
is(scalar @{$known->{sales}}, 2, 'and both sales');
is($truth->{totals}{usd}{sales}, 7996, 'and what they sum to');

# ---- retries, drops, duplicates ----
sim('POST', '/sim/knobs', '{"retry_base_ms":20}');
@received = ();
@plan = (500, 302, 404);
api('POST', "/v1/customers/$customer->{id}", 'email=new@example.com');
take_deliveries();
is(join(' ', map { $_->{status} } @received), '500 302 404 200', 'whatever is not 2xx is delivered again');
is(scalar(keys %{{map { decode_json($_->{body})->{id} => 1 } @received}}), 1, 'as the same event');

@received = ();
sim('POST', '/sim/knobs', '{"duplicate_rate":1,"drop_rate":0.3,"reorder_ms":50}');
api('POST', '/v1/customers', "email=m$_") for 1 .. 10;
take_deliveries();
my %times;
$times{decode_json($_->{body})->{id}}++ for @received;
is_deeply([sort values %times], [(2) x 10], 'every event arrives, and arrives twice');
my $deliveries = sim('GET', '/sim/status')->{deliveries};
cmp_ok($deliveries->{dropped}, '>', 0, 'some attempts were lost on the way');
is($deliveries->{duplicated}, 10, 'the status counts what was repeated');
sim('POST', '/sim/knobs', '{"duplicate_rate":0,"drop_rate":0,"reorder_ms":0}');

# ---- Checkout ----
my $session = api('POST', '/v1/checkout/sessions', 'mode=subscription', "line_items[0][price]=$price->{id}",
    'line_items[0][quantity]=1', 'client_reference_id=u_2');
like($session->{id}, qr/^cs_test_\w{53,}$/, 'a session has a long id');
my $done = sim('POST', "/sim/checkout/$session->{id}/complete", '{"outcome":"paid","email":"eva@example.com"}');
is("$done->{status} $done->{payment_status}", 'complete paid', 'somebody pays it');
is(api('GET', "/v1/subscriptions?customer=$done->{customer}")->{data}[0]{status}, 'active', 'and has a subscription');
my $pack = api('POST', '/v1/prices', 'currency=jpy', 'unit_amount=500', 'product_data[name]=Pack');
$session = api('POST', '/v1/checkout/sessions', 'mode=payment', "line_items[0][price]=$pack->{id}");
$done = sim('POST', "/sim/checkout/$session->{id}/complete", '{"outcome":"unpaid-async"}');
is("$done->{status} $done->{payment_status}", 'complete unpaid', 'a delayed payment completes unpaid');
is($done->{customer}, undef, 'a guest has no customer');
is(sim('POST', "/sim/checkout/$session->{id}/async", '{"outcome":"succeeded"}')->{payment_status}, 'paid',
    'and is paid later');
is(sim('GET', '/sim/truth')->{guest_sales}[0]{amount}, 500, 'which the truth lists among the guests');

# ---- faults ----
sub statuses {
    my ($count) = @_;
    my %seen;
    for (1 .. $count) {
        my $code = curl('-o', '/dev/null', '-w', '%{http_code}', '-H', 'Authorization: Bearer sk_test_e2e',
            '--stderr', '/dev/null', "$SIM/v1/customers?limit=1");
        $seen{$code}++;
    }
    return \%seen;
}
sim('POST', '/sim/knobs', '{"rate_429":1}');
like(curl('-i', '-H', 'Authorization: Bearer sk_test_e2e', "$SIM/v1/customers"),
    qr/^HTTP\/1.1 429 .*Stripe-Rate-Limited-Reason: global-rate/s, 'the limiter gives its reason');
sim('POST', '/sim/knobs', '{"rate_429":0,"rate_lock":1}');
my $locked = curl('-i', '-H', 'Authorization: Bearer sk_test_e2e', "$SIM/v1/customers");
like($locked, qr/^HTTP\/1.1 429 .*lock_timeout/s, 'a lock is a 429 too');
unlike($locked, qr/Rate-Limited-Reason/, 'without that header');
sim('POST', '/sim/knobs', '{"rate_lock":0,"rate_500":0.3,"rate_disconnect":0.3}');
my $seen = statuses(40);
ok($seen->{200} && ($seen->{500} // 0) + ($seen->{502} // 0) > 0, 'some answers are 500, some are fine');
sim('POST', '/sim/knobs', '{"rate_500":0,"rate_disconnect":0}');
is_deeply(statuses(5), {200 => 5}, 'without faults all is well again');

# ---- a run ----
my %story;
for my $round (1, 2) {
    start('--seed', '9');
    sim('POST', '/sim/run', '{"customers":40,"months":2,"ms_per_day":0}');
    for (1 .. 600) {
        last unless sim('GET', '/sim/status')->{running};
        sleep 0.05;
    }
    $story{$round} = curl("$SIM/sim/truth") . curl('-H', 'Authorization: Bearer sk_test_e2e',
        "$SIM/v1/events?limit=100");
}
is($story{1}, $story{2}, 'two programs with one seed tell one story');
cmp_ok(scalar @{sim('GET', '/sim/truth')->{customers}}, '>', 20, 'of many customers');
is(stop(), 0, 'SIGTERM ends it well');

# ---- killed and started again ----
my $dir = tempdir(CLEANUP => 1);

sub kill_hard {
    kill KILL => $sim_pid;
    waitpid $sim_pid, 0;
    undef $sim_pid;
}

# A run with writes before and after it, killed whenever as many deliveries as @$kills says have come. Returns what
# anybody can know in the end: the truth, the events as the API lists them, and the ids of those delivered.
my @world = ('--seed', '11', '--webhook', webhook(), '--secret', $SECRET);
sub story {
    my ($state, @kills) = @_;
    stop();
    my $waiting = IO::Select->new($listener); # what an earlier simulator sent and nobody took
    close $listener->accept while $waiting->can_read(0);
    my @args = (@world, $state ? ('--state', $state) : ());
    start(@args);
    my @taken;
    my $made = api('POST', '/v1/customers', \'before', 'email=before@example.com', 'payment_method=pm_card_visa');
    sim('POST', '/sim/customers/' . $made->{id} . '/card', '{"declines":2}');
    sim('POST', '/sim/clock', '{"advance_s":86400}');
    sim('POST', '/sim/knobs', '{"retry_base_ms":20,"backlog_max":16}');
    sim('POST', '/sim/run', '{"customers":25,"months":2,"ms_per_day":0}');
    my $select = IO::Select->new($listener);
    for (1 .. 20000) {
        while ($select->can_read(0.005)) {
            my $client = $listener->accept or last;
            serve_one($client);
            close $client;
            last if @kills && @taken + @received >= $kills[0];
        }
        if (@kills && @taken + @received >= $kills[0]) {
            shift @kills;
            kill_hard();
            push @taken, @received;
            start(@args);
        }
        my $status = sim('GET', '/sim/status');
        last if !$status->{running} && $status->{deliveries}{pending} == 0;
    }
    my @late = ('POST', '/v1/customers', \'late', 'email=late@example.com');
    my $late = api(@late);
    if ($state) { # keys live for a day of the virtual clock, and through a kill
        kill_hard();
        push @taken, @received;
        start(@args);
    }
    my $again = api(@late);
    api('POST', '/v1/customers', 'email=after@example.com');
    take_deliveries();
    push @taken, @received;
    my %delivered = map { (decode_json($_->{body})->{id} => 1) } @taken;
    return {
        truth => sim('GET', '/sim/truth'), now => sim('GET', '/sim/clock'), knobs => sim('GET', '/sim/knobs'),
        events => [map { @$_{qw(id type created)} } @{api('GET', '/v1/events?limit=100')->{data}}],
        replayed => $again->{id} eq $late->{id}, delivered => \%delivered,
        count => sim('GET', '/sim/status')->{events}, kills_left => scalar @kills,
    };
}
my $whole = story();
is(scalar keys %{$whole->{delivered}}, $whole->{count}, "$whole->{count} events, all delivered");
my $state = "$dir/journal";
my $killed = story($state, 3, 60, 61, 200, 400);
is($killed->{kills_left}, 0, 'the same story with the simulator killed six times');
ok($killed->{replayed}, 'an idempotency key is remembered');
is_deeply($killed->{$_}, $whole->{$_}, "the same $_") for qw(truth now knobs events count);
is_deeply($killed->{delivered}, $whole->{delivered}, 'every event is delivered, and no other');

# In mid-run, between two steps of the clock, with nobody taking deliveries.
unlink $state;
start(@world, '--state', $state);
sim('POST', '/sim/knobs', '{"backlog_max":30,"retries_max":1000,"delivery_timeout_ms":60000}');
sim('POST', '/sim/run', '{"customers":25,"months":2,"ms_per_day":0}');
sleep 0.2;
my $amid = api('POST', '/v1/customers', 'email=amid@example.com');
my $before_kill = sim('GET', '/sim/status');
kill_hard();
open my $torn, '>>', $state or die "$state: $!";
print {$torn} '{"control":"/sim/st';
close $torn;
start(@world, '--state', $state);
is(api('GET', "/v1/customers/$amid->{id}")->{email}, 'amid@example.com', 'what was made amid a run is there again');
my $after_kill = sim('GET', '/sim/status');
is_deeply([@$after_kill{qw(running now events)}, $after_kill->{deliveries}{pending}],
    [@$before_kill{qw(running now events)}, $before_kill->{deliveries}{pending}],
    'so is the clock, the run, and what is not delivered');
is(system("$bin/stripe-sim --listen 127.0.0.1:0 @world --state $state 2>/dev/null") >> 8, 3,
    'a journal in use is refused');
kill_hard();
is(system("$bin/stripe-sim --listen 127.0.0.1:0 @world --start 1800000000 --state $state 2>/dev/null") >> 8, 2,
    'so is one of another world');
done_testing();
