#!/usr/bin/perl

# The blocks once more, with one nginx for a whole file: each block's
# configuration comes by a reload, and the zone lives on from block to block.
# (t/status.t is left out: it counts from zero.)

use strict;
use warnings;

use Test::More;

$ENV{TEST_NGINX_USE_HUP} = 1;
$ENV{NOTIFY_TEST_TAG} = join '-', $ENV{NOTIFY_TEST_TAG} // (), 'hup';

for my $name (qw( handshake frames push vars nginx )) {
    my @out = `$^X t/$name.t 2>&1`;
    my $good = grep { /^ok/ } @out;

    ok($? == 0 && $good > 50, "t/$name.t, by reloads")
        or diag(grep { !/^ok/ } @out);
}

done_testing();
