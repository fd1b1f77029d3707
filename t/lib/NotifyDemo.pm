package NotifyDemo;

# Runs docs/examples/django/demo.sh with what is under test, on ports and in
# a directory of the test's own.  What was started ends with the test.

use strict;
use warnings;

use NotifyEnv;

my $Example = NotifyEnv::top() . '/docs/examples/django';
my $Started;

$SIG{INT} = $SIG{TERM} = sub { exit 1 };

END {
    my $status = $?;

    demo('stop') if $Started;
    $? = $status;
}


# Sets the environment that demo.sh and manage.py read.
sub set_up {
    my ($ndk, $module) = NotifyEnv::modules();

    delete @ENV{'CELERY_BROKER_URL', 'NOTIFY_PUSH_URL', 'DEMO_USER'};

    $ENV{DEMO_DIR} = NotifyEnv::work_dir() . '/demo';
    $ENV{DEMO_PORT} = NotifyEnv::free_port();
    $ENV{DEMO_PUSH_PORT} = NotifyEnv::free_port();
    $ENV{DEMO_NGINX} = nginx();
    $ENV{NDK_MODULE} = $ndk;
    $ENV{NOTIFY_MODULE} = $module;
    $ENV{PYTHONDONTWRITEBYTECODE} = 1;
}


sub demo_sh { return "$Example/demo.sh" }


# Both return what was printed, to standard error too, and set $?.

sub demo {
    $Started = 1 if $_[0] eq 'start';

    return run(demo_sh(), @_);
}


sub manage {
    return run('/usr/bin/python3', "$Example/manage.py", @_);
}


# What a log of the demo says that none should say.
sub wrong {
    my ($name) = @_;

    return join '', grep { /\[(?:alert|crit|emerg)\]|exited on signal/
                           || /Sanitizer|runtime error/ }
                    split /^/, read_log($name) // "[crit] no $name\n";
}


# Nothing before there is such a log.
sub read_log {
    my ($name) = @_;

    open my $in, '<', "$ENV{DEMO_DIR}/logs/$name" or return;
    local $/;

    return <$in> // '';
}


sub run {
    my $command = join ' ', map { "'$_'" } @_;

    return scalar `$command 2>&1 </dev/null`;
}


# nginx, or a script that runs it as it is to be run.
sub nginx {
    my @preload = NotifyEnv::preload();

    return NotifyEnv::nginx() if !@preload;

    my $script = NotifyEnv::work_dir() . '/nginx';
    my $command = join ' ', map { "'$_'" } @preload, NotifyEnv::nginx();

    open my $out, '>', $script or die "$script: $!";
    print $out "#!/bin/sh\nexec $command \"\$@\"\n";
    close $out or die "$script: $!";
    chmod 0755, $script;

    return $script;
}

1;
