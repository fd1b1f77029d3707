package NotifyUnits;

# Builds the programs of t/unit and t/fuzz: all of src/notify_*.c becomes one
# library under build/, each program is linked with it.  nginx is not needed.

use strict;
use warnings;

use File::Basename ();
use File::Path ();

use NotifyEnv;


# The names of the programs, such as utf8 for t/unit/utf8.c.
sub names {
    my ($kind) = @_;

    return map { File::Basename::basename($_, '.c') }
           sort glob(NotifyEnv::top() . "/t/$kind/*.c");
}


# Where what a fuzz target was once given is kept, and the files there.
sub corpus_dir {
    my ($name) = @_;

    return NotifyEnv::top() . "/t/fuzz/corpus/$name";
}


sub corpus {
    my ($name) = @_;

    return grep { -f } sort glob(corpus_dir($name) . '/*');
}


# Makes the library and returns a function that makes one program out of a
# name and returns its path.  Both die with the compiler's words.  flags are
# for both, link for the program alone.  All goes to dir, or the test's own.
sub builder {
    my ($kind, $cc, $flags, $link, $dir) = @_;

    my $top = NotifyEnv::top();
    my $compile = "$cc -std=c11 -g -O1 -Wall -Wextra -Werror"
                  . " -fno-omit-frame-pointer $flags"
                  . " -I$top/src -I$top/t/unit";
    my @objects;

    $dir ||= NotifyEnv::work_dir();
    File::Path::make_path($dir);

    for my $source (sort glob("$top/src/notify_*.c")) {
        my $object = "$dir/" . File::Basename::basename($source, '.c') . '.o';

        run("$compile -c -o $object $source");
        push @objects, $object;
    }

    run("ar rcs $dir/libnotify.a @objects");

    return sub {
        my ($name) = @_;

        run("$compile $link -o $dir/$name $top/t/$kind/$name.c"
            . " $dir/libnotify.a -ljansson -lcrypto -lz -pthread");

        return "$dir/$name";
    };
}


# Runs a command and returns what it said; dies unless it exits with 0.
sub run {
    my ($command) = @_;

    my $out = `$command 2>&1`;

    die "$command\n$out" if $? != 0;

    return $out;
}


1;
