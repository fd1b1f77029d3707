#!/usr/bin/perl

# The demo as a person sees it: docs/examples/django/demo.sh starts it, and
# t/browser/bubble.py looks at it with Chromium.  What it saw last is in
# build/browser.png.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use NotifyEnv;

for my $program ('/usr/bin/chromium', '/usr/bin/chromedriver') {
    plan skip_all => "there is no $program" if !-x $program;
}

my $demo = NotifyEnv::top() . '/docs/examples/django/demo.sh';
my $dir = NotifyEnv::work_dir() . '/demo';
my $screenshot = NotifyEnv::top() . '/build/browser.png';

my ($ndk, $module) = NotifyEnv::modules();

$ENV{DEMO_DIR} = $dir;
$ENV{DEMO_PORT} = NotifyEnv::free_port();
$ENV{DEMO_PUSH_PORT} = NotifyEnv::free_port();
$ENV{DEMO_NGINX} = NotifyEnv::nginx();
$ENV{NDK_MODULE} = $ndk;
$ENV{NOTIFY_MODULE} = $module;
delete $ENV{CELERY_BROKER_URL};

$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
    my $status = $?;

    system($demo, 'stop') if $demo;
    $? = $status;
}

my $out = `$demo start 2>&1 </dev/null`;

if ($? != 0) {
    fail('the demo starts');
    diag($out);
    done_testing();
    exit;
}

like($out, qr{http://127\.0\.0\.1:$ENV{DEMO_PORT}/}, 'the demo says where');

like(`DEMO_DIR=$dir-2 $demo start 2>&1 </dev/null`,
     qr/port $ENV{DEMO_PORT} is in use, set DEMO_PORT to a free one/,
     'a port in use is an error that says what to set');

like(`$demo start 2>&1 </dev/null`, qr/is running already/,
     'a demo that runs is left as it is');

unlink $screenshot;

open my $seen, '-|', "$FindBin::Bin/browser/bubble.py", $demo, $screenshot
    or die "bubble.py: $!";

while (my $line = <$seen>) {
    chomp $line;

    if ($line =~ /^(not )?ok - (.*)/) {
        ok(!$1, $2);
    } else {
        diag($line);
    }
}

ok(close $seen, 'the browsers got to the end');
ok(-s $screenshot, 'there is a picture of it');

is(system($demo, 'stop'), 0, 'the demo stops');

for my $port ($ENV{DEMO_PORT}, $ENV{DEMO_PUSH_PORT}) {
    ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port),
       'nobody listens any more');
}

is(join('', wrong("$dir/logs/error.log")), '', 'nginx has nothing to say');
is(join('', wrong("$dir/logs/nginx.log")), '', 'nor to its standard error');

done_testing();


sub wrong {
    my ($file) = @_;

    open my $log, '<', $file or die "$file: $!";

    return grep { /\[(?:alert|crit|emerg)\]|exited on signal|Sanitizer/
                  || /runtime error/ } <$log>;
}
