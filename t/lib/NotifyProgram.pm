package NotifyProgram;

# A program of t/clients, spoken with by lines.

use strict;
use warnings;

use IO::Select ();
use IPC::Open2 ();
use POSIX ();
use Time::HiRes ();

use NotifyEnv ();

my $DEADLINE = 30;

# Where Debian puts what Node requires.
$ENV{NODE_PATH} //= '/usr/share/nodejs';


sub new {
    my ($class, $name, @arguments) = @_;

    my $self = bless { name => $name, buf => '' }, $class;
    $self->{pid} = IPC::Open2::open2($self->{out}, $self->{in},
        NotifyEnv::lib() . "/../clients/$name", @arguments);
    $self->{in}->autoflush;
    return $self;
}


sub say {
    my ($self, $text) = @_;

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } "$text\n";
}


# The next line, or what has happened instead.
sub line {
    my ($self, $seconds) = @_;
    my $deadline = Time::HiRes::time() + ($seconds // $DEADLINE);
    my $select = IO::Select->new($self->{out});

    until ($self->{buf} =~ /\n/) {
        my $left = $deadline - Time::HiRes::time();
        return "$self->{name} says nothing"
            if $left <= 0 || !$select->can_read($left);
        sysread $self->{out}, $self->{buf}, 65536, length $self->{buf}
            or return "$self->{name} has ended";
    }

    $self->{buf} =~ s/^(.*)\n//;
    return $1;
}


# Closes its input and waits for its end.
sub wait {
    my $self = shift;

    close $self->{in};
    1 while sysread $self->{out}, my $rest, 65536;
    waitpid $self->{pid}, 0;
    delete $self->{pid};
    return $? >> 8;
}


sub DESTROY {
    my $self = shift;

    local $?;
    return if !$self->{pid};
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
