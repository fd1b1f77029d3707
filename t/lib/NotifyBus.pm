package NotifyBus;

# Builds and runs the programs of t/bus: step and storm.

use strict;
use warnings;

use NotifyEnv;
use NotifyUnits;


# Makes one of the programs out of the sources in src, which may be a changed
# copy; returns its path.  Dies with the compiler's words.
sub build {
    my ($name, $src, $program, $flags) = @_;

    my $top = NotifyEnv::top();
    my $cc = $ENV{CC} || 'cc';

    # every call is bound when the program starts, so that the step test does
    # not walk through the loader; the storm dies at points of crash.h
    my $for = $name eq 'step' ? '-Wl,-z,now' : "-include $top/t/bus/crash.h";

    NotifyUnits::run("$cc -std=c11 -g -Wall -Wextra $flags"
                     . " -I$src -I$top/t/bus -I$top/t/unit $for"
                     . " -o $program $top/t/bus/$name.c"
                     . join('', map { " $_" } sources($src))
                     . " -pthread");

    return $program;
}


# What the bus is made of: the sources of all that it includes.
sub sources {
    my ($src) = @_;

    my @units = qw(bus seat lock);
    my %seen = map { $_ => 1 } @units;
    my @sources;

    while (defined(my $unit = shift @units)) {
        push @sources, "$src/notify_$unit.c" if -e "$src/notify_$unit.c";

        for my $file (glob "$src/notify_$unit.[ch]") {
            open my $in, '<', $file or die "open $file: $!";

            for my $used (map { /^#include "notify_(\w+)\.h"/ } <$in>) {
                push @units, $used if !$seen{$used}++;
            }
        }
    }

    return @sources;
}


# Runs a program that prints TAP.  Returns what is wrong with it, or an empty
# string; and its lines.
sub tap {
    my ($command) = @_;

    my @out = split /\n/, `$command 2>&1`;
    my $status = $?;
    my $plan = (grep { /^1\.\.\d+$/ } @out)[-1] // '1..0';
    my $good = grep { /^ok / } @out;

    return ($status == 0 && $good > 0 && $plan eq "1..$good" ? ''
            : "exit status $status, plan $plan, $good good", @out);
}


1;
