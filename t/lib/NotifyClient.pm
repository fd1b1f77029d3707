package NotifyClient;

# A small HTTP and WebSocket client for the tests with many processes, which
# sees each frame and each byte.  What libraries see is in t/clients.t.
#
#   my $answer = NotifyClient::http($port, 'POST', '/new/42', body => 'x');
#   my $ws = NotifyClient->open($port, '/client?user_id=42');
#   my ($opcode, $payload) = $ws->frame;

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Socket qw( INADDR_LOOPBACK SO_RCVBUF pack_sockaddr_in );
use Time::HiRes ();

use NotifyDeflate ();
use NotifyWire ();

my $DEADLINE = 30;


sub connect_to {
    my $port = shift;

    # A port, or the path of a unix socket, or "[::1]:port".
    if ($port =~ m{^/}) {
        require IO::Socket::UNIX;
        return IO::Socket::UNIX->new(Peer => $port)
               // die "connect $port: $!\n";
    }

    if ($port =~ /^\[(.*)\]:(\d+)$/) {
        require IO::Socket::IP;
        return IO::Socket::IP->new(PeerHost => $1, PeerPort => $2)
               // die "connect $port: $@\n";
    }

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
           // die "connect to $port: $!\n";
}


# A connection that takes a few kilobytes, so that the rest waits in nginx: the
# size of its buffer counts from the handshake of TCP on.
sub narrow {
    my $port = shift;

    my $sock = IO::Socket::INET->new(Proto => 'tcp') // die "socket: $!\n";
    $sock->sockopt(SO_RCVBUF, 4096) or die "setsockopt: $!\n";
    $sock->connect(pack_sockaddr_in($port, INADDR_LOOPBACK))
        or die "connect to $port: $!\n";

    return $sock;
}


# A connection over TLS, to a server of any name.  Options: as IO::Socket::SSL
# takes them.
sub tls {
    my ($port, %set) = @_;

    require IO::Socket::SSL;
    return IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1', PeerPort => $port, %set,
        SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(),
    ) // die "TLS: $IO::Socket::SSL::SSL_ERROR\n";
}


# One request on a connection of its own.  Options: headers (a list of lines),
# body, sock (an open connection, which is kept).
sub http {
    my ($port, $method, $uri, %opt) = @_;

    my $body = $opt{body} // '';
    my $sock = $opt{sock} // connect_to($port);
    my @lines = ("$method $uri HTTP/1.1", 'Host: localhost',
                 $opt{sock} ? () : 'Connection: close',
                 @{ $opt{headers} || [] });
    push @lines, 'Content-Length: ' . length $body
        if $body ne '' || $method =~ /^P/;

    my $self = bless { sock => $sock, buf => '' };
    $self->write(join("\r\n", @lines, '', '') . $body);

    my %answer = $self->head($method);
    return \%answer if !defined $answer{code};

    my $length = $answer{headers}{'content-length'};

    if ($method eq 'HEAD' || $answer{code} == 204) {
        $answer{body} = '';

    } elsif (defined $length) {
        1 while length $self->{buf} < $length && $self->fill;
        $answer{body} = substr $self->{buf}, 0, $length, '';

    } else {
        1 while $self->fill;
        $answer{body} = $self->{buf};
    }

    # The server has closed it, too, when we go on.
    1 while !$opt{sock} && $self->fill;

    return \%answer;
}


sub head {
    my $self = shift;

    until ($self->{buf} =~ /\r\n\r\n/) {
        $self->fill or return (code => undef, raw => $self->{buf});
    }

    $self->{buf} =~ s/^(.*?\r\n)\r\n//s;
    my $raw = $1;
    my ($code) = $raw =~ m{^HTTP/1\.1 (\d+)};
    my %headers = map { /^([^:]+): *(.*)$/ ? (lc $1, $2) : () }
                  split /\r\n/, $raw;

    return (code => $code, raw => $raw, headers => \%headers);
}


# Opens a socket.  Options: sock, headers (as NotifyWire::handshake takes
# them), early (bytes behind the handshake), offer (extensions).  Dies unless
# it is accepted.
sub open {
    my ($class, $port, $uri, %opt) = @_;

    my $self = $class->try($port, $uri, %opt);
    die "handshake of $uri: " . ($self->{answer}{code} // 'closed')
        . " $self->{buf}\n"
        if ($self->{answer}{code} // 0) != 101;
    return $self;
}


# The same, but any answer will do: {answer}{code}.
sub try {
    my ($class, $port, $uri, %opt) = @_;

    my $self = bless {
        sock => $opt{sock} // connect_to($port), buf => '',
    }, $class;
    my %headers = %{ $opt{headers} || {} };

    $headers{'Sec-WebSocket-Extensions'} = $opt{offer} if $opt{offer};

    $self->write(NotifyWire::handshake($uri, %headers)
                 . ($opt{early} // ''));
    $self->{answer} = { $self->head };

    # The window that messages may be compressed with, or none.
    my $extension = $self->{answer}{headers}{'sec-websocket-extensions'};
    $self->{window} = $extension =~ /server_max_window_bits=(\d+)/ ? $1 : 15
        if defined $extension;

    return $self;
}


sub write {
    my ($self, $text) = @_;

    local $SIG{PIPE} = 'IGNORE';
    while (length $text) {
        my $n = syswrite $self->{sock}, $text;
        return 0 if !defined $n;
        substr $text, 0, $n, '';
    }

    return 1;
}


# Reads what there is; false at the end of the connection.
sub fill {
    my ($self, $seconds) = @_;

    my $pending = ref($self->{sock}) eq 'IO::Socket::SSL'
                  && $self->{sock}->pending;
    if (!$pending
        && !IO::Select->new($self->{sock})->can_read($seconds // $DEADLINE))
    {
        die "nothing came in time\n";
    }

    my $n = sysread $self->{sock}, $self->{buf}, 65536, length $self->{buf};
    return $n;
}


# The next frame: opcode and payload; or nothing at the end.  A message that is
# compressed is inflated, and {packed} is the length that it had; else 0.
sub frame {
    my ($self, $seconds) = @_;

    while (1) {
        if (my ($opcode, $payload) = $self->parse) {
            return ($opcode, $payload);
        }
        $self->fill($seconds) or return;
    }
}


sub parse {
    my $self = shift;
    my $buf = \$self->{buf};

    return if length $$buf < 2;

    my ($first, $length) = unpack 'CC', $$buf;
    my $head = 2;
    die "masked or fragmented\n" if $length > 127 || !($first & 0x80);
    die "reserved bits\n" if $first & 0x30;
    die "compressed\n"
        if $first & 0x40 && (!$self->{window} || ($first & 15) > 2);

    if ($length == 126) {
        return if length $$buf < 4;
        $length = unpack 'x2n', $$buf;
        $head = 4;

    } elsif ($length == 127) {
        return if length $$buf < 10;
        $length = unpack 'x2Q>', $$buf;
        $head = 10;
    }

    return if length $$buf < $head + $length;

    my $payload = substr $$buf, $head, $length;
    substr $$buf, 0, $head + $length, '';

    $self->{packed} = $first & 0x40 ? $length : 0;
    $payload = NotifyDeflate::inflated($payload, $self->{window})
        if $self->{packed};

    return ($first & 15, $payload);
}


# The next frame that is no ping: these come when it is their time.
sub but_ping {
    my $self = shift;

    while (my ($opcode, $payload) = $self->frame) {
        return ($opcode, $payload) if $opcode != 9;
    }

    return;
}


# The next message's payload; fails on anything else.
sub message {
    my $self = shift;

    my ($opcode, $payload) = $self->but_ping;
    return defined $opcode && ($opcode == 1 || $opcode == 2)
           ? $payload
           : defined $opcode ? "frame $opcode: $payload" : 'closed';
}


# That nothing is on its way: a ping's pong comes next.
sub is_quiet {
    my $self = shift;

    $self->write(NotifyWire::client_frame(9, 'quiet?'));
    my ($opcode, $payload) = $self->but_ping;
    return defined $opcode && $opcode == 10 && $payload eq 'quiet?';
}


# Reads to the end; returns the code of the close frame, 1005 without a code,
# 1006 without a frame.
sub wait_close {
    my $self = shift;

    while (my ($opcode, $payload) = $self->frame) {
        return length $payload ? unpack 'n', $payload : 1005
            if $opcode == 8;
    }

    return 1006;
}


sub send_frame {
    my ($self, $opcode, $payload, %opt) = @_;
    return $self->write(NotifyWire::client_frame($opcode, $payload, %opt));
}


sub close {
    my $self = shift;
    close $self->{sock};
}

1;
