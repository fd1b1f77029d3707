#!/usr/bin/perl

# The demo as a person sees it: docs/examples/django/demo.sh starts it, and
# t/browser/bubble.py looks at it with Chromium.  A picture of what it saw is
# in build/browser.png.

use strict;
use warnings;

use File::Copy ();
use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Test::More;

use NotifyDemo;
use NotifyEnv;

for my $program ('/usr/bin/chromium', '/usr/bin/chromedriver') {
    plan skip_all => "there is no $program" if !-x $program;
}

my $screenshot = NotifyEnv::work_dir() . '/browser.png';

NotifyDemo::set_up();

my $out = NotifyDemo::demo('start');

if ($? != 0) {
    fail('the demo starts');
    diag($out);
    done_testing();
    exit;
}

like($out, qr{http://127\.0\.0\.1:$ENV{DEMO_PORT}/}, 'the demo says where');

{
    local $ENV{DEMO_DIR} = "$ENV{DEMO_DIR}-2";

    like(NotifyDemo::demo('start'),
         qr/port $ENV{DEMO_PORT} is in use, set DEMO_PORT to a free one/,
         'a port in use is an error that says what to set');
}

like(NotifyDemo::demo('start'), qr/is running already/,
     'a demo that runs is left as it is');

open my $seen, '-|', "$FindBin::Bin/browser/bubble.py",
                     NotifyDemo::demo_sh(), $screenshot
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
ok(File::Copy::copy($screenshot, NotifyEnv::top() . '/build/browser.png'),
   'there is a picture of it') or diag("copy: $!");

$out = NotifyDemo::demo('stop');
is($?, 0, 'the demo stops') or diag($out);

for my $port ($ENV{DEMO_PORT}, $ENV{DEMO_PUSH_PORT}) {
    ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port),
       'nobody listens any more');
}

is(NotifyDemo::wrong('error.log'), '', 'nginx has nothing to say');
is(NotifyDemo::wrong('nginx.log'), '', 'nor to its standard error');

done_testing();
