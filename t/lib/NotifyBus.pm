package NotifyBus;

# Builds and runs the programs of t/bus: step, storm and store.

use strict;
use warnings;

use File::Basename ();
use File::Path ();

use NotifyEnv;
use NotifyUnits;


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


# Compiles one source for a program; dies with the compiler's words.  The
# storm and the store die at points of crash.h.
sub compile {
    my ($name, $source, $object, $flags) = @_;

    my $top = NotifyEnv::top();
    my $cc = $ENV{CC} || 'cc';
    my $crash = $name eq 'step' ? '' : "-include $top/t/bus/crash.h";

    NotifyUnits::run("$cc -std=c11 -g -Wall -Wextra $flags $crash -I$top/src"
                     . " -I$top/t/bus -I$top/t/unit -c -o $object $source");
}


# Compiles all that a program is made of into a directory.  Returns the
# objects, by the names of their sources.
sub objects {
    my ($name, $dir, $flags) = @_;

    my $top = NotifyEnv::top();
    my %objects;

    File::Path::make_path($dir);

    for my $source (sources("$top/src"), "$top/t/bus/$name.c") {
        my $base = File::Basename::basename($source);

        $objects{$base} = "$dir/$base.o";
        compile($name, $source, $objects{$base}, $flags);
    }

    return %objects;
}


# Every call is bound when the program starts, so that the step test does not
# walk through the loader.
sub make {
    my ($program, $flags, %objects) = @_;

    my $cc = $ENV{CC} || 'cc';

    NotifyUnits::run("$cc $flags -Wl,-z,now -o $program"
                     . join('', map { " $_" } sort values %objects)
                     . " -pthread");

    return $program;
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
