#!/usr/bin/perl

# The bus is killed: at every instruction (t/bus/step.c), at random moments
# and named places among eight processes (t/bus/storm.c); and both tests are
# shown to fail when the bus is broken (t/bus/mutants).
#
#   CC              the compiler
#   BUS_SEED        other deaths
#   BUS_FACTOR      how many times as many of them

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Config;
use Test::More;

use NotifyBus;
use NotifyEnv;

my $seed = $ENV{BUS_SEED} || 1;
my $factor = $ENV{BUS_FACTOR} || 1;
my $dir = NotifyEnv::work_dir();

plan skip_all => 'ptrace of other machines cannot step through their atomics'
    if $Config{archname} !~ /^(?:x86_64|i[3-6]86)/;


sub passes {
    my ($title, $name, $program, $flags, $args) = @_;

    my $built = eval {
        NotifyBus::make($program, $flags,
                        NotifyBus::objects($name, "$program.d", $flags));
    };

    if (!$built) {
        fail($title);
        diag($@);
        return;
    }

    my ($wrong, @out) = NotifyBus::tap("$program -s $seed $args");

    is($wrong, '', $title) or do { diag($_) for grep { !/^ok / } @out };
    note($_) for @out;
}


passes('death at every instruction, as the tests build it', 'step',
       "$dir/step", '-O1', '-r ' . 100 * $factor);
passes('death at every instruction, as nginx builds it', 'step',
       "$dir/step-O2", '-O2', '-r ' . 1500 * $factor);

passes('a storm of deaths', 'storm', "$dir/storm", '-O1',
       '-r ' . 5 * $factor);
passes('a storm of deaths under ASan and UBSan', 'storm', "$dir/storm-asan",
       '-O1 -fsanitize=address,undefined -fno-sanitize-recover=all'
       . ' -fno-omit-frame-pointer', '-r ' . 2 * $factor);

# the mutants have a directory of their own in ours

{
    local $ENV{NOTIFY_TEST_DIR} = $dir;

    my ($wrong, @out) = NotifyBus::tap("$^X $FindBin::Bin/bus/mutants");

    is($wrong, '', 'a broken bus is noticed')
        or do { diag($_) for grep { !/^ok / } @out };
    note($_) for @out;
}

done_testing();
