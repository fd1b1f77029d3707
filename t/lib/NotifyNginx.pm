package NotifyNginx;

# A real nginx with many processes, for the tests that reload it, kill its
# workers and count what it holds.
#
#   my $nginx = NotifyNginx->new(workers => 4, config => 'location ...');
#   $nginx->start; ... $nginx->reload; ... $nginx->stop;
#
# Members that may be set, and changed before a reload: workers, connections,
# main (directives), events, http (directives in http {}), config (in the
# server), listen (parameters of it), level (of the error log), modules
# (paths), master (on), daemon (on), last (what is behind http {}, instead of
# the events in front of it).
#
# Nothing here waits for a time: wait_for() polls a condition, and gives up
# after a deadline that only a broken server reaches.

use strict;
use warnings;

use POSIX qw( WNOHANG );
use Scalar::Util ();
use Test::More ();
use Time::HiRes ();

use NotifyEnv ();

# What no log of ours may hold; a test that provokes one says so.
our $ALARM = qr/\[(?:alert|crit|emerg)\]|exited\ on\ signal|Sanitizer
                |runtime\ error:/x;

my $count = 0;
my %running;

# What hangs is ended, and its nginx with it.
$SIG{ALRM} = sub { die "the test hangs\n" };
alarm 1200;


sub new {
    my ($class, %set) = @_;

    my $self = bless {
        workers => 1, connections => 1024, main => '', events => '',
        http => '', config => '', listen => '', level => 'info',
        modules => [ NotifyEnv::modules() ], master => 'on', daemon => 'on',
        last => '',
        port => NotifyEnv::free_port(),
        root => NotifyEnv::work_dir() . '/nginx' . ++$count,
        owner => $$, %set,
    }, $class;

    mkdir $self->{root} or die "mkdir $self->{root}: $!";
    Scalar::Util::weaken($running{$self->{root}} = $self);
    return $self;
}


sub port { return $_[0]{port} }
sub root { return $_[0]{root} }


sub configure {
    my $self = shift;

    my $root = $self->{root};
    my $modules = join '', map { "load_module $_;\n" } @{ $self->{modules} };
    my $temp = join ' ', map { "${_}_temp_path $root/${_}_temp;" }
               qw( client_body proxy fastcgi scgi uwsgi );
    my $user = $> == 0 ? 'user root;' : '';
    my $events = $self->{last} ? '' : "events {
    worker_connections $self->{connections};
    $self->{events}
}";

    open my $out, '>', "$root/nginx.conf" or die "open nginx.conf: $!";
    print $out <<"CONF";
$modules
daemon $self->{daemon};
master_process $self->{master};
worker_processes $self->{workers};
error_log $root/error.log $self->{level};
pid $root/nginx.pid;
$user
env ASAN_OPTIONS;
env UBSAN_OPTIONS;
$self->{main}

$events

http {
    access_log off;
    $temp
    default_type text/plain;
    keepalive_requests 1000000;
    $self->{http}

    server {
        listen 127.0.0.1:$self->{port} $self->{listen};
        server_name localhost;
        $self->{config}
    }
}

$self->{last}
CONF
    close $out or die "write nginx.conf: $!";
}


sub command {
    my ($self, @more) = @_;

    my $root = $self->{root};
    return (NotifyEnv::preload(), NotifyEnv::nginx(), '-p', "$root/",
            '-c', "$root/nginx.conf", '-e', "$root/error.log", @more);
}


# Runs nginx -t: the exit code and what it said.
sub check {
    my $self = shift;

    $self->configure;
    my $command = join ' ', map { "'$_'" } $self->command('-t');
    my $out = `$command 2>&1`;
    return ($? >> 8, $out);
}


sub start {
    my $self = shift;

    $self->configure;

    if ($self->{daemon} eq 'off') {
        $self->{child} = fork() // die "fork: $!";
        if ($self->{child} == 0) {
            exec $self->command or die "exec: $!";
        }

    } else {
        my $command = join ' ', map { "'$_'" } $self->command;
        system("$command > /dev/null 2>&1") == 0
            or die "nginx does not start:\n" . $self->log;
    }

    wait_for('the pid file', sub { -s "$self->{root}/nginx.pid" })
        or die $self->log;
    open my $in, '<', "$self->{root}/nginx.pid" or die "nginx.pid: $!";
    $self->{pid} = int <$in>;

    if ($self->{master} eq 'on') {
        wait_for('all workers', sub {
            $self->workers == $self->count_of_workers
        });
    }

    return $self;
}


sub count_of_workers {
    my $self = shift;

    return $self->{workers} if $self->{workers} ne 'auto';
    chomp(my $count = `getconf _NPROCESSORS_ONLN`);
    return $count;
}


sub pid { return $_[0]{pid} }


# Processes of the master: those that serve and those that finish.
sub children {
    my $self = shift;
    my (@workers, @old);

    for my $child (children_of($self->{pid})) {
        open my $title, '<', "/proc/$child/cmdline" or next;
        local $/;
        my $text = <$title> // '';
        push @workers, $child if $text =~ /worker process/
                                 && $text !~ /shutting down/;
        push @old, $child if $text =~ /shutting down/;
    }

    return (\@workers, \@old);
}


# The kernel passes over a child while the one before it goes: the same list
# twice in a row is whole.
sub children_of {
    my $pid = shift;
    my $before;

    while (1) {
        open my $in, '<', "/proc/$pid/task/$pid/children" or return;
        my $now = <$in> // '';
        return split ' ', $now if defined $before && $now eq $before;
        $before = $now;
    }
}


sub workers { return @{ ($_[0]->children)[0] || [] } }
sub old_workers { return @{ ($_[0]->children)[1] || [] } }


# A new configuration, and the workers that serve it: returns when no old one
# takes connections any more.
sub reload {
    my ($self, %set) = @_;

    $self->{$_} = $set{$_} for keys %set;
    $self->configure;

    $self->signal('HUP');
    return $self->wait_generation;
}


sub signal {
    my ($self, $signal) = @_;

    $self->{before} = { map { $_ => 1 } $self->workers };
    kill $signal => $self->{pid};
}


# Waits until none of those serves that did when signal() was called.
sub wait_generation {
    my $self = shift;
    my $before = $self->{before};

    return wait_for('new workers', sub {
        my @now = $self->workers;
        @now == $self->count_of_workers && !grep { $before->{$_} } @now;
    });
}


# kill -9 of a worker: returns when another one has its place, unless it was
# finishing anyway.
sub kill_worker {
    my ($self, $pid) = @_;

    kill KILL => $pid;

    return wait_for("the end of $pid", sub { !running($pid) })
        && wait_for('the respawned worker', sub {
               $self->workers == $self->count_of_workers
           });
}


sub running {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/stat" or return 0;
    return (<$in> // '') !~ /\) Z /;
}


# Stops it, and fails the test if it does not stop or has logged an alarm.
# expect: a pattern of alarms that the test itself has caused.
sub stop {
    my ($self, %opt) = @_;
    my $pid = $self->{pid} or return;
    my @workers = ($self->workers, $self->old_workers);

    delete $self->{pid};
    kill +($opt{signal} // 'QUIT') => $pid;
    my $gone = wait_for('the end of nginx', sub {
        waitpid $pid, WNOHANG if $self->{child};
        !running($pid);
    });
    kill_all($pid, @workers) if !$gone;

    return $self->check_log($opt{expect});
}


sub check_log {
    my ($self, $expect) = @_;

    my @alarms = grep { $_ =~ $ALARM && !($expect && $_ =~ $expect) }
                 split /^/, $self->log;
    Test::More::is(scalar @alarms, 0, 'no alarm in the log')
        or Test::More::diag(@alarms[0 .. ($#alarms < 9 ? $#alarms : 9)]);
    return !@alarms;
}


sub log {
    my $self = shift;

    open my $in, '<:raw', "$self->{root}/error.log" or return '';
    local $/;
    return <$in> // '';
}


# Waits for a line in the log.
sub wait_log {
    my ($self, $pattern) = @_;

    return wait_for("$pattern in the log", sub { $self->log =~ $pattern });
}


# Waits until the numbers in lines that match add up: each worker writes one of
# its own.
sub wait_sum {
    my ($self, $total, $pattern) = @_;

    return wait_for("$total in the log by $pattern", sub {
        my $sum = 0;
        $sum += $_ for $self->log =~ /$pattern/g;
        return $sum == $total;
    });
}


# How many descriptors a process has open.
sub descriptors {
    my ($self, $pid) = @_;

    opendir my $dir, "/proc/$pid/fd" or return 0;
    return scalar grep { !/^\./ } readdir $dir;
}


# A process's own memory in kB: anonymous pages, in memory or swapped out.
# Pages of files, of the zone among them, come and go as the kernel likes.
sub memory {
    my ($self, $pid) = @_;
    my ($sum, $shared) = (0, 0);

    open my $in, '<', "/proc/$pid/smaps" or return 0;
    while (<$in>) {
        $shared = $1 eq 's' if /^[0-9a-f]+-[0-9a-f]+ ...(.) /;
        $sum += $1 if !$shared && /^(?:Anonymous|Swap):\s+(\d+) kB/;
    }

    return $sum;
}


# Polls a condition; a deadline that passes is a failure with a name.
sub wait_for {
    my ($what, $condition, $seconds) = @_;
    my $deadline = Time::HiRes::time() + ($seconds // 30);

    while (1) {
        return 1 if $condition->();
        last if Time::HiRes::time() > $deadline;
        select undef, undef, undef, 0.005;
    }

    Test::More::fail("waited for $what");
    return 0;
}


# Leaves nothing behind, however the test ends.
sub DESTROY {
    my $self = shift;

    local $?;
    return if !$self->{pid} || $self->{owner} != $$;
    my @workers = ($self->workers, $self->old_workers);
    kill_all(delete $self->{pid}, @workers);
}


# The master first, which would start others for those that are gone.
sub kill_all {
    my ($master, @workers) = @_;

    kill KILL => $master;
    wait_for('the end of the master', sub { !running($master) });
    kill KILL => @workers;
}


END {
    $_ && $_->DESTROY for values %running;
}

1;
