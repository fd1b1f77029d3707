#!/usr/bin/perl

# Runs t/unit/*.c, each a program that prints TAP, under ASan and UBSan.
#
#   CC              the compiler: gcc (cc) or clang
#   UNIT_SANITIZE   what to pass to -fsanitize=, nothing for none
#   UNIT_WRAP       a command to run the programs with, such as
#                   "valgrind -q --error-exitcode=9"
#   UNIT_ONLY       names, such as "utf8 codec"

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use NotifyUnits;

my $sanitize = $ENV{UNIT_SANITIZE} // 'address,undefined';
my $wrap = $ENV{UNIT_WRAP} // '';
my @names = $ENV{UNIT_ONLY} ? split(' ', $ENV{UNIT_ONLY})
                            : NotifyUnits::names('unit');

my $flags = $sanitize eq '' ? ''
            : "-fsanitize=$sanitize -fno-sanitize-recover=all";

plan tests => scalar @names;

my $build = NotifyUnits::builder('unit', $ENV{CC} || 'cc', $flags, '');

for my $name (@names) {
    my $program = eval { $build->($name) };

    if (!defined $program) {
        fail("$name can be built");
        diag($@);
        next;
    }

    my @out = split /\n/, `$wrap $program 2>&1`;
    my $status = $?;
    my $plan = (grep { /^1\.\.\d+$/ } @out)[-1] // '1..0';
    my $good = grep { /^ok / } @out;

    # a program that dies on its way has no plan
    ok($status == 0 && $good > 0 && $plan eq "1..$good",
       "$name: $good checks")
    or do {
        diag("exit status $status, plan $plan, $good good");
        diag($_) for grep { !/^ok / } @out;
    };
}
