#!/usr/bin/perl

# Gives each fuzz target of t/fuzz what stands in t/fuzz/corpus, built by the
# compiler at hand, and then, by clang, a fixed number of inputs made of it
# from a fixed seed.  "make fuzz" searches for longer.
#
#   CC          the compiler for the replay, cc
#   FUZZ_CC     the clang to use
#   FUZZ_RUNS   inputs per target

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use NotifyEnv;
use NotifyUnits;

my $dir = NotifyEnv::work_dir();
my $cc = $ENV{CC} || 'cc';
my $clang = $ENV{FUZZ_CC} || 'clang';
my $runs = $ENV{FUZZ_RUNS} || 20000;
my @names = NotifyUnits::names('fuzz');

my $sanitize = '-fsanitize=address,undefined -fno-sanitize-recover=all';


sub runs {
    my ($compiler) = @_;

    return system("$compiler --version > /dev/null 2>&1") == 0;
}


# Each of its own: one that crashes on its files is not hidden by another.
sub test_replay {
    my $main = NotifyEnv::top() . '/t/fuzz/replay/main.c';
    my $build = NotifyUnits::builder('fuzz', $cc, $sanitize, $main,
                                     "$dir/replay");

    for my $name (@names) {
        my @files = NotifyUnits::corpus($name);
        my $n = @files;

        cmp_ok($n, '>', 0, "$name has a corpus");

        my $out = eval {
            NotifyUnits::run($build->($name) . " @files");
        };

        ok(defined $out && $out =~ /^$n inputs$/m,
           "... of $n inputs, all of which are fine")
        or diag($@ || $out);
    }
}


sub test_fuzz {
    my $build = NotifyUnits::builder('fuzz', $clang,
                                     "-fsanitize=fuzzer-no-link $sanitize",
                                     '-fsanitize=fuzzer', "$dir/fuzz");

    for my $name (@names) {
        my $corpus = NotifyUnits::corpus_dir($name);

        my $out = eval {
            my $program = $build->($name);

            # what is new stays beside the program, as does what a crash leaves
            mkdir "$program-new" or die "$program-new: $!\n";

            NotifyUnits::run("$program -runs=$runs -seed=1 -max_len=1024"
                             . " -timeout=20 -artifact_prefix=$program-"
                             . " $program-new $corpus");
        };

        ok(defined $out && $out =~ /^Done $runs runs/m, "$name: $runs inputs")
        or diag($@ || $out);
    }
}


plan skip_all => "neither $cc nor $clang runs" if !runs($cc) && !runs($clang);

test_replay() if runs($cc);
test_fuzz() if runs($clang);

done_testing();
