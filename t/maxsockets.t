#!/usr/bin/perl

# notify_max_sockets: how many sockets a user may have, over all workers, in
# any race, after a worker has died, and while sockets move to new workers.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyHandover ();
use NotifyNginx ();
use NotifyWire ();

my $DIR = NotifyEnv::work_dir();
my $KILLED = qr/worker process \d+ exited on signal 9/;
my $WORKERS = 4;

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -keyout $DIR/key.pem -out $DIR/cert.pem 2> $DIR/openssl.log") == 0
    or die "openssl: see $DIR/openssl.log\n";

my $tls = NotifyEnv::free_port();
my $locations = "
    client_header_timeout 60s;
    add_header X-Worker \$pid always;
    location /three { notify_socket; notify_max_sockets 3; }
    location /refuse { notify_socket; notify_max_sockets 3 refuse; }
    location /seven { notify_socket; notify_max_sockets 7; }
    location /seven_refuse { notify_socket; notify_max_sockets 7 refuse; }
    location /most { notify_socket; notify_max_sockets 1024 refuse; }
    location /free { notify_socket; }
    location /other { notify_socket; notify_realm other;
                      notify_max_sockets 3 refuse; }
    location /new/ { notify_push; }
    location /status { notify_status; }";

my $nginx = NotifyHandover->new(
    workers => $WORKERS, listen => 'reuseport', level => 'info',
    config => $locations,
    http => "server {
                 listen 127.0.0.1:$tls ssl;
                 ssl_certificate $DIR/cert.pem;
                 ssl_certificate_key $DIR/key.pem;
                 $locations
             }",
)->start;


sub socket_at {
    my ($where, $user, %opt) = @_;
    return NotifyHandover::Socket->open($nginx->port, "/$where?user_id=$user",
                                        %opt);
}


sub try {
    my ($where, $user) = @_;
    return NotifyHandover::Socket->try($nginx->port, "/$where?user_id=$user");
}


sub worker_of { return $_[0]{answer}{headers}{'x-worker'} }


# How many sockets the user has, of those that have not been closed.
sub counted {
    my $user = shift;
    return NotifyClient::http($nginx->port, 'HEAD', "/new/$user")
           ->{headers}{'notify-sockets'};
}


sub wait_counted {
    my ($user, $n) = @_;
    return NotifyNginx::wait_for("$n sockets of $user",
                                 sub { counted($user) == $n });
}


# What is still open of these: a push comes to it, and no close frame before.
sub left {
    my ($user, @sockets) = @_;

    NotifyClient::http($nginx->port, 'POST', "/new/$user", body => 'left?');
    return grep { $_->message eq 'left?' } @sockets;
}


# The same of sockets of which some have been closed, or cut.
sub left_of {
    my ($user, @sockets) = @_;
    my $text = 'left of ' . @sockets;

    NotifyClient::http($nginx->port, 'POST', "/new/$user", body => $text);
    return grep {
        my ($opcode, $payload) = $_->frame;
        ($opcode // 8) == 1 && $payload eq $text;
    } @sockets;
}


# In one worker after the other, as the kernel deals them out.
sub fill {
    my ($where, $user, $n) = @_;
    return map { socket_at($where, $user) } 1 .. $n;
}


# Handshakes that all arrive before any answer is read.
sub race {
    my ($n, $user, @where) = @_;
    my @sockets;

    for my $i (1 .. $n) {
        my $sock = NotifyClient::connect_to($nginx->port);
        my $ws = bless { sock => $sock, buf => '' }, 'NotifyHandover::Socket';
        $ws->{where} = $where[$i % @where];
        push @sockets, $ws;
    }

    $_->write(NotifyWire::handshake("/$_->{where}?user_id=$user", ()))
        for @sockets;
    $_->{answer} = { eval { $_->head } } for @sockets;
    return @sockets;
}


sub codes {
    my %codes;
    $codes{ $_->{answer}{code} }++ for @_;
    return \%codes;
}


sub close_all {
    my ($user, @sockets) = @_;
    $_->close for @sockets;
    return wait_counted($user, 0);
}


# --- the limit, one socket after the other

# The oldest goes, whichever worker has it.
{
    my @sockets = fill('three', 'a', 3);
    my %workers;

    for my $round (1 .. 12) {
        push @sockets, socket_at('three', 'a');
        my $oldest = shift @sockets;
        is($oldest->wait_close, 4409, "socket $round, the oldest, is replaced");
        $oldest->close;
        $workers{ worker_of($_) }++ for $oldest, @sockets;
    }

    cmp_ok(keys %workers, '>', 1, '... in more workers than one');
    is(left('a', @sockets), 3, 'the three newest stay');
    wait_counted('a', 3);

    # who leaves makes room, in the middle too
    $sockets[1]->close;
    wait_counted('a', 2);
    my $again = socket_at('three', 'a');
    is(left('a', $sockets[0], $sockets[2], $again), 3,
       'there is room for another when one has left');

    my $next = socket_at('three', 'a');
    is($sockets[0]->wait_close, 4409, '... and the oldest is still the oldest');
    is(left('a', $sockets[2], $again, $next), 3, 'the others stay');
    close_all('a', @sockets, $again, $next);
}

# What was pushed before it was replaced reaches it; what comes later does not.
{
    my @sockets = fill('three', 'order', 3);

    NotifyClient::http($nginx->port, 'POST', '/new/order', body => 'before');
    push @sockets, socket_at('three', 'order');
    NotifyClient::http($nginx->port, 'POST', '/new/order', body => 'after');

    is($sockets[0]->message, 'before', 'the oldest has what came before');
    is($sockets[0]->wait_close, 4409, '... and then its close');
    is($sockets[3]->message, 'after', 'the newest has what came after');
    close_all('order', @sockets);
}

# Refused instead.
{
    my @sockets = fill('refuse', 'b', 3);
    my $ws = try('refuse', 'b');

    is($ws->{answer}{code}, 429, 'a fourth is refused');
    is($ws->{answer}{headers}{'content-type'}, 'application/json',
       '... by an answer in JSON');
    $ws->fill while length $ws->{buf}
                    < $ws->{answer}{headers}{'content-length'};
    my $body = JSON::PP::decode_json($ws->{buf});
    is($body->{field}, 'user', '... that names the field');
    is($body->{error}, 'the user has all 3 sockets that notify_max_sockets '
       . 'allows', '... and says why');
    $nginx->wait_log(qr/\[info\].*the user has all 3 sockets/);

    is(left('b', @sockets), 3, 'the three stay');
    is(counted('b'), 3, 'who is refused is not counted');
    is(try('refuse', 'c')->{answer}{code}, 101, 'others are let in');
    is(try('other', 'b')->{answer}{code}, 101,
       'and the one of that name in another realm');

    # each who leaves makes room for one
    for my $i (1 .. 3) {
        (shift @sockets)->close;
        wait_counted('b', 2);
        push @sockets, socket_at('refuse', 'b');
        is(try('refuse', 'b')->{answer}{code}, 429,
           "socket $i that leaves makes room for one");
    }

    close_all('b', @sockets);
}

# Locations with a limit count together; each asks for its own.
{
    my @free = fill('free', 'd', 5);
    my @sockets = fill('seven', 'd', 7);

    is(try('refuse', 'd')->{answer}{code}, 429,
       'a lower limit counts what a higher one has let in');

    push @sockets, socket_at('three', 'd');
    is_deeply([ map { $_->wait_close } splice @sockets, 0, 5 ], [ (4409) x 5 ],
              'a lower limit closes as many as are too many');
    is(left('d', @sockets), 3, 'as many as it allows stay');
    is(left('d', @free), 5, 'those without a limit are neither counted '
       . 'nor closed');
    close_all('d', @sockets, @free);
}

# As many as can be written.
{
    my @sockets = fill('most', 'e', 1024);

    is(try('most', 'e')->{answer}{code}, 429, '1,024 sockets, and no more');
    (splice @sockets, 500, 1)->close;
    wait_counted('e', 1023);
    push @sockets, socket_at('most', 'e');
    is(left('e', @sockets), 1024, 'all of them have a push');
    close_all('e', @sockets);
}


# --- races

for my $round (1 .. 5) {
    my @sockets = race(50, "r$round", 'seven_refuse');

    is_deeply(codes(@sockets), { 101 => 7, 429 => 43 },
              "race $round: exactly seven of fifty are let in");
    my @in = grep { $_->{answer}{code} == 101 } @sockets;
    is(left("r$round", @in), 7, "race $round: and stay");
    close_all("r$round", @sockets);
}

for my $round (1 .. 5) {
    my @sockets = race(50, "p$round", 'seven');

    is_deeply(codes(@sockets), { 101 => 50 },
              "race $round: where the oldest goes, all are let in");
    is_deeply($nginx->closes(43, \@sockets), { 4409 => 43 },
              "race $round: all but seven are replaced");
    is(left("p$round", @sockets), 7, "race $round: seven stay");
    is(counted("p$round"), 7, "race $round: and are counted");
    close_all("p$round", @sockets);
}

{
    my @sockets = race(60, 'mixed', 'three', 'seven', 'seven_refuse');
    my @in = grep { $_->{answer}{code} == 101 } @sockets;

    # what is pushed now comes behind all closes
    NotifyClient::http($nginx->port, 'POST', '/new/mixed', body => 'left?');
    my @first = map { [ $_->frame ] } @in;
    my $stay = grep { $_->[0] == 1 && $_->[1] eq 'left?' } @first;
    my $gone = grep { $_->[0] == 8 && unpack('n', $_->[1]) == 4409 } @first;

    is($stay + $gone, @in, 'several limits at once: a socket stays, or goes');
    ok($stay >= 3 && $stay <= 7, "... $stay stay");
    wait_counted('mixed', $stay);
    close_all('mixed', @sockets);
}


# --- kill -9

# Nobody is refused or closed for the sake of the dead, at no time.
for my $round (1 .. 3) {
    my @sockets = fill('seven', "k$round", 7);
    my ($victim) = map { worker_of($_) } @sockets;
    my @left = grep { worker_of($_) != $victim } @sockets;
    my $lost = @sockets - @left;

    kill KILL => $victim;
    NotifyNginx::wait_for('its end', sub { !NotifyNginx::running($victim) });

    my @new = grep { $_->{answer}{code} == 101 }
              map { try('seven_refuse', "k$round") } 1 .. $lost;
    is(@new, $lost, "round $round: $lost have died, as many are let in");
    is(try('seven_refuse', "k$round")->{answer}{code}, 429, '... and no more');
    is(left("k$round", @left, @new), 7, '... all others stay');

    NotifyNginx::wait_for('the respawned worker',
                          sub { $nginx->workers == $WORKERS });
    close_all("k$round", @left, @new);
}


# --- a reload

# The order of age, and what counts, moves along.
{
    my @sockets = fill('three', 'm', 3);
    my @refused = fill('refuse', 'n', 3);
    my @many = fill('most', 'o', 300);

    for my $round (1 .. 3) {
        $nginx->reload(workers => $WORKERS - 1 + $round % 2);
        $nginx->wait_old;

        is(try('refuse', 'n')->{answer}{code}, 429,
           "reload $round: who has moved is counted");
        push @sockets, socket_at('three', 'm');
        is((shift @sockets)->wait_close, 4409,
           "reload $round: and is as old as before");
        is(left('m', @sockets), 3, "reload $round: three stay");
    }

    shift(@refused)->close;
    wait_counted('n', 2);
    push @refused, socket_at('refuse', 'n');
    is(left('n', @refused), 3, 'who has moved makes room when it leaves');

    push @many, grep { $_->{answer}{code} == 101 }
                map { try('most', 'o') } 1 .. 730;
    is(@many, 1024, 'none is counted twice, or not at all');
    close_all('m', @sockets);
    close_all('n', @refused);
    close_all('o', @many);
}

# Handshakes all the while.
{
    my @sockets = fill('seven', 'w', 7);
    my @moving = fill('free', 'x', 500);
    my $closed = 0;

    for my $round (1 .. 3) {
        $nginx->signal('HUP');
        my @new = race(30, 'w', 'seven');
        is_deeply(codes(@new), { 101 => 30 }, "reload $round: all are let in");
        push @sockets, @new;
        is_deeply($nginx->closes(30, \@sockets), { 4409 => 30 },
                  "reload $round: as many are replaced");
        is(left('w', @sockets), 7, "reload $round: seven stay");
        is(counted('w'), 7, "reload $round: and are counted");
        $nginx->wait_generation;
        $nginx->wait_old;
    }

    close_all('w', @sockets);
    close_all('x', @moving);
}

# One that is replaced on its way between two workers.
for my $heir (0, 1) {
    my @sockets = fill('three', "f$heir", 3);

    # all but one stand still: that one is to serve what comes now
    my @frozen;
    my @new = $nginx->hand_over_to_frozen(sub {
        return @frozen = @_[1 .. $#_];
    });

    my @others;
    while (@others < 2) {
        my $ws = NotifyClient::connect_to($nginx->port);
        my $socket = bless { sock => $ws, buf => '' },
                           'NotifyHandover::Socket';
        $socket->write(NotifyWire::handshake("/three?user_id=f$heir", ()));
        push @others, $socket;
        $nginx->thaw(@frozen) if @others == 2 && !$heir;
    }

    if ($heir) {
        kill KILL => @frozen;
        $nginx->thaw(@frozen);
        NotifyNginx::wait_for('the respawned workers',
                              sub { $nginx->workers == $nginx->{workers} });
    }

    # those that were sent to a frozen worker are cut when that is killed
    my @in = grep {
        my $ws = $_;
        $ws->{answer} = { eval { $ws->head } };
        ($ws->{answer}{code} // 0) == 101;
    } @others;

    is(try('refuse', "f$heir")->{answer}{code}, 429,
       'on their way they are counted' . ($heir ? ', also by an heir' : ''));

    my @closed = splice @sockets, 0, scalar @in;
    is_deeply([ map { $_->wait_close } @closed ], [ map { 4409 } @in ],
              '... and the oldest are closed');
    is(left("f$heir", @sockets, @in), 3, '... and no other');
    close_all("f$heir", @sockets, @closed, @in);
}

# All of it at once: what then stays is what is counted, and may be filled up.
for my $round (1 .. 4) {
    my $user = "chaos$round";
    my @sockets = fill('seven', $user, 7);
    my @moving = fill('free', 'x', 200);

    $nginx->signal('HUP');
    push @sockets, race(20, $user, 'seven');
    my @workers = $nginx->workers;
    kill KILL => $workers[$round % @workers] if @workers;
    push @sockets, grep { $_->{answer}{code} } race(10, $user, 'seven');

    NotifyNginx::wait_for('all workers', sub {
        $nginx->workers == $nginx->count_of_workers && !$nginx->old_workers
    });

    my @open = left_of($user, grep { $_->{answer}{code} } @sockets);
    wait_counted($user, scalar @open);
    cmp_ok(@open, '<=', 7, "round $round: " . @open . ' stay');

    push @open, grep { ($_->{answer}{code} // 0) == 101 }
                map { try('seven_refuse', $user) } 1 .. 12;
    is(@open, 7, "round $round: others are let in up to the limit");
    is(left($user, @open), 7, "round $round: and all stay");

    close_all($user, @open);
    close_all('x', @moving);
}

# Over TLS it stays with the old worker.
{
    my $ws = socket_at('three', 'tls', sock => NotifyClient::tls($tls));

    $nginx->reload;
    my @sockets = fill('three', 'tls', 3);
    is($ws->wait_close, 4409, 'one of an old worker is replaced by new ones');
    is(left('tls', @sockets), 3, '... and no other');
    close_all('tls', $ws, @sockets);
    $nginx->wait_old;
}

# A binary upgrade: two masters, one count.
{
    my @sockets = fill('three', 'u', 3);

    $nginx->upgrade(workers => 2);
    $nginx->leave_old('QUIT');
    push @sockets, socket_at('three', 'u');
    is((shift @sockets)->wait_close, 4409, 'after an upgrade the oldest goes');
    is(left('u', @sockets), 3, '... and no other');
    close_all('u', @sockets);
}

# Inherited: a location may take it back, or have its own.
{
    my $bare = NotifyHandover->new(workers => 1, http => '
        notify_max_sockets 1 refuse;',
        config => '
            location /one { notify_socket; }
            location /two { notify_socket; notify_max_sockets 2; }
            location /off { notify_socket; notify_max_sockets off; }
            location /new/ { notify_push; }
            location /stub { stub_status; }')->start;
    my @sockets = map { NotifyHandover::Socket->try($bare->port,
                                                    "/$_?user_id=1") }
                  qw(one one off off two two two);

    is_deeply([ map { $_->{answer}{code} } @sockets ],
              [ 101, 429, 101, 101, 101, 101, 101 ],
              'the limit is inherited, changed, and taken back');
    is_deeply([ map { $_->wait_close } @sockets[0, 4] ], [ 4409, 4409 ],
              '... and the others count, too') if @sockets == 7;

    # a worker that replaces a socket of its own does so before all else
    push @sockets, NotifyHandover::Socket->open($bare->port, '/two?user_id=1');
    ok(!$sockets[5]->is_quiet, '... at once, in one worker');
    ok($sockets[6]->is_quiet, '... and no other');

    $_->close for @sockets;
    $bare->stop;
}

my $status = $nginx->status;
cmp_ok($status->{refusals}{sockets}, '>', 43 * 5, 'refusals are counted');
cmp_ok($status->{closes}{4409}, '>', 43 * 5, 'and closes by their code');

$nginx->stop(expect => $KILLED);

done_testing();
