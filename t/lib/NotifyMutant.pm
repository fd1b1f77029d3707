package NotifyMutant;

# The module with something changed in its sources: only what the change
# touches is compiled anew, the rest is taken from the build under test.
#
#   my $objs = NotifyMutant::build($dir, [ 'notify_id.c', $from, $to ], ...);
#
# What is changed must stand in its file exactly once.  $objs is what
# NOTIFY_TEST_OBJS may be set to; its src/ is for NOTIFY_TEST_SRC, so that a
# test may make another change on top of it.

use strict;
use warnings;

use File::Basename ();
use File::Path ();

use NotifyEnv ();

my ($Commands, $Link);


sub build {
    my ($dir, @changes) = @_;

    my $from = $ENV{NOTIFY_TEST_SRC} || NotifyEnv::top() . '/src';

    File::Path::make_path($dir);
    run("cp -r $from $dir/src");
    change("$dir/src", @$_) for @changes;

    read_makefile();
    my $link = $Link;

    for my $unit (units_to_compile("$dir/src")) {
        my ($command, $object, $source) = @{ $Commands->{$unit} };

        # It need not be fast, but be there soon, and may leave much unused.
        $command =~ s/\Q$object\E/$dir\/$unit.o/;
        $command =~ s/\Q$source\E/$dir\/src\/$unit.c -O0 -w/;
        run($command);

        $link =~ s/\Q$object\E/$dir\/$unit.o/;
    }

    $link =~ s{ -o \S+}{ -o $dir/ngx_http_notify_module.so};
    run($link);

    symlink makefile_dir(), "$dir/nginx";
    my ($ndk) = NotifyEnv::modules();
    symlink $ndk, "$dir/ndk_http_module.so";

    return $dir;
}


sub change {
    my ($src, $file, $from, $to) = @_;

    my $text = slurp("$src/$file");
    my $times = () = $text =~ /\Q$from\E/g;
    die "$file: $times times, not once: $from\n" if $times != 1;

    $text =~ s/\Q$from\E/$to/;

    open my $out, '>', "$src/$file" or die "open $src/$file: $!";
    print $out $text;
    close $out or die "write $src/$file: $!";
}


# Those that differ from what was built, and those that include what does.
sub units_to_compile {
    my $src = shift;
    my (%text, %touched);

    for my $path (glob "$src/*.[ch]") {
        my $name = File::Basename::basename($path);

        $text{$name} = slurp($path);
        $touched{$name} = 1
            if $text{$name} ne slurp(NotifyEnv::top() . "/src/$name");
    }

    my $more = 1;

    while ($more) {
        $more = 0;

        for my $name (grep { !$touched{$_} } keys %text) {
            my @includes = $text{$name} =~ /^#include "([^"]+)"/gm;
            next if !grep { /\.h$/ && $touched{$_} } @includes;
            $touched{$name} = $more = 1;
        }
    }

    return map { /^(\w+)\.c$/ ? $1 : () } sort keys %touched;
}


sub makefile_dir { return Cwd::abs_path(NotifyEnv::objs() . '/nginx') }


# What nginx's own makefile would do if nothing were there.
sub read_makefile {
    return if $Commands;

    my $objs = makefile_dir();
    my $tree = File::Basename::dirname($objs) . '/tree';
    $tree = '/usr/share/nginx/src' if !-d $tree;

    my $said = run("env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL"
                   . " make -n -B -C $tree -f $objs/Makefile modules");
    $said =~ s/\\\n/ /g;
    $said =~ s/[ \t]+/ /g;

    for my $command (split /\n/, $said) {

        if ($command =~ / -c .* -o (\S+) (\S+\/(\w+)\.c)\s*$/) {
            $Commands->{$3} = [ "cd $tree && $command", $1, $2 ];

        } elsif ($command =~ / -o \S+\/ngx_http_notify_module\.so /) {
            $Link = "cd $tree && $command";
        }
    }

    die "the makefile says no more how the module is linked\n" if !$Link;
}


sub run {
    my $command = shift;

    my $out = `($command) 2>&1`;
    die "$command\n$out" if $? != 0;
    return $out;
}


sub slurp {
    my $file = shift;

    open my $in, '<', $file or die "open $file: $!";
    local $/;
    return scalar <$in>;
}

1;
