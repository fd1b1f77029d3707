package NotifyEnv;

# Where the tests find what they test, and where they may write.  All paths
# and ports of a test file come from here, so that files can run at once.

use strict;
use warnings;

use Cwd ();
use File::Basename ();
use File::Path ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use POSIX ();

# The clients have thousands of sockets, and a login has 1024 descriptors until
# it asks for more.
my $Files = 8192;

if (POSIX::sysconf(POSIX::_SC_OPEN_MAX()) < $Files
    && !$^C && -f $0 && !$ENV{NOTIFY_TEST_FILES}++)
{
    exec '/bin/sh', '-c', "ulimit -S -n $Files || ulimit -S -n \$(ulimit -H -n)
                           exec \"\$@\"", 'sh', $^X, $0, @ARGV
        or die "exec: $!";
}

my $Lib = Cwd::abs_path(File::Basename::dirname(__FILE__));
my $Top = Cwd::abs_path("$Lib/../..");
my ($WorkDir, %Taken);

# Whoever ends a test ends its nginx, too: END and DESTROY are to run.
$SIG{$_} = sub { exit 1 } for qw( HUP INT PIPE TERM );


sub lib { return $Lib }
sub top { return $Top }


# The build under test: the module as it is installed, or instrumented.
sub objs {
    return $ENV{NOTIFY_TEST_OBJS} || "$Top/build";
}


sub nginx {
    return $ENV{TEST_NGINX_BINARY} ||= '/usr/sbin/nginx';
}


# What a command line begins with when libraries are to be preloaded.
sub preload {
    my $libraries = $ENV{TEST_NGINX_LD_PRELOAD} or return;
    return ('env', "LD_PRELOAD=$libraries");
}


# What load_module must name for the module to run; none is needed for what
# is a part of nginx itself.
sub modules {
    my $ndk = objs() . '/ndk_http_module.so';
    $ndk = '/usr/lib/nginx/modules/ndk_http_module.so' if !-e $ndk;

    return ($ndk, objs() . '/ngx_http_notify_module.so');
}


sub lua_module {
    return '/usr/lib/nginx/modules/ngx_http_lua_module.so';
}


# build/t/NAME, emptied when the test starts and left when it ends.  (Set
# NOTIFY_TEST_DIR to have it elsewhere than in build/t.)
sub work_dir {
    return $WorkDir if $WorkDir;

    my $name = File::Basename::basename($0, '.t');
    $name .= "-$ENV{NOTIFY_TEST_TAG}" if $ENV{NOTIFY_TEST_TAG};
    $WorkDir = ($ENV{NOTIFY_TEST_DIR} || "$Top/build/t") . "/$name";

    File::Path::remove_tree($WorkDir);
    File::Path::make_path($WorkDir);
    return $WorkDir;
}


# A port that is free now, and that no other test file will take: who has it
# holds a unix socket of its name, which goes with the process.
sub free_port {
    my ($low, $high) = split /-/, $ENV{NOTIFY_TEST_PORTS} || '20000-29999';

    for (1 .. 1000) {
        my $port = $low + int rand($high - $low + 1);
        next if $Taken{$port};
        my $lock = IO::Socket::UNIX->new(Local => "\0notify-test-$port",
                                         Listen => 1) or next;
        next if !IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 1,
                                       LocalPort => $port, ReuseAddr => 1);
        $Taken{$port} = $lock;
        return $port;
    }

    die "no free port from $low to $high\n";
}


# Each process of a server under valgrind writes what it finds to a file of
# its own; check_valgrind() reads them when all are gone.
sub use_valgrind {
    my $dir = work_dir() . '/valgrind';

    File::Path::make_path($dir);
    $ENV{TEST_NGINX_USE_VALGRIND} =
        "--log-file=$dir/%p";
}


sub check_valgrind {
    my @found;

    for my $file (glob work_dir() . '/valgrind/*') {
        next if !-s $file;
        open my $in, '<', $file or die "open $file: $!";
        local $/;
        push @found, <$in>;
    }

    return @found;
}

1;
