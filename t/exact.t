#!/usr/bin/perl

# Exactly its messages, in order, none lost, none twice: 2,000 sockets of
# 1,000 users in 4 workers, 50,000 pushes by 8 connections that the kernel
# spreads over the workers.  Then the same while nginx is reloaded and workers
# are killed, once with sockets that move to the new workers, and once with
# sockets that stay with the old ones.

use strict;
use warnings;

use lib 't/lib';

use IPC::Open2 ();
use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyNginx ();

my $SOCKETS = 2000;
my $PUSHES = 50000;

my $nginx = NotifyNginx->new(
    workers => 4, connections => 4096, listen => 'reuseport',
    main => 'worker_rlimit_nofile 10000;', http => 'notify_zone 32m;',
    config => 'location /client { notify_socket; }
               location /new/ { notify_push; }
               location /status { notify_status; }',
)->start;


# Runs t/clients/mass.py; an action happens while each chunk of the pushes but
# the last one is on its way, and returns how many sockets it may have cut.
sub account {
    my @actions = @_;

    my $pid = IPC::Open2::open2(my $out, my $in,
        NotifyEnv::lib() . '/../clients/mass.py', '--port', $nginx->port,
        '--sockets', $SOCKETS, '--pushes', $PUSHES,
        '--chunks', 1 + @actions);
    $in->autoflush;

    my $line = <$out> // '';
    is($line, "open\n", 'all sockets are open') or return {};

    print $in "go\n";

    while (defined($line = <$out>)) {
        if ($line =~ /^chunk (\d+)/ && $1 <= @actions) {
            my $cut = $actions[$1 - 1]->();
            print $in "cut $cut\ngo\n";

        } elsif ($line =~ /^\{/) {
            last;
        }
    }

    close $in;
    waitpid $pid, 0;
    return $line ? JSON::PP::decode_json($line) : {};
}


sub workers {
    my $answer = NotifyClient::http($nginx->port, 'GET', '/status');
    return @{ JSON::PP::decode_json($answer->{body})->{workers} };
}


# When all sockets are in their places: how many each process has.
my $moving = 1;

sub settled {
    my %sockets;

    NotifyNginx::wait_for('all sockets', sub {
        my $sum = 0;
        %sockets = ();
        for my $worker (workers()) {
            return 0
                if $moving && $worker->{exiting} && $worker->{sockets};
            $sockets{$worker->{pid}} = $worker->{sockets};
            $sum += $worker->{sockets};
        }
        return $sum == $SOCKETS;
    });

    return %sockets;
}


sub reload {
    $nginx->reload;
    return 0;
}


# One that serves.
sub kill_worker {
    my %sockets = settled();
    my ($pid) = sort { $sockets{$b} <=> $sockets{$a} } $nginx->workers;

    $nginx->kill_worker($pid);
    return $sockets{$pid} // 0;
}


# One that has just been told to exit, or has been for long.
sub kill_old_worker {
    my %sockets = settled();
    my ($pid) = ($nginx->old_workers, $nginx->workers);

    $nginx->signal('HUP');
    $nginx->kill_worker($pid);
    $nginx->wait_generation;
    return $sockets{$pid} // 0;
}


my $account = account();

is_deeply($account->{errors}, [], 'each socket got exactly its messages');
is($account->{pushes}, $PUSHES, 'all pushes were accepted');
is($account->{deliveries}, 2 * $PUSHES, 'each went to both sockets');
is($account->{unanswered}, 0, 'no push was left without an answer');
is($account->{reopened}, 0, 'no socket was closed');


$account = account((\&reload) x 20);

is_deeply($account->{errors}, [], 'the same during 20 reloads');
is($account->{pushes}, $PUSHES, 'all pushes were accepted');
is($account->{reopened}, 0, 'no socket was closed');


my @round = ((\&reload) x 3, \&kill_worker, \&kill_old_worker);

$account = account((@round) x 5);

is_deeply($account->{errors}, [],
          'the same during 20 reloads and 10 kill -9');
is($account->{pushes}, $PUSHES, 'all pushes were accepted');
cmp_ok($account->{reopened}, '>', 0, 'killed workers had sockets');


$nginx->reload(http => 'notify_zone 32m; notify_handover off;');
$moving = 0;
$account = account((@round) x 5);

is_deeply($account->{errors}, [],
          'the same with sockets that stay in their workers');
is($account->{pushes}, $PUSHES, 'all pushes were accepted');
cmp_ok($account->{reopened}, '>', 0, 'killed workers had sockets');

$nginx->stop(expect => qr/worker process \d+ exited on signal 9/);

done_testing();
