#!/usr/bin/perl

# Nothing lost, nothing twice, nothing out of order: 500 clients come, sleep,
# vanish and resume while 500 pushes a second go out for a minute, and nginx is
# reloaded, killed, upgraded and drained (t/clients/lossless.py has the model).
#
#   LOSSLESS_SEED   other clients
#   LOSSLESS_FACTOR how many times as long

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyHandover ();
use NotifyNginx ();
use NotifyProgram ();

my $seed = $ENV{LOSSLESS_SEED} || 1;
my $factor = $ENV{LOSSLESS_FACTOR} || 1;
my $pushes = 30000 * $factor;

my $nginx = NotifyHandover->new(
    workers => 3, connections => 4096, listen => 'sndbuf=16k',
    http => 'notify_zone 64m;',
    config => 'location /client { notify_socket; notify_send_buffer 32k; }
               location /new/ { notify_push; }
               location /status { notify_status; }',
)->start;

my $clients = NotifyProgram->new('lossless.py', '--port', $nginx->port,
                                 '--seed', $seed, '--pushes', $pushes);
my ($kills, $killed) = (0, 0);

is($clients->line(60), 'open', "all clients are connected (seed $seed)");


sub reload {
    $nginx->reload(http => 'notify_zone 64m;');
}


# Any worker, also one that is about to exit.
sub kill_worker {
    my ($pid, @pids);

    do {
        @pids = ($nginx->workers, $nginx->old_workers);
        $pid = $pids[$kills++ * 7 % @pids];
    } until kill KILL => $pid;

    $killed++;
    NotifyNginx::wait_for('the respawned worker', sub {
        $nginx->workers == $nginx->count_of_workers
        && !NotifyNginx::running($pid);
    });
}


# One that has just been told to exit: it hands its sockets over.
sub kill_in_reload {
    my $pid;

    # Another one if it has gone already.
    do {
        my @pids = $nginx->workers;
        $pid = $pids[$kills++ % @pids];
        $nginx->signal('HUP');
    } until kill KILL => $pid;

    $killed++;
    $nginx->wait_generation;
}


# Old workers close their sockets with 1012, over a time.
sub drain {
    $nginx->reload(http => 'notify_zone 64m; notify_handover off;
                            notify_drain 2s;');
    $nginx->reload(http => 'notify_zone 64m;');
    $nginx->wait_old;
}


sub upgrade {
    $nginx->upgrade;
    $nginx->leave_old('QUIT');
}


# 10 reloads (two of them drain), 10 kill -9, an upgrade.
for my $do (\&reload, \&kill_worker, \&reload, \&kill_worker, \&reload,
            \&kill_in_reload, \&kill_worker, \&drain, \&kill_worker,
            \&upgrade, \&kill_worker, \&reload, \&kill_in_reload,
            \&kill_worker, \&reload, \&kill_worker, \&reload, \&kill_worker)
{
    $clients->say('tick');
    my $line = $clients->line(60 * $factor);
    if ($line ne 'tick') {
        fail("lossless.py says $line");
        last;
    }
    $do->();
}

my $line = $clients->line(120 * $factor);
my $account = $line =~ /^\{/ ? JSON::PP::decode_json($line)
                             : { errors => [ $line ] };
$clients->wait;
my $status = $nginx->status;

is_deeply($account->{errors}, [],
          'nothing is lost, repeated, or out of order; gaps are where history'
          . ' was gone, and nowhere else');
is($account->{pushes}, $pushes, 'each push was accepted');
is($killed, 10, '10 workers were killed');
cmp_ok($status->{history}{repeated}, '>', 10,
       'pushes came again that had been taken');
cmp_ok($account->{gaps}, '>', 10, 'there were gaps');
cmp_ok($account->{opens} - $account->{gaps}, '>', 2000 * $factor,
       'most resumed without');
cmp_ok($status->{deliveries}{slow_reads}, '>', 10,
       'slow sockets went back to the history');
cmp_ok($account->{ends}{'close 1012'} // 0, '>', 0, 'some were drained');
note(JSON::PP->new->canonical->encode($account));

$nginx->stop(expect => qr/worker process \d+ exited on signal 9/);

done_testing();
