#!/usr/bin/perl

# Exactly its messages, in order, none lost, none twice: 2,000 sockets of
# 1,000 users in 4 workers, 50,000 pushes by 8 connections that the kernel
# spreads over the workers.  Then the same while nginx is reloaded 20 times
# and 10 workers are killed.

use strict;
use warnings;

use lib 't/lib';

use IPC::Open2 ();
use JSON::PP ();
use Test::More;

use NotifyEnv ();
use NotifyNginx ();

my $nginx = NotifyNginx->new(
    workers => 4, connections => 4096, listen => 'reuseport',
    main => 'worker_rlimit_nofile 10000;', http => 'notify_zone 32m;',
    config => 'location /client {
                   notify_socket;
                   add_header X-Worker $pid always;
               }
               location /new/ { notify_push; }',
)->start;


# Runs t/clients/mass.py, and before each chunk of pushes but the first one
# an action, which may say which process it has killed.
sub account {
    my @actions = @_;

    my $pid = IPC::Open2::open2(my $out, my $in,
        NotifyEnv::lib() . '/../clients/mass.py', '--port', $nginx->port,
        '--chunks', 1 + @actions);
    $in->autoflush;

    my $line = <$out> // '';
    is($line, "open\n", 'all sockets are open') or return {};

    print $in "go\n";

    while (defined($line = <$out>)) {
        if ($line =~ /^chunk (\d+)/ && $1 <= @actions) {
            my $killed = $actions[$1 - 1]->();
            print $in "killed $killed\n" if $killed;
            print $in "go\n";

        } elsif ($line =~ /^\{/) {
            last;
        }
    }

    close $in;
    waitpid $pid, 0;
    return $line ? JSON::PP::decode_json($line) : {};
}


sub reload {
    $nginx->reload;
    return;
}


sub kill_worker {
    my @pids = @_;

    my $pid = $pids[rand @pids];
    $nginx->kill_worker($pid);
    return $pid;
}


my $account = account();

is_deeply($account->{errors}, [], 'each socket got exactly its messages');
is($account->{pushes}, 50000, 'all pushes were accepted');
is($account->{deliveries}, 100000, 'each went to both sockets');
is($account->{unanswered}, 0, 'no push was left without an answer');
is($account->{reopened}, 0, 'no socket was closed');
cmp_ok($account->{workers}, '>', 1, 'sockets were in several workers');


# One of the workers that finish, and one of those that serve.
my @round = (
    (\&reload) x 4,
    sub { kill_worker($nginx->old_workers) },
    sub { kill_worker($nginx->workers) },
);

$account = account((@round) x 5);

is_deeply($account->{errors}, [],
          'the same during 20 reloads and 10 kill -9');
cmp_ok($account->{pushes}, '>=', 49000, 'all pushes were accepted');
cmp_ok($account->{reopened}, '>', 0, 'killed workers had sockets');


$nginx->stop(expect => qr/worker process \d+ exited on signal 9/);

done_testing();
