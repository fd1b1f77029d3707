#!/usr/bin/perl

# The Django example's own tests, what Django itself has to say about it, and
# the demo with its tasks in a Celery worker behind a Redis.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use NotifyClient ();
use NotifyDemo;
use NotifyEnv;

my $redis;

END {
    my $status = $?;

    if ($redis) {
        kill 'TERM', $redis;
        waitpid $redis, 0;
    }

    $? = $status;
}

NotifyDemo::set_up();

my $out = NotifyDemo::manage('test', 'notifications');

ok($? == 0 && $out =~ /^Ran [1-9]\d* tests/m, 'its tests pass')
    or diag($out);

$out = NotifyDemo::manage('check', '--fail-level', 'WARNING');
is($?, 0, 'Django finds nothing wrong') or diag($out);

$out = NotifyDemo::manage('makemigrations', '--check', '--dry-run');
is($?, 0, 'the migrations are those of the models') or diag($out);

SKIP: {
    skip 'there is no redis-server', 5 if !-x '/usr/bin/redis-server';

    with_redis();
}

done_testing();


sub with_redis {
    my $port = NotifyEnv::free_port();
    my $log;

    $redis = fork // die "fork: $!";

    if ($redis == 0) {
        my $dir = NotifyEnv::work_dir();

        exec '/usr/bin/redis-server', '--port', $port, '--bind', '127.0.0.1',
             '--save', '', '--dir', $dir, '--logfile', "$dir/redis.log"
            or die "redis-server: $!";
    }

    ok(soon(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    }), 'there is a Redis');

    $ENV{CELERY_BROKER_URL} = "redis://127.0.0.1:$port/0";

    $out = NotifyDemo::demo('start');
    is($?, 0, 'the demo starts with it') or diag($out);

    NotifyDemo::demo('manage', 'send_message', 'bob', 'alice', 'hi');

    ok(soon(sub {
        $log = NotifyDemo::read_log('celery.log') // '';
        $log =~ /create_message_notifications\[.*succeeded/;
    }), 'a worker does the task') or diag($log);

    unlike($log, qr/POST /, 'and its push is taken');

    my $status = NotifyClient::http($ENV{DEMO_PUSH_PORT}, 'GET', '/status');
    is(JSON::PP::decode_json($status->{body})->{pushes}{accepted}, 1,
       '... by nginx');
}


# Whether something becomes true within a minute.
sub soon {
    my ($true) = @_;

    my $deadline = time + 60;

    until ($true->()) {
        return 0 if time > $deadline;
        sleep 0.1;
    }

    return 1;
}
