#!/usr/bin/perl

# Clients that outlive their processes get all that is stored for them, or are
# told: processes push, resume, read and evict, and are killed (t/bus/store.c).
#
#   CC              the compiler
#   BUS_SEED        other deaths
#   BUS_FACTOR      how many times as many of them

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use NotifyBus;
use NotifyEnv;

my $seed = $ENV{BUS_SEED} || 1;
my $factor = $ENV{BUS_FACTOR} || 1;
my $dir = NotifyEnv::work_dir();


sub passes {
    my ($title, $program, $flags, $rounds) = @_;

    my $built = eval {
        NotifyBus::make($program, $flags,
                        NotifyBus::objects('store', "$program.d", $flags));
    };

    if (!$built) {
        fail($title);
        diag($@);
        return;
    }

    $rounds *= $factor;
    my ($wrong, @out) = NotifyBus::tap("$program -s $seed -r $rounds -t 2");

    is($wrong, '', $title) or do { diag($_) for grep { !/^ok / } @out };
    note($_) for @out;
}


passes('a storm of resumes and deaths', "$dir/store", '-O2', 2);
passes('the same under ASan and UBSan', "$dir/store-asan",
       '-O1 -fsanitize=address,undefined -fno-sanitize-recover=all'
       . ' -fno-omit-frame-pointer', 2);

done_testing();
