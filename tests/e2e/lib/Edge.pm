# What tests of the running ingest share: a private stack, an ingest, a raw socket, Stripe's signature.
package Edge;
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(sleep time);

our @EXPORT = qw($SECRET stack redis redis_pid event signed post put get_answers readable status_of rss_kb
    cpu_ticks metric wait_for slurp);

our $SECRET = 'whsec_edge_test_secret';
my $root    = dirname(__FILE__) . '/../../..';
my $bin     = $ENV{BIN} // "$root/bin";
my $ceiling = 60; # seconds; nothing here is expected to take a tenth of it
my $dir;
my %env;
my @running;

# The stack, started at first use. stack('kill', 'redis') and the like.
sub stack {
    my ($verb, @what) = @_;
    $dir //= tempdir('instep-edge-XXXXXX', TMPDIR => 1, CLEANUP => 1);
    system("$root/deploy/local/stack", $verb, @what, "$dir/stack") == 0 or die "stack $verb failed\n";
    if ($verb eq 'start') {
        $env{REDIS_URL} = slurp("$dir/stack/env") =~ /REDIS_URL='([^']+)'/ ? $1 : die "no REDIS_URL\n";
    }
    return;
}

sub redis {
    my @words = @_;
    my ($port) = $env{REDIS_URL} =~ /:(\d+)\/0/;
    open my $out, '-|', 'redis-cli', '-p', $port, @words or die "redis-cli: $!\n";
    local $/;
    my $text = <$out>;
    close $out;
    $text =~ s/\s+\z//;
    return $text;
}

sub redis_pid { return 0 + slurp("$dir/stack/redis/redis.pid") }

sub slurp {
    my ($file) = @_;
    open my $in, '<', $file or return '';
    local $/;
    return scalar <$in> // '';
}

# ---- the ingest ----

# Edge->start(INSTEP_... => ...): an ingest with these settings on free ports.
sub start {
    my ($class, %settings) = @_;
    my $without_redis = delete $settings{WITHOUT_REDIS}; # do not wait for it to be ready
    my $self = bless {log => "$dir/ingest" . scalar(@running) . '.log'}, $class;
    my %all = (
        PATH => $ENV{PATH}, %env,
        INSTEP_MODE => 'test', STRIPE_WEBHOOK_SECRETS => "whsec_an_older_one,$SECRET",
        INSTEP_LISTEN => '127.0.0.1:0', INSTEP_ADMIN_LISTEN => '127.0.0.1:0', INSTEP_LOG_LEVEL => 'debug', %settings,
    );
    $all{ASAN_OPTIONS} = $ENV{ASAN_OPTIONS} if $ENV{ASAN_OPTIONS};
    delete $all{$_} for grep { !defined $all{$_} } keys %all;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>', $self->{log} or die;
        open STDOUT, '>&', \*STDERR or die;
        %ENV = %all;
        exec "$bin/instep-ingest" or die "exec: $!\n";
    }
    $self->{pid} = $pid;
    push @running, $self;
    wait_for(sub { $self->log_text =~ /ingest\.listening/ || $self->ended });
    if ($self->log_text =~ / port=(\d+) admin_port=(\d+)/) {
        @$self{qw(port admin)} = ($1, $2);
        wait_for(sub { status_of($self->admin_get('/readyz')) == 200 }) unless $without_redis;
    }
    return $self;
}

sub log_text { return slurp($_[0]{log}) }

sub ended {
    my ($self) = @_;
    return 1 if defined $self->{status};
    return 0 if waitpid($self->{pid}, WNOHANG) == 0;
    $self->{status} = $?;
    return 1;
}

# Send a signal, wait for the end, return the wait status.
sub stop {
    my ($self, $signal) = @_;
    kill $signal // 'TERM', $self->{pid} unless $self->ended;
    wait_for(sub { $self->ended }) or kill 'KILL', $self->{pid};
    return $self->{status} // -1;
}

sub admin_get {
    my ($self, $path) = @_;
    my $peer = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{admin}") or return '';
    put($peer, "GET $path HTTP/1.0\r\n\r\n");
    return get_answers($peer, 0);
}

sub metric {
    my ($self, $name) = @_;
    return $self->admin_get('/metrics') =~ /^\Q$name\E (\S+)$/m ? $1 : 0;
}

sub rss_kb    { return slurp("/proc/$_[0]{pid}/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 }
sub cpu_ticks { my @f = split ' ', slurp("/proc/$_[0]{pid}/stat"); return $f[13] + $f[14] }

# ---- webhooks ----

# A snapshot event of a customer as JSON.
sub event {
    my ($id, $customer, %more) = @_;
    my $live = $more{livemode} // 'false';
    my $type = $more{type} // 'customer.subscription.updated';
    my $pad  = 'x' x ($more{pad} // 0);
    return qq({"id":"$id","object":"event","api_version":"2026-10-28.endive","created":1792000000,"livemode":$live,)
        . qq("type":"$type","data":{"object":{"id":"sub_1","object":"subscription","customer":"$customer",)
        . qq("metadata":{"email":"person\@example.com","pad":"$pad"}}}});
}

# The header that Stripe would send with a body.
sub signed {
    my ($body, %how) = @_;
    my $t = time() + ($how{shift} // 0);
    $t = int $t;
    return "t=$t,v1=" . hmac_sha256_hex("$t.$body", $how{secret} // $SECRET);
}

# A whole request.
sub post {
    my ($body, %how) = @_;
    my $signature = $how{signature} // signed($body, %how);
    my $path      = $how{path} // '/webhooks/stripe';
    return "POST $path HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nStripe-Signature: $signature\r\n"
        . ($how{headers} // '') . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# ---- sockets ----

# With receive_bytes the peer has room for no more of what it is sent.
sub dial {
    my ($self, $receive_bytes) = @_;
    my @small = $receive_bytes ? (Sockopts => [[SOL_SOCKET, SO_RCVBUF, $receive_bytes]]) : ();
    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => $ceiling, @small)
        // die "connect: $!\n";
}

# Send all of it, as far as the peer lets us. False if it closed.
sub put {
    my ($peer, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $end = time + $ceiling;
    $peer->blocking(0);
    while (length $bytes && time < $end) {
        my $n = syswrite $peer, $bytes;
        if (defined $n) { substr $bytes, 0, $n, '' }
        elsif ($!{EAGAIN}) { IO::Select->new($peer)->can_write(0.2) }
        else { return 0 }
    }
    return !length $bytes;
}

# Read until so many answers are complete (0: until the peer closes), or the ceiling.
sub get_answers {
    my ($peer, $count, $limit) = @_;
    my ($text, $end) = ('', time + ($limit // $ceiling));
    $peer->blocking(0);
    while (time < $end) {
        my $n = sysread $peer, $text, 65536, length $text;
        last if defined $n && $n == 0;
        last if !defined $n && !$!{EAGAIN};
        if ($count) {
            my ($rest, $seen) = ($text, 0);
            while ($rest =~ s/\A(HTTP.*?\r\n\r\n)//s) {
                my $head = $1;
                my $len = $head =~ /Content-Length: (\d+)/i ? $1 : 0;
                last if length $rest < $len;
                substr $rest, 0, $len, '';
                $seen++;
            }
            last if $seen >= $count;
        }
        IO::Select->new($peer)->can_read(0.2) if !defined $n;
    }
    return $text;
}

# Is there anything to read, or the end, within so many seconds?
sub readable {
    my ($peer, $seconds) = @_;
    my @ready = IO::Select->new($peer)->can_read($seconds);
    return scalar @ready;
}

# One request on a connection of its own; the whole answer.
sub ask {
    my ($self, $bytes, $answers) = @_;
    my $peer = $self->dial;
    put($peer, $bytes);
    return get_answers($peer, $answers // 1);
}

sub status_of { return $_[0] =~ /\AHTTP\/1\.1 (\d{3})/ ? $1 : 0 }

sub wait_for {
    my ($condition) = @_;
    my $end = time + $ceiling;
    while (time < $end) {
        return 1 if $condition->();
        sleep 0.05;
    }
    return 0;
}

END {
    my $status = $?;
    for my $ingest (@running) { $ingest->stop('KILL') }
    if ($dir && -d "$dir/stack") {
        kill 'CONT', redis_pid() if -s "$dir/stack/redis/redis.pid";
        system "$root/deploy/local/stack destroy $dir/stack >/dev/null 2>&1";
    }
    $? = $status;
}

1;
