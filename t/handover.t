#!/usr/bin/perl

# Reloads and upgrades that nobody notices: 2,300 sockets of 1,061 users, under
# pushes from all sides, with bursts to a user who has 200 sockets, pings, and
# messages of clients cut into pieces, and slow readers for whom long messages
# wait, in a queue or in the store.  20 reloads with other numbers of workers,
# another module file, an upgrade that is taken back and one that is not: each
# client sees one connection, each message once and in order, and a pong for
# each ping.
#
# Then the same with kill -9: only what the killed worker had is gone.  And one
# by one what else a socket may be in the middle of.

use strict;
use warnings;

use lib 't/lib';

use File::Copy ();
use JSON::PP ();
use List::Util qw( max min sum );
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyHandover ();

my %SETTINGS = (
    listen => 'reuseport sndbuf=16k',
    http => 'notify_zone 64m;',
);

my $SEED = $ENV{NOTIFY_TEST_SEED} // 20;


# What must hold when all is over: the load's account, and what nginx counts.
sub check_account {
    my ($nginx, $moving) = @_;
    my $account = $moving->stop;

    is_deeply($account->{errors}, [], 'each socket got exactly its messages');
    is($account->{pongs}, $account->{pings}, 'each ping got its pong')
        if !$account->{reopened};
    cmp_ok($account->{$_}, '>', 0, "there were $_")
        for qw( pushes deliveries pongs relayed );

    # Beside the sockets those who push; and what killed workers leave.
    my ($least, $most) = @{ $account->{orphans} };
    my $stub_is_right = sub {
        my $orphans = $nginx->active - shift;
        return $orphans >= $least && $orphans <= $most;
    };
    NotifyNginx::wait_for('stub_status to be right', sub {
        $stub_is_right->($account->{sockets} + 6);
    });
    NotifyNginx::wait_for('the status to be right', sub {
        $nginx->status->{sockets} == $account->{sockets};
    });
    is(sum(values %{{ $nginx->places }}), $account->{sockets},
       'each in one worker');

    $moving->end;
    NotifyNginx::wait_for('no socket', sub {
        $stub_is_right->(0) && $nginx->status->{sockets} == 0;
    });

    return $account;
}


sub spread_evenly {
    my ($nginx, $name) = @_;
    my %places = $nginx->places;

    is(scalar(keys %places), scalar($nginx->workers), "$name: no old worker")
        or return;

    # Batches have 128 sockets at most, and several workers send at once.
    cmp_ok(max(values %places) - min(values %places), '<=',
           128 * (1 + keys %places),
           "$name: the sockets are spread evenly");
}


{
    my $nginx = NotifyHandover->new(workers => 2, %SETTINGS)->start;
    my $moving = $nginx->moving(seed => $SEED);
    my ($descriptors, @memory);

    for my $round (1 .. 20) {
        my $workers = (4, 1, 3, 2)[($round - 1) % 4];

        $moving->ticks(2);
        if ($round > 16) {
            $nginx->reload_to_all(workers => $workers);
        } else {
            $nginx->reload(workers => $workers);
        }
        $nginx->wait_old;

        # The first ones fill what is kept: arenas, logs, slots.
        if ($round == 8 || $round == 20) {
            $descriptors //= $nginx->descriptors($nginx->pid);
            push @memory, $nginx->memory($nginx->pid);
        }

        spread_evenly($nginx, "reload $round, $workers workers")
            if $round > 16;
    }

    # It closes its channels to old workers some time after they are gone.
    NotifyNginx::wait_for('the master to keep no descriptor', sub {
        $nginx->descriptors($nginx->pid) <= $descriptors;
    });
    cmp_ok($memory[1] - $memory[0], '<', 1024,
           'the master does not grow by a megabyte');

    my ($ndk, $module) = NotifyEnv::modules();
    my $other = $nginx->root . '/another.so';
    File::Copy::copy($module, $other) or die "copy: $!";

    $moving->ticks(1);
    $nginx->reload_to_all(modules => [ $ndk, $other ]);
    $nginx->wait_old;
    spread_evenly($nginx, 'another module file');

    $moving->ticks(1);
    $nginx->upgrade;
    $moving->ticks(1);
    $nginx->leave_old('WINCH');
    $moving->ticks(1);
    spread_evenly($nginx, 'an upgrade');
    $nginx->come_back;
    $moving->ticks(1);
    spread_evenly($nginx, '... taken back');

    $nginx->upgrade(workers => 3);
    $moving->ticks(1);
    $nginx->leave_old('QUIT');
    $moving->ticks(1);
    spread_evenly($nginx, 'an upgrade to stay');

    my $account = check_account($nginx, $moving);
    is($account->{reopened}, 0, 'no socket was closed');

    my $handover = $nginx->status->{handover};
    cmp_ok($handover->{handed_over}, '>=', 24 * $account->{sockets},
           'all were handed over, each time');
    is($handover->{adopted}, $handover->{handed_over}, 'and taken over');
    is($handover->{orphaned}, 0, 'none was closed instead');

    $nginx->stop;
    unlike($nginx->log, qr/dead workers/, 'no worker was taken for dead');
}


# A new worker or an old one, while sockets move.
{
    my $nginx = NotifyHandover->new(workers => 3, %SETTINGS)->start;
    my $moving = $nginx->moving(seed => $SEED, sockets => 1000, users => 500,
                                crowd => 100, relays => 20, slow => 10);
    my ($killed, $had) = (0, 0);

    srand $SEED;

    for my $round (1 .. 12) {
        my @old = $nginx->workers;

        $moving->ticks(1);
        $nginx->signal('HUP');

        if ($round % 2) {
            # One of those that come, as soon as they are there.
            my %old = map { $_ => 1 } @old;
            NotifyNginx::wait_for('a new worker', sub {
                @old = grep { !$old{$_} } $nginx->workers;
            });
        }

        $had += $moving->kill($old[rand @old]);
        $killed++;

        $nginx->wait_generation;
        $nginx->wait_old;
    }

    # And one that is just at work.
    $had += $moving->kill(($nginx->workers)[0]);
    NotifyNginx::wait_for('the respawned worker', sub { $nginx->workers == 3 });
    $moving->ticks(1);

    my $account = check_account($nginx, $moving);
    cmp_ok($account->{reopened}, '>', 0, 'killed workers had sockets');
    cmp_ok($account->{reopened}, '<=', $had, 'and no more were closed');

    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
}

# What a socket is in the middle of goes with it: another form of messages, a
# place in the history, the time when it ends.
{
    my $nginx = NotifyHandover->new(
        workers => 1, listen => 'sndbuf=16k',
        config => "location /short { notify_socket; notify_lifetime 10s; }
                   $NotifyHandover::LOCATIONS")->start;
    my @texts = map { join ' ', $_, 'x' x (1 + 70000 * ($_ % 3)) } 1 .. 12;

    # Two of the sockets ask for what came behind a message that they know.
    my $id = JSON::PP::decode_json(NotifyClient::http(
        $nginx->port, 'POST', '/new/42', body => 'known')->{body})->{id};
    my @sockets = map {
        my ($uri, %headers) = @$_;
        NotifyHandover::Socket->open($nginx->port, $uri,
            sock => NotifyClient::narrow($nginx->port), headers => \%headers);
    } [ '/client?user_id=42' ],
      [ '/client?user_id=42', 'Sec-WebSocket-Protocol' => 'notify.v1' ],
      [ "/slow?user_id=42&last_id=$id" ],
      [ "/slow?user_id=42&last_id=$id",
        'Sec-WebSocket-Protocol' => 'notify.v1' ];

    for my $text (@texts) {
        is($nginx->push_to(42, $text), 4, 'all sockets are counted');
        $nginx->reload;
        $nginx->wait_old;
    }

    my @got = map { my $socket = $_; [ map { $socket->message } @texts ] }
              @sockets[0, 2];
    ok("@$_" eq "@texts", 'a slow reader gets all, over twelve workers')
        for @got;

    @got = map {
        my $socket = $_;
        is_deeply([ keys %{ JSON::PP::decode_json($socket->message) } ],
                  [ 'hello' ], 'notify.v1 says hello');
        [ map { JSON::PP::decode_json($socket->message)->{data} } @texts ];
    } @sockets[1, 3];
    ok("@$_" eq "@texts", '... and it gets all, too') for @got;
    is(grep({ !$_->is_quiet } @sockets), 0, '... and nothing else');

    my @short = $nginx->sockets(3, 43, location => 'short');
    $nginx->reload;
    $nginx->reaches(43, 'those with a lifetime', @short);
    is_deeply($nginx->closes(3, \@short), { 1012 => 3 },
              '... are closed when it is over');
    $_->close for @sockets;
    $nginx->stop;
}

done_testing();
