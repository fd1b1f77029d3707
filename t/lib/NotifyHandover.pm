package NotifyHandover;

# An nginx whose sockets move: reloaded, upgraded, with two masters at times;
# and what drives t/clients/moving.py meanwhile.
#
#   my $nginx = NotifyHandover->new(workers => 2)->start;
#   my $moving = $nginx->moving(sockets => 2000, seed => 1);
#   $moving->ticks(1); $nginx->reload; $nginx->wait_old; ...
#   my $account = $moving->stop;

use strict;
use warnings;

use parent 'NotifyNginx';

use IO::Select ();
use JSON::PP ();
use Test::More ();

use NotifyClient ();
use NotifyEnv ();
use NotifyProgram ();

# How long an old worker may live when it has handed its sockets over.
my $OLD = 30;

our $LOCATIONS = '
    location /client { notify_socket; notify_send_buffer 8m; }
    location /slow { notify_socket; notify_send_buffer 16k; }
    location /relay {
        notify_socket;
        notify_client_messages relay;
        notify_client_max_size 16k;
    }
    location /new/ { notify_push; client_body_buffer_size 512k; }
    location /status { notify_status; }
    location /stub { stub_status; }';


sub new {
    my ($class, %set) = @_;

    # A new nginx that replaces this one needs what it was started with.
    $set{main} = 'env LD_PRELOAD; worker_rlimit_nofile 16384; '
                 . ($set{main} // '');

    # nginx waits that long for whom it has accepted and who says nothing.
    $set{http} = 'client_header_timeout 5s; ' . ($set{http} // '');

    my $self = $class->SUPER::new(
        connections => 4096, level => 'notice', config => $LOCATIONS, %set);
    $self->{masters} = [];
    return $self;
}


sub start {
    my $self = shift;

    $self->SUPER::start;
    $self->{masters} = [ $self->{pid} ];
    return $self;
}


sub status {
    my $self = shift;

    my $answer = NotifyClient::http($self->port, 'GET', '/status');
    return JSON::PP::decode_json($answer->{body});
}


# Sockets by the pid of their worker.
sub places {
    my $self = shift;
    return map { $_->{pid} => $_->{sockets} } @{ $self->status->{workers} };
}


# Connections that nginx counts, but for the one that asks.
sub active {
    my $self = shift;

    my $body = NotifyClient::http($self->port, 'GET', '/stub')->{body};
    my ($active) = $body =~ /Active connections: (\d+)/;
    return $active - 1;
}


sub push_to {
    my ($self, $user, $body) = @_;

    my $answer = NotifyClient::http($self->port, 'POST', "/new/$user",
                                    body => $body);
    return ($answer->{code} // 0) == 200
           ? JSON::PP::decode_json($answer->{body})->{sockets}
           : 'code ' . ($answer->{code} // 'none');
}


sub sockets {
    my ($self, $count, $user, %opt) = @_;
    my $location = $opt{location} // 'client';

    my @sockets = map {
        NotifyHandover::Socket->open($self->port, "/$location?user_id=$user",
                                     sock => $opt{connect}
                                             ? $opt{connect}->() : undef)
    } 1 .. $count;

    push @{ $self->{sockets} }, @sockets;
    return @sockets;
}


# Nobody answers a close frame any more: no worker is to wait for that.
sub stop {
    my ($self, %opt) = @_;

    $_->close for @{ delete $self->{sockets} || [] };
    return $self->SUPER::stop(%opt);
}


# The socket of a handshake that has begun, by sending the rest of it.
sub finish {
    my ($self, $sock, $rest) = @_;

    my $socket = bless { sock => $sock, buf => '' },
                       'NotifyHandover::Socket';
    $socket->write($rest);
    $socket->{answer} = { $socket->head };

    push @{ $self->{sockets} }, $socket;
    return $socket;
}


# That a push reaches each of them, and that nothing else does.
sub reaches {
    my ($self, $user, $name, @sockets) = @_;
    my $text = "to $user: $name";

    Test::More::is($self->push_to($user, $text), @sockets,
                   "$name: all are counted");
    my @wrong = grep { $_ ne $text } map { $_->message } @sockets;
    Test::More::is("@wrong", '', "$name: all have it");
    return Test::More::is(grep({ !$_->is_quiet } @sockets), 0,
                          "$name: and nothing else");
}


# Reads from the sockets until so many have been closed, and answers them:
# how many with which code.  What is still open is left in the list that
# $sockets refers to.
sub closes {
    my ($self, $count, $sockets) = @_;
    my $select = IO::Select->new(map { $_->{sock} } @$sockets);
    my %open = map { $_->{sock} => $_ } @$sockets;
    my %codes;

    my $closed = sub {
        my ($sock, $code) = @_;
        return if !defined $code;
        $codes{$code}++;
        $count--;
        $select->remove($sock);
        delete $open{$sock};
    };

    $closed->($_->{sock}, $_->passed_close) for @$sockets;

    NotifyNginx::wait_for("$count sockets to be closed", sub {
        for my $sock ($select->can_read(0)) {
            last if $count <= 0;
            $closed->($sock, $open{$sock}->read_close);
        }
        return $count <= 0;
    });

    @$sockets = grep { $open{ $_->{sock} } } @$sockets;
    return \%codes;
}


# All workers that were told to exit have, but for some.
sub wait_old {
    my ($self, $but) = @_;

    return NotifyNginx::wait_for('the end of old workers', sub {
        $self->old_workers <= ($but // 0);
    }, $OLD);
}


# How often it has read its configuration again.
sub reloads {
    my $self = shift;
    return scalar(() = $self->log =~ /: reconfiguring$/mg);
}


# A reload of which those need not know that are stopped.
sub reload_past {
    my ($self, %set) = @_;
    my %before = map { $_ => 1 } $self->workers;

    $self->{$_} = $set{$_} for keys %set;
    $self->configure;
    $self->signal('HUP');
    return NotifyNginx::wait_for('new workers', sub {
        $self->count_of_workers == grep { !$before{$_} } $self->workers;
    });
}


# A reload whose new workers have their seats before the old ones hear of it,
# so that all of them are heirs.
sub reload_to_all {
    my ($self, %set) = @_;
    my @old = $self->workers;

    $self->freeze(@old);
    $self->reload_past(%set);
    $self->thaw(@old);
    return $self->wait_generation;
}


# --- two masters

# A new master, and its workers, beside this one, which becomes {old}.  Its
# configuration is that of now, with the settings.
sub upgrade {
    my ($self, %set) = @_;

    my $old = $self->{pid};
    $self->{$_} = $set{$_} for keys %set;
    $self->configure;

    kill USR2 => $old;
    NotifyNginx::wait_for('the new master', sub {
        my $pid = $self->pid_of('nginx.pid');
        $self->{pid} = $pid if $pid && $pid != $old;
        return $self->{pid} != $old;
    }) or return 0;

    $self->{old} = $old;
    push @{ $self->{masters} }, $self->{pid};
    return NotifyNginx::wait_for('the new workers', sub {
        $self->workers == $self->count_of_workers;
    });
}


# The old master finishes; or, with WINCH, its workers alone.
sub leave_old {
    my ($self, $signal) = @_;
    my $old = $self->{old};

    kill $signal => $old;
    NotifyNginx::wait_for('the end of the old workers', sub {
        !$self->workers_of($old);
    }, $OLD);

    if ($signal eq 'QUIT') {
        NotifyNginx::wait_for('the end of the old master', sub {
            !NotifyNginx::running($old);
        });
        delete $self->{old};
    }
}


# And back: the old master has workers again, and the new one finishes.
sub come_back {
    my $self = shift;
    my $new = $self->{pid};

    $self->{pid} = delete $self->{old};
    kill HUP => $self->{pid};
    NotifyNginx::wait_for('workers of the old master', sub {
        $self->workers == $self->count_of_workers;
    });

    kill QUIT => $new;
    NotifyNginx::wait_for('the end of the new master', sub {
        !NotifyNginx::running($new);
    }, $OLD);
    return NotifyNginx::wait_for('the pid file of the old master', sub {
        $self->pid_of('nginx.pid') == $self->{pid};
    });
}


sub workers_of {
    my ($self, $master) = @_;

    my ($workers, $old) = do {
        local $self->{pid} = $master;
        $self->children;
    };
    my @all = (@{ $workers || [] }, @{ $old || [] });
    return @all;
}


sub pid_of {
    my ($self, $file) = @_;

    open my $in, '<', "$self->{root}/$file" or return 0;
    my $pid = <$in>;
    return $pid && $pid =~ /^(\d+)\n/ ? int $1 : 0;
}


# --- processes

# A reload up to where old workers hand their sockets over, with those of the
# new workers stopped that the function chooses: what is for them is on its way
# when this returns, and the old workers have ended, but for those that "but"
# says.  Returns the new workers.
sub hand_over_to_frozen {
    my ($self, $choose, %opt) = @_;
    my @old = $self->workers;

    $self->freeze(@old);
    $self->signal('HUP');

    my (%old, @new) = map { $_ => 1 } @old;
    NotifyNginx::wait_for('new workers with seats', sub {
        @new = grep { !$old{$_} } $self->workers;
        return if @new != $self->count_of_workers;
        my %places = $self->places;
        return !grep { !defined $places{$_} } @new;
    });

    $self->freeze($choose->(@new));
    $self->thaw(@old);
    NotifyNginx::wait_for('the end of the old workers', sub {
        ($opt{but} // 0) >= grep { NotifyNginx::running($_) } @old;
    });

    return @new;
}


# Stops workers, and returns when they are: while they wait for events, since
# elsewhere one might have the zone's lock, and stop all others.
sub freeze {
    my ($self, @pids) = @_;

    for my $pid (@pids) {
        NotifyNginx::wait_for("$pid to be stopped", sub {
            kill STOP => $pid;
            NotifyNginx::wait_for("$pid to stop", sub {
                return state_of($pid) =~ /[TtZX]/;
            });
            return 1 if waits_for_events($pid) || state_of($pid) =~ /[ZX]/;
            kill CONT => $pid;
            return 0;
        });
    }
}


sub state_of {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/stat" or return 'X';
    return <$in> =~ /\) (\w) / ? $1 : 'X';
}


# Whether it is in a system call on its epoll.
sub waits_for_events {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/syscall" or return 0;
    my ($fd) = (<$in> // '') =~ /^\d+ 0x([0-9a-f]{1,6}) / or return 0;
    return (readlink("/proc/$pid/fd/" . hex $fd) // '')
           eq 'anon_inode:[eventpoll]';
}


sub thaw {
    my ($self, @pids) = @_;
    kill CONT => @pids;
}


sub DESTROY {
    my $self = shift;

    local $?;
    if ($self->{owner} == $$) {
        for my $master (@{ $self->{masters} || [] }) {
            next if !NotifyNginx::running($master)
                    || $master == ($self->{pid} // 0);
            NotifyNginx::kill_all($master, $self->workers_of($master));
        }
    }
    $self->SUPER::DESTROY;
}


# --- one socket

package NotifyHandover::Socket;

use parent -norequire, 'NotifyClient';


# A close frame, if there is one in what has been read, which is passed over;
# it is answered.  Its code, 1005 without one; undef: no such frame.
sub passed_close {
    my $self = shift;

    while (my ($opcode, $payload) = $self->parse) {
        next if $opcode != 8;
        $self->send_frame(8, $payload);
        return length $payload ? unpack 'n', $payload : 1005;
    }

    return;
}


# The same of what can be read now; 1006 for an end without a close frame.
sub read_close {
    my $self = shift;

    my $end = !$self->fill;
    return $self->passed_close // ($end ? 1006 : undef);
}


package NotifyHandover;

# --- moving.py

sub moving {
    my ($self, %opt) = @_;

    my $program = NotifyProgram->new('moving.py', '--port', $self->port,
                                     map { ("--$_", $opt{$_}) } sort keys %opt);
    Test::More::is($program->line(120), 'open',
                   "all sockets are open (seed $opt{seed})");
    return bless { program => $program, nginx => $self },
                 'NotifyHandover::Moving';
}


package NotifyHandover::Moving;

# Waits for some hundred pushes.
sub ticks {
    my ($self, $ticks) = @_;

    for (1 .. $ticks) {
        $self->{program}->say('tick');
        my $line = $self->{program}->line(60);
        die "moving.py says \"$line\"\n" if $line ne 'tick';
    }
}


# Pushes to the crowd, now, which any worker that is not frozen can take.
sub burst {
    my $self = shift;

    $self->{program}->say('burst');
    my $line = $self->{program}->line(60);
    die "moving.py says \"$line\"\n" if $line ne 'burst';
}


# Returns how many sockets the process had.
sub kill {
    my ($self, $pid) = @_;

    $self->{program}->say("kill $pid");
    my ($had) = $self->{program}->line =~ /^killed (\d+)$/;
    return $had;
}


# No more pushes: the account of what has arrived.
sub stop {
    my $self = shift;

    $self->{program}->say('stop');
    my $line = $self->{program}->line(120);
    return $self->{account} = $line =~ /^\{/
           ? JSON::PP::decode_json($line) : { errors => [ $line ] };
}


sub end {
    my $self = shift;

    $self->{program}->say('end');
    return $self->{program}->wait;
}

1;
