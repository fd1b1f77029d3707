#!/usr/bin/perl

# The Django example's own tests, what Django itself has to say about it, and
# the demo with its tasks in a Celery worker behind a Redis.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use NotifyEnv;

my $example = NotifyEnv::top() . '/docs/examples/django';
my $dir = NotifyEnv::work_dir();
my ($redis, $started);

# what is started here ends here, however the test ends
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
    my $status = $?;

    system("$example/demo.sh", 'stop') if $started;

    if ($redis) {
        kill 'TERM', $redis;
        waitpid $redis, 0;
    }

    $? = $status;
}

$ENV{DEMO_DIR} = $dir;
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
delete @ENV{'CELERY_BROKER_URL', 'NOTIFY_PUSH_URL'};

my $out = manage('test', 'notifications');

ok($? == 0 && $out =~ /^Ran [1-9]\d* tests/m, 'its tests pass')
    or diag($out);

manage('check', '--fail-level', 'WARNING');
is($?, 0, 'Django finds nothing wrong');

manage('makemigrations', '--check', '--dry-run');
is($?, 0, 'the migrations are those of the models');

SKIP: {
    skip 'there is no redis-server', 4 if !-x '/usr/bin/redis-server';

    with_redis();
}

done_testing();


sub manage {
    return run('/usr/bin/python3', "$example/manage.py", @_);
}


sub run {
    my $command = join ' ', map { "'$_'" } @_;

    return scalar `$command 2>&1 </dev/null`;
}


sub with_redis {
    my $port = NotifyEnv::free_port();

    $redis = fork // die "fork: $!";

    if ($redis == 0) {
        exec '/usr/bin/redis-server', '--port', $port, '--bind', '127.0.0.1',
             '--save', '', '--dir', $dir, '--logfile', "$dir/redis.log"
            or die "redis-server: $!";
    }

    ok(soon(sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    }), 'there is a Redis');

    my ($ndk, $module) = NotifyEnv::modules();

    $ENV{CELERY_BROKER_URL} = "redis://127.0.0.1:$port/0";
    $ENV{DEMO_PORT} = NotifyEnv::free_port();
    $ENV{DEMO_PUSH_PORT} = NotifyEnv::free_port();
    $ENV{DEMO_NGINX} = NotifyEnv::nginx();
    $ENV{NDK_MODULE} = $ndk;
    $ENV{NOTIFY_MODULE} = $module;

    $started = 1;
    $out = run("$example/demo.sh", 'start');
    is($?, 0, 'the demo starts with it') or diag($out);

    run("$example/demo.sh", 'manage', 'send_message', 'bob', 'alice', 'hi');

    my $log;

    ok(soon(sub {
        $log = read_file("$dir/logs/celery.log");
        $log =~ /create_message_notifications\[.*succeeded/;
    }), 'a worker does the task') or diag($log);

    unlike($log, qr/notifications\.push|POST /, 'and its push is taken');
}


# Whether something is true within a minute.
sub soon {
    my ($true) = @_;

    my $deadline = time + 60;

    until ($true->()) {
        return 0 if time > $deadline;
        sleep 0.1;
    }

    return 1;
}


sub read_file {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;

    return scalar <$in>;
}
