package NotifyAutobahn;

# Cases of the Autobahn suite (its fuzzing client), by their numbers: what is
# sent, and what must come.  The suite itself is not used, nor any library:
# frames are written and read byte by byte, and each case has one outcome that
# is right, what the suite calls "OK".
#
#   my $suite = NotifyAutobahn->new($port, '/client?user_id=42');
#   $suite->case('1.1.2', 'a text', [ frame(1, 'x') ], [ [ text => 'x' ] ]);
#   $suite->check_table('docs/rfc6455.md');

use strict;
use warnings;

use Digest::MD5 ();
use Exporter 'import';
use IO::Select ();
use Socket qw( IPPROTO_TCP TCP_NODELAY );
use Test::More ();

use NotifyClient ();
use NotifyDeflate ();
use NotifyEnv ();
use NotifyWire ();

our @EXPORT = qw( frame fragments );

my %KIND = (1 => 'text', 2 => 'binary', 8 => 'close', 9 => 'ping',
            10 => 'pong');


# The location echoes; ready is another one of the same worker.
sub new {
    my ($class, $port, $uri, $ready) = @_;

    return bless {
        port => $port, uri => $uri, ready => $ready, seen => {}, count => {},
    }, $class;
}


# A client's frame, each with a mask of its own.
sub frame {
    my ($opcode, $payload, %opt) = @_;

    return NotifyWire::client_frame($opcode, $payload // '',
                                    mask => pack('N', rand 2 ** 32), %opt);
}


# A message in frames of so many bytes; rsv is the first one's.
sub fragments {
    my ($opcode, $payload, $size, %opt) = @_;
    my $n = int((length($payload) + $size - 1) / $size);

    return map { frame($_ ? 0 : $opcode, substr($payload, $_ * $size, $size),
                       fin => $_ == $n - 1, rsv => $_ ? 0 : $opt{rsv}) }
           0 .. $n - 1;
}


# Steps, in their order:
#
#   bytes             are sent, together with those behind them
#   [ send => ... ]   they too, but frame by frame
#   [ get => n ]      waits till n events have come
#   [ open => ]       the server has read all, and does not close
#
# Events: [ text => payload ], and so on.  Then, unless close or closes says
# otherwise, we close with 1000, get 1000, and the server ends the connection.
#
#   close      the code that the server closes with, '' for none; it comes by
#              itself, or the steps have sent a close
#   outcomes   other lists of events that are right, too
#   chop       octets in one write
#   offer, agreed   extensions that are offered, and what is answered
#   informational   how the suite counts it, whatever comes
sub case {
    my ($self, $number, $title, $steps, $events, %opt) = @_;

    die "$number is there already\n" if $self->{seen}{$number}++;

    my ($got, $error);
    $got = eval { $self->run($steps, $events, %opt) } or $error = $@;

    my $last = [ close => $opt{close} // 1000 ];
    my @right = map { told(@$_, $last) } $events, @{ $opt{outcomes} || [] };
    my $told = $got ? told(@$got) : '';

    my $ok = Test::More::ok(scalar(grep { $_ eq $told } @right),
                            "$number $title");
    Test::More::diag($error // "got: $told\nnot: " . join "\nnor: ", @right)
        if !$ok;

    my ($chapter) = $number =~ /^(\d+)\./;
    my $result = !$ok ? 'not ok' : $opt{informational} ? 'informational'
                                                       : 'OK';
    $self->{count}{$chapter}{$result}++;
    return $ok;
}


sub run {
    my ($self, $steps, $events, %opt) = @_;
    my ($bytes, @got) = ('');

    my $ws = NotifyClient->open($self->{port}, $self->{uri},
                                offer => $opt{offer});
    my $agreed = $ws->{answer}{headers}{'sec-websocket-extensions'} // '';
    die "the extensions are \"$agreed\"\n" if $agreed ne ($opt{agreed} // '');

    setsockopt $ws->{sock}, IPPROTO_TCP, TCP_NODELAY, 1
        or die "TCP_NODELAY: $!\n";

    for my $step (@$steps, [ send => '' ]) {

        if (!ref $step) {
            $bytes .= $step;
            next;
        }

        my ($what, @with) = @$step;

        send_bytes($ws, $bytes, $opt{chop});
        $bytes = '';

        if ($what eq 'send') {
            send_bytes($ws, $_, $opt{chop}) for @with;

        } elsif ($what eq 'get') {
            get_events($ws, \@got, $with[0]);

        } else {
            $self->wait_open($ws);
        }
    }

    if (!defined $opt{close}) {
        get_events($ws, \@got, scalar @$events);
        send_bytes($ws, NotifyWire::close_frame(1000));
    }

    while (my $event = next_event($ws)) {
        push @got, $event;
    }

    $ws->close;
    return \@got;
}


# An error is no reason to stop: the server may have closed.
sub send_bytes {
    my ($ws, $bytes, $chop) = @_;

    $chop ||= length $bytes || 1;
    for (my $at = 0; $at < length $bytes; $at += $chop) {
        $ws->write(substr $bytes, $at, $chop);
    }
}


sub get_events {
    my ($ws, $got, $n) = @_;

    while (@$got < $n) {
        push @$got, next_event($ws) // die told(@$got) . ", then the end\n";
    }
}


# The worker answers two requests after what we have sent: it takes events in
# their order, so that it has read that before the second.
sub wait_open {
    my ($self, $ws) = @_;

    $self->{other} //= NotifyClient::connect_to($self->{port});
    for (1 .. 2) {
        NotifyClient::http($self->{port}, 'GET', $self->{ready},
                           sock => $self->{other})->{code} == 200
            or die "$self->{ready} does not answer\n";
    }

    die "the server says something: ", told(next_event($ws)), "\n"
        if length $ws->{buf}
           || IO::Select->new($ws->{sock})->can_read(0);
}


# The next frame, as strictly as it must be sent (RFC 6455, 5.2); undef at the
# end of the connection.
sub next_event {
    my $ws = shift;

    have($ws, 2) or return undef;
    my ($first, $length) = unpack 'CC', $ws->{buf};
    my ($opcode, $head, $least) = ($first & 15, 2, 0);

    die "the server masks\n" if $length > 127;
    die "the server sets reserved bits\n"
        if $first & ($ws->{window} && $opcode < 3 ? 0x30 : 0x70);
    die "the server fragments\n" if !($first & 0x80);
    die "opcode $opcode came\n" if !$KIND{$opcode};

    if ($length == 126) {
        ($head, $least) = (4, 126);
        have($ws, $head) or die "the connection ends in a frame\n";
        $length = unpack 'x2n', $ws->{buf};

    } elsif ($length == 127) {
        ($head, $least) = (10, 65536);
        have($ws, $head) or die "the connection ends in a frame\n";
        $length = unpack 'x2Q>', $ws->{buf};
    }

    die "a length of $length takes $head bytes\n" if $length < $least;
    die "a control frame of $length bytes\n" if $opcode > 7 && $length > 125;

    have($ws, $head + $length) or die "the connection ends in a frame\n";
    my $payload = substr $ws->{buf}, $head, $length;
    substr $ws->{buf}, 0, $head + $length, '';

    $payload = NotifyDeflate::inflated($payload, $ws->{window})
        if $first & 0x40;

    return [ $KIND{$opcode}, $payload ] if $opcode != 8;

    die "a close of one byte\n" if $length == 1;
    return [ close => $length ? unpack('n', $payload) : '' ];
}


# Reads till so many bytes are there; false at the end before the first.
sub have {
    my ($ws, $n) = @_;

    while (length $ws->{buf} < $n) {
        my $read = $ws->fill;
        die "the connection is reset: $!\n" if !defined $read;
        next if $read;
        return 0 if !length $ws->{buf} || $n > 2;
        die "the connection ends in a frame\n";
    }

    return 1;
}


# Events in a line; what is long, by its digest.
sub told {
    return join ', ', map {
        my ($kind, $payload) = @$_;
        my $length = length $payload;
        $kind eq 'close' ? "close $payload"
        : $length > 32 ? "$kind $length " . Digest::MD5::md5_hex($payload)
        : "$kind $length " . unpack 'H*', $payload;
    } @_;
}


# The rows of a table that name this test must say what has come out of it:
#
#   | chapter | of what | cases | result | shown by |
sub check_table {
    my ($self, $page) = @_;
    my ($name) = $0 =~ m{([^/]+)$};
    my %said;

    open my $in, '<', NotifyEnv::top() . "/$page" or die "$page: $!";

    while (<$in>) {
        my ($chapter, $cases, $result, $test) =
            /^\| (\d+) \| [^|]+ \| (\d+) \| ([^|]+) \| `prove t\/(\S+)` \|$/
            or next;
        $said{$chapter} = "$cases: $result" if $test eq $name;
    }

    my %count = %{ $self->{count} };
    my %is;

    for my $chapter (keys %count) {
        my ($cases, @results) = (0);

        for my $result (sort keys %{ $count{$chapter} }) {
            $cases += $count{$chapter}{$result};
            push @results, "$count{$chapter}{$result} $result";
        }

        $is{$chapter} = "$cases: " . join ', ', @results;
    }

    Test::More::is_deeply(\%said, \%is, "$page says what has come out");
}

1;
