#!/usr/bin/perl

# What can go wrong while sockets move: workers that are stopped or killed with
# sockets on their way, no room, reloads that come fast, locations that are
# gone.  Each leaves all other sockets served, and none is dropped without a
# close frame.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use NotifyClient ();
use NotifyHandover ();
use NotifyWire ();

my $SEED = $ENV{NOTIFY_TEST_SEED} // 20;


sub narrow {
    my $nginx = shift;
    return $nginx->sockets(1, 43, connect => sub {
        NotifyClient::narrow($nginx->port);
    });
}


sub on_their_way {
    my ($nginx, @workers) = @_;
    my %places = $nginx->places;

    my $n = 0;
    $n += $places{$_} for @workers;
    return $n;
}


sub none_was_closed {
    my ($nginx, $sockets, $name) = @_;
    my $status = $nginx->status;

    is($status->{sockets}, $sockets, "$name: the status counts all");
    is($status->{handover}{orphaned}, 0, "$name: none was closed");

    # A worker that was killed may have had a connection of ours.
    NotifyNginx::wait_for('stub_status to be right', sub {
        my $more = $nginx->active - $sockets;
        return $more == 0 || $more == 1 && $nginx->log =~ /on signal 9/;
    });
}


# A new worker does not come to take its sockets, for a while.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });

    cmp_ok(on_their_way($nginx, $slow), '>', 0, 'sockets are on their way');
    $nginx->reaches(42, 'with sockets on their way', @sockets)
        if $nginx->push_to(42, 'first') == 40
           && $nginx->thaw($slow)
           && ok(!grep({ $_->message ne 'first' } @sockets),
                 'they get what was pushed meanwhile');
    none_was_closed($nginx, 40, 'a slow worker');
    $nginx->stop;
}


# It is told to exit with sockets on their way to it.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });

    is($nginx->push_to(42, 'first'), 40, 'all are counted');
    $nginx->reload_past;
    is($nginx->push_to(42, 'second'), 40, '... after another reload, too');

    # It hears of it before all that has come: by a signal, too.
    kill QUIT => $slow;
    $nginx->thaw($slow);
    $nginx->wait_old;

    is(grep({ $_->message ne 'first' || $_->message ne 'second' } @sockets), 0,
       'they go on to the next worker, with all that came meanwhile');
    $nginx->reaches(42, 'a reload in a reload', @sockets);
    none_was_closed($nginx, 40, 'a reload in a reload');
    $nginx->stop;
}


# It is killed.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });

    is($nginx->push_to(42, 'first'), 40, 'all are counted');
    $nginx->kill_worker($slow);
    is(grep({ $_->message ne 'first' } @sockets), 0,
       'the worker that is started instead takes them over');
    $nginx->reaches(42, 'a killed receiver', @sockets);
    none_was_closed($nginx, 40, 'a killed receiver');
    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
}


# It is killed, and none is started instead since it was told to exit.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });
    my $lost = on_their_way($nginx, $slow);

    $nginx->reload_past;
    kill KILL => $slow;

    is_deeply($nginx->closes($lost, \@sockets), { 1012 => $lost },
              'sockets that nobody takes over are closed with 1012');
    $nginx->wait_sum($lost,
                     qr/: (\d+) sockets on their way to a worker that died/);
    NotifyNginx::wait_for('their end to be known', sub {
        $nginx->status->{sockets} == 40 - $lost;
    });
    $nginx->reaches(42, 'the others', @sockets);
    is($nginx->status->{handover}{orphaned}, $lost, '... and counted');
    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
}


# A log-out meets sockets on their way.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });

    is($nginx->push_to(42, 'the last'), 40, 'all are counted');
    NotifyClient::http($nginx->port, 'DELETE', '/new/42');
    my @late = $nginx->sockets(4, 42);
    $nginx->thaw($slow);

    is(grep({ $_->message ne 'the last' } @sockets), 0,
       'what was pushed before a log-out arrives');
    is_deeply($nginx->closes(40, \@sockets), { 4403 => 40 },
              'it reaches sockets on their way');
    $nginx->reaches(42, 'those that came later', @late);
    $nginx->stop;
}


# Many sockets are on their way to a worker that is killed, under pushes.
{
    my $nginx = NotifyHandover->new(workers => 1)->start;
    my $moving = $nginx->moving(seed => $SEED, sockets => 2000, users => 1000,
                                crowd => 0, relays => 20, slow => 10);

    $nginx->{workers} = 2;
    $nginx->configure;
    my ($stuck) = $nginx->hand_over_to_frozen(sub { $_[0] });

    cmp_ok(on_their_way($nginx, $stuck), '>', 900,
           'half of all sockets are on their way');
    is($moving->kill($stuck), 0, 'to a worker that dies before it has one');
    NotifyNginx::wait_for('the respawned worker', sub { $nginx->workers == 2 });
    $moving->ticks(2);

    my $account = $moving->stop;
    is_deeply($account->{errors}, [], 'each socket got exactly its messages');
    is($account->{reopened}, 0, 'and none was closed');
    NotifyNginx::wait_for('the status to count all', sub {
        $nginx->status->{sockets} == 2050;
    });
    $moving->end;
    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
}


# A sender is killed in the middle: its heir has room for 768 sockets.
{
    my $nginx = NotifyHandover->new(workers => 1)->start;
    my $moving = $nginx->moving(seed => $SEED, sockets => 1000, users => 500,
                                crowd => 0, relays => 20, slow => 10,
                                reopen => 0);
    my ($sender) = $nginx->workers;

    $nginx->{connections} = 1024;
    $nginx->configure;
    my ($heir) = $nginx->hand_over_to_frozen(sub { $_[0] }, but => 1);
    $nginx->wait_log(qr/282 sockets find no room in new workers/);
    is($moving->kill($sender), 282, 'a sender is killed with what it has left');
    $nginx->thaw($heir);
    $moving->ticks(2);

    my $account = $moving->stop;
    is_deeply($account->{errors}, [], 'the others got exactly their messages');
    is($account->{reopened}, 282, 'and just those were closed');
    NotifyNginx::wait_for('the status to count all', sub {
        $nginx->status->{sockets} == 768;
    });
    $moving->end;
    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
}


# No room: new workers take 192 of 500.
{
    my $nginx = NotifyHandover->new(workers => 1, connections => 1024)->start;
    my @sockets = $nginx->sockets(500, 42);
    my ($old) = $nginx->workers;

    $nginx->reload_to_all(connections => 256);
    $nginx->wait_log(qr/308 sockets find no room in new workers/);
    my ($new) = $nginx->workers;
    is_deeply({ $nginx->places }, { $old => 308, $new => 192 },
              'a worker takes what it has room for');
    $nginx->reaches(42, 'in both', @sockets);

    $nginx->reload(connections => 1024, http => 'notify_drain 1s;');
    $nginx->wait_old;
    $nginx->reaches(42, 'there is room again', @sockets);
    none_was_closed($nginx, 500, 'there is room again');

    $nginx->reload_to_all(connections => 256);
    is_deeply($nginx->closes(308, \@sockets), { 1012 => 308 },
              'with notify_drain those without room are closed');
    $nginx->wait_old;
    $nginx->reaches(42, 'the others', @sockets);
    $nginx->stop;
}


# Sixty reloads, each as soon as the master has heard of the last one.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my $moving = $nginx->moving(seed => $SEED, sockets => 500, users => 250,
                                crowd => 50, relays => 10, slow => 6);

    for my $n (1 .. 60) {
        $nginx->signal('HUP');
        NotifyNginx::wait_for('the master', sub { $nginx->reloads == $n });
    }

    $nginx->wait_old;
    my $account = $moving->stop;
    is_deeply($account->{errors}, [], '60 reloads lose and repeat nothing');
    is($account->{reopened}, 0, '... and close nothing');
    is($account->{pongs}, $account->{pings}, '... not a pong is missing');
    $moving->end;
    $nginx->stop;
    unlike($nginx->log, qr/dead workers/,
           '... and no worker is taken for dead');
}


# A worker that is still reading a handshake when it is told to exit.
{
    my $nginx = NotifyHandover->new(
        workers => 1,
        config => "client_header_timeout 60s; $NotifyHandover::LOCATIONS",
    )->start;

    my $sock = NotifyClient::connect_to($nginx->port);
    my $handshake = NotifyWire::handshake('/client?user_id=42');
    syswrite $sock, substr $handshake, 0, 30;
    NotifyNginx::wait_for('it to be accepted', sub { $nginx->active == 1 });

    $nginx->reload;
    is($nginx->old_workers, 1, 'an old worker waits for a handshake');
    my $socket = $nginx->finish($sock, substr $handshake, 30);
    is($socket->{answer}{code}, 101, 'which it answers');
    $nginx->wait_old;
    $nginx->reaches(42, 'handed over', $socket);
    $nginx->stop;
}


# A location that takes no sockets any more; one of them has a message that is
# being sent.
{
    my $nginx = NotifyHandover->new(workers => 2,
                                    listen => 'sndbuf=16k')->start;
    my @gone = $nginx->sockets(5, 42);
    my @stay = $nginx->sockets(5, 42, location => 'relay');
    my ($slow) = narrow($nginx);
    my $long = join ' ', 1 .. 60000;

    is($nginx->push_to(43, $long), 1, 'a long message is pushed');
    (my $locations = $NotifyHandover::LOCATIONS)
        =~ s{location /client \{.*?\}}{location /client { return 204; }};
    $nginx->reload(config => $locations);

    is_deeply($nginx->closes(5, \@gone), { 1012 => 5 },
              'sockets whose location is another one now get 1012');
    ok($slow->message eq $long, 'what was being sent is sent to its end');
    is_deeply($nginx->closes(1, [ $slow ]), { 1012 => 1 }, '... and then 1012');
    $nginx->wait_log(qr/\d sockets were closed with 1012: their location/);
    $nginx->reaches(42, 'another location', @stay);
    $nginx->stop;
}


# Settings that change hold; and a ping that waits for its turn is not lost.
{
    my $nginx = NotifyHandover->new(workers => 1, listen => 'sndbuf=16k',
                                    http => 'notify_ping_interval 8s;')->start;
    my ($slow) = narrow($nginx);
    my $long = join ' ', 1 .. 60000;

    is($nginx->push_to(43, $long), 1, 'a long message is pushed');
    NotifyNginx::wait_for('a ping', sub { $nginx->status->{pings}{sent} });
    $nginx->reload(http => 'notify_ping_interval 1h;');
    $nginx->wait_old;
    ok($slow->message eq $long, 'the message has arrived');
    is(($slow->frame)[0], 9, 'and so does the ping that waited behind it');

    my ($quiet) = $nginx->sockets(1, 44);
    $nginx->reload(http => 'notify_ping_interval 1s;');
    is(($quiet->frame)[0], 9, 'a ping comes at the interval that is new');
    $nginx->stop;
}


# A message that comes in pieces while notify_client_messages changes is not
# relayed in part.
{
    my $locations = sub {
        my $how = shift;
        return "location /relay {
                    notify_socket; notify_client_messages $how;
                }
                location /client { notify_socket; }
                location /new/ { notify_push; }
                location /status { notify_status; }
                location /stub { stub_status; }";
    };
    my $nginx = NotifyHandover->new(workers => 1,
                                    config => $locations->('ignore'))->start;
    my ($talks) = $nginx->sockets(1, 42, location => 'relay');
    my ($hears) = $nginx->sockets(1, 42);

    my $piece = sub {
        my ($opcode, $text, %opt) = @_;
        $talks->send_frame($opcode, $text, %opt);
        ok($talks->is_quiet, "\"$text\" has come");
    };
    my $reload = sub {
        $nginx->reload(config => $locations->(shift));
        $nginx->wait_old;
    };

    $piece->(1, 'ignored ', fin => 0);
    $reload->('relay');
    $piece->(0, 'in part');
    $talks->send_frame(1, 'whole');
    is($hears->message, 'whole', 'the rest of an ignored one is ignored');
    is($talks->message, 'whole', '... and no more comes');

    $piece->(1, 'old ', fin => 0);
    $reload->('ignore');
    $piece->(0, 'is ignored');
    $reload->('relay');
    $piece->(1, 'new ', fin => 0);
    $talks->send_frame(0, 'in pieces');
    is($hears->message, 'new in pieces',
       'nothing is left of one that is ignored from its middle on');
    $nginx->stop;
}


# What waits for a slow reader is bounded however often it moves.
{
    my $nginx = NotifyHandover->new(
        workers => 1, listen => 'sndbuf=16k',
        http => 'notify_history off;',
        config => 'location /client { notify_socket; }
                   location /new/ { notify_push; }
                   location /status { notify_status; }')->start;
    my ($slow) = narrow($nginx);
    my $pushed = 0;

    $nginx->push_to(43, 'x' x 300000);

    # 64k are seven of these.
    for (1 .. 10) {
        $nginx->push_to(43, 'x' x 10000) for 1 .. 3;
        $pushed += 3;
        last if $nginx->status->{deliveries}{slow_closes};
        $nginx->reload;
        $nginx->wait_old;
    }

    is($pushed, 9, 'notify_send_buffer holds over several workers');
    is_deeply($nginx->closes(1, [ $slow ]), { 1013 => 1 }, '... then 1013');
    $nginx->stop;
}


# All seats are taken by workers that linger: there are 80.
SKIP: {
    skip 'too many processes for sanitizers', 4 if $ENV{NOTIFY_TEST_TAG};

    my $nginx = NotifyHandover->new(workers => 27,
                                    http => 'notify_handover off;')->start;
    my @sockets;

    for my $generation (1, 2) {
        # Wherever they end up: until each worker has one.
        NotifyNginx::wait_for('a socket in each worker', sub {
            push @sockets, $nginx->sockets(10, 42);
            my %places = $nginx->places;
            return !grep { !$places{$_} } $nginx->workers;
        });
        $nginx->reload;
    }

    my $codes = $nginx->closes(1, \@sockets);
    is((keys %$codes)[0], 1012, 'the oldest are told to give their seats up');
    NotifyNginx::wait_for('a seat for each new worker', sub {
        my %places = $nginx->places;
        return !grep { !defined $places{$_} } $nginx->workers;
    });
    NotifyNginx::wait_for('the others to be served', sub {
        $nginx->push_to(42, 'x') == $nginx->status->{sockets};
    });
    $_->close for @sockets;
    $nginx->wait_old;
    $nginx->stop;
}

done_testing();
