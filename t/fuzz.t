#!/usr/bin/perl

# Runs each fuzz target of t/fuzz for a fixed number of inputs from a fixed
# seed.  To search for longer, call what it leaves in build/t/fuzz:
#
#   build/t/fuzz/codec -max_total_time=600 build/corpus
#
#   FUZZ_CC     the clang to use
#   FUZZ_RUNS   inputs per target

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use NotifyUnits;

my $cc = $ENV{FUZZ_CC} || 'clang';
my $runs = $ENV{FUZZ_RUNS} || 20000;
my @names = NotifyUnits::names('fuzz');

plan skip_all => "$cc does not run" if system("$cc --version > /dev/null 2>&1");
plan tests => scalar @names;

my $sanitize = '-fsanitize=fuzzer-no-link,address,undefined'
               . ' -fno-sanitize-recover=all';
my $build = NotifyUnits::builder('fuzz', $cc, $sanitize, '-fsanitize=fuzzer');

for my $name (@names) {
    my $out = eval {
        my $program = $build->($name);

        # what a crash leaves to look at goes beside the program
        NotifyUnits::run("$program -runs=$runs -seed=1 -max_len=1024"
                         . " -timeout=20 -artifact_prefix=$program-");
    };

    ok(defined $out && $out =~ /^Done $runs runs/m, "$name: $runs inputs")
    or diag($@ || $out);
}
