#!/usr/bin/perl

# kill -9 of a worker: its sockets are gone and counted no more, all others
# are served, and the worker that takes its place serves at once.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

my $WORKERS = 3;
my $KILLED = qr/worker process \d+ exited on signal 9/;

my $nginx = NotifyNginx->new(
    workers => $WORKERS, listen => 'reuseport',
    http => 'notify_history off;',
    config => 'location /client {
                   notify_socket;
                   add_header X-Worker $pid always;
               }
               location /new/ { notify_push; add_header X-Worker $pid; }
               location /status { notify_status; }',
)->start;


sub push_to {
    my ($user, $body) = @_;

    my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$user",
                                    body => $body);
    return JSON::PP::decode_json($answer->{body})->{sockets};
}


sub counted {
    my $user = shift;
    return NotifyClient::http($nginx->port, 'HEAD', "/new/$user")
           ->{headers}{'notify-sockets'};
}


sub worker_of { return $_[0]{answer}{headers}{'x-worker'} }


# Sockets of one user until each worker has at least that many.
sub spread {
    my ($user, $each) = @_;
    my (@sockets, %workers);

    until (keys %workers == $WORKERS
           && !grep { $_ < $each } values %workers)
    {
        my $ws = NotifyClient->open($nginx->port, "/client?user_id=$user");
        push @sockets, $ws;
        $workers{worker_of($ws)}++;
    }

    return @sockets;
}


# One after the other, some of them twice.
for my $round (1 .. 5) {
    my @sockets = spread($round, 3);
    my ($victim) = $nginx->workers;
    my @lost = grep { worker_of($_) == $victim } @sockets;
    my @left = grep { worker_of($_) != $victim } @sockets;

    $nginx->kill_worker($victim);
    is(grep({ $_->wait_close != 1006 } @lost), 0,
       "round $round: its sockets are cut");

    NotifyNginx::wait_for('registrations to vanish',
                          sub { counted($round) == @left });
    is(push_to($round, 'go on'), @left, 'they are counted no more');
    is(grep({ $_->message ne 'go on' } @left), 0, 'others are served');

    # Until one of the new sockets is in the worker that was respawned.
    my %before = map { worker_of($_) => 1 } @left;
    my @new;
    do {
        push @new, NotifyClient->open($nginx->port,
                                      "/client?user_id=$round");
    } while ($before{worker_of($new[-1])});

    is(push_to($round, 'all'), @left + @new, 'the respawned worker takes part');
    is(grep({ $_->message ne 'all' } @left, @new), 0, 'and serves at once');
    is(grep({ !$_->is_quiet } @left, @new), 0, 'nothing comes twice');
    $_->close for @left, @new;
}


# All at the same time.
{
    my @sockets = spread(42, 2);
    push_to(42, 'before');
    is(grep({ $_->message ne 'before' } @sockets), 0, 'all are served');

    my @victims = $nginx->workers;
    kill KILL => @victims;
    is(grep({ $_->wait_close != 1006 } @sockets), 0, 'all sockets are cut');
    NotifyNginx::wait_for('respawned workers', sub {
        my %now = map { $_ => 1 } $nginx->workers;
        keys %now == $WORKERS && !grep { $now{$_} } @victims;
    });
    NotifyNginx::wait_for('registrations to vanish',
                          sub { counted(42) == 0 });
    is(push_to(42, 'nobody'), 0, 'they are counted no more');

    @sockets = spread(42, 2);
    is(push_to(42, 'again'), @sockets, 'new sockets are there');
    is(grep({ $_->message ne 'again' } @sockets), 0, 'and served');
    $_->close for @sockets;
}


# One that was killed while it was told to exit is not respawned.
{
    $nginx->reload(http => 'notify_history off; notify_handover off;');
    NotifyNginx::wait_for('the old workers to go',
                          sub { !$nginx->old_workers });
    my @sockets = spread(43, 2);
    $nginx->reload;
    my ($victim) = $nginx->old_workers;
    my @left = grep { worker_of($_) != $victim } @sockets;

    $nginx->kill_worker($victim);
    NotifyNginx::wait_for('registrations to vanish',
                          sub { counted(43) == @left });
    is(push_to(43, 'old'), @left, 'the other old workers are there');
    is(grep({ $_->message ne 'old' } @left), 0, 'and served');
    $_->close for @sockets;
}

sub status {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


NotifyNginx::wait_for('no socket', sub { status()->{sockets} == 0 });
is(status()->{users}, 0, 'nothing is left of them');

# What they had counted is not lost.
cmp_ok(status()->{handshakes}{accepted}, '>=', 5 * 3 * $WORKERS,
       'handshakes of the dead are counted');
NotifyNginx::wait_for('each of the dead to be counted', sub {
    status()->{workers_lost}{reaped} == 5 + $WORKERS + 1;
});

$nginx->stop(expect => $KILLED);

done_testing();
