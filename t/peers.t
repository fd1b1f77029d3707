#!/usr/bin/perl

# Peers that do not do their part: that are gone without a word, that do not
# answer pings, that talk but do not read, that are slow to begin and slow to
# end.  Each is gone after two ping intervals, or its own bound; who is only
# slow is not.
#
# Nothing here is measured: a witness, opened after all the others in the same
# worker, answers its pings, and its second one can come only after the second
# deadline of each socket that is older.

use strict;
use warnings;

use lib 't/lib';

use Digest::MD5 ();
use IO::Select ();
use JSON::PP ();
use Socket qw( SOL_SOCKET SO_LINGER );
use Test::More;
use Time::HiRes ();

use NotifyClient ();
use NotifyNginx ();
use NotifyWire ();

my $KB = 1024;
my $TICK = 0.02;
my $HANDSHAKE = NotifyWire::handshake('/beat?user_id=late');

# The kernel's buffers are kept small, so that messages wait in ours.
my $nginx = NotifyNginx->new(
    listen => 'sndbuf=16k',
    http => 'notify_zone 64m;
             notify_ping_interval 2s;
             client_header_timeout 3s;
             client_body_buffer_size 16m;
             client_max_body_size 16m;',
    config => 'location /beat { notify_socket; }
               location /raw { notify_socket; notify_history off; }
               location /drop {
                   notify_socket;
                   notify_history off;
                   notify_slow drop;
               }
               location /relay {
                   notify_socket;
                   notify_client_messages relay;
               }
               location /new/ { notify_push; }
               location /status { notify_status; }',
)->start;

my ($worker) = $nginx->workers;


sub socket_at { return NotifyClient->open($nginx->port, @_) }


sub narrow {
    return socket_at(shift, sock => NotifyClient::narrow($nginx->port));
}


# Those that do something on their own, from when they are there.
my (@chatter, $mute, $slow, $talks, $drips);
my ($at, $begun) = (0, 0);


sub has_something {
    my $ws = shift;
    return $ws && IO::Select->new($ws->{sock})->can_read(0);
}


sub tick {
    local $SIG{PIPE} = 'IGNORE';

    $_->send_frame(10, 'I am here') for @chatter;
    syswrite $drips, substr $HANDSHAKE, $at++, 1 if $drips && $at < 100;
    sysread $mute->{sock}, $mute->{buf}, $KB, length $mute->{buf}
        if has_something($mute);

    # 256 KB a second, whatever else this machine has to do.
    my $due = (Time::HiRes::time() - $begun) * 256 * $KB;
    while (has_something($slow) && length $slow->{buf} < $due) {
        sysread $slow->{sock}, $slow->{buf}, 64 * $KB, length $slow->{buf}
            or last;
    }

    return if !has_something($talks);
    $talks->fill;
    while (my ($opcode) = $talks->parse) {
        $talks->send_frame(1, 'no pong') if $opcode == 9;
    }
}


sub push_to {
    my ($user, $body) = @_;

    my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$user",
                                    body => $body);
    tick();
    return JSON::PP::decode_json($answer->{body})->{sockets};
}


sub sockets_of {
    my $user = shift;
    return NotifyClient::http($nginx->port, 'HEAD', "/new/$user")
           ->{headers}{'notify-sockets'};
}


sub status {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


# What has come and comes up to the end of the connection, or too much of it:
# opcodes, and the code of a close.
sub rest_of {
    my $ws = shift;
    my @frames;

    while (@frames < 5 and my ($opcode, $payload) = $ws->frame) {
        push @frames, $opcode == 8 ? 'close ' . unpack 'n', $payload : $opcode;
    }

    return "@frames";
}


sub closed_with {
    my ($user, $why) = @_;
    return $nginx->log =~ /closed: \Q$why\E, .*user: "$user"/;
}


# The end of the connection is there to be read, behind what has come.
sub has_ended {
    my $ws = shift;
    my $select = IO::Select->new($ws->{sock});

    while ($select->can_read(0)) {
        sysread $ws->{sock}, $ws->{buf}, 65536, length $ws->{buf} or return 1;
    }

    return 0;
}


# Bytes up to the end of the connection.
sub read_all {
    my $sock = shift;
    my $bytes = '';

    while (IO::Select->new($sock)->can_read(30)) {
        sysread $sock, $bytes, 65536, length $bytes or return $bytes;
    }

    return 'not closed';
}


my $pings = status()->{pings}{timeouts};
my $open = $nginx->descriptors($worker);

# Gone, mute, cut in a frame's header: no word after a ping.
my $gone = socket_at('/beat?user_id=gone');
$mute = socket_at('/beat?user_id=mute');
my $cut = socket_at('/beat?user_id=cut');
$cut->write("\x81");

# No pongs, but messages.
$talks = socket_at('/beat?user_id=talks');

# Talk, and do not read a long message; behind it there is nothing, or many
# that are dropped, or many that are in the history.
my %deaf = map { $_ => narrow("/$_?user_id=$_") } qw( raw drop beat );
@chatter = values %deaf;
push_to($_ => 'x' x (2 * $KB * $KB)) for sort keys %deaf;
for my $user (qw( drop beat )) {
    push_to($user => 'x' x (10 * $KB)) for 1 .. 10;
}

# Do not end: no answer to our close, no end after our error, no room for our
# close behind a message.
my $stays = socket_at('/beat?user_id=stays');
my $errs = socket_at('/beat?user_id=errs');
my $full = narrow('/raw?user_id=full');
push_to(full => 'x' x (2 * $KB * $KB));
$errs->send_frame(3, '');
push @chatter, $stays, $errs;
NotifyClient::http($nginx->port, 'DELETE', "/new/$_") for qw( stays full );
is(join(' ', map { sockets_of($_) } qw( stays errs full )), '0 0 0',
   'who is told to close is counted no more');

# Do not begin: half of a handshake; one that comes byte by byte.
my $half = NotifyClient::connect_to($nginx->port);
syswrite $half, substr $HANDSHAKE, 0, 60;
$drips = NotifyClient::connect_to($nginx->port);

# Reads, all the time, but its pong has to wait for the end of the message.
my $long = join ' ', 1 .. 600_000;
$slow = narrow('/raw?user_id=slow');
$begun = Time::HiRes::time();
push_to(slow => $long);

my $witness = socket_at('/beat?user_id=witness');


# Up to its next ping, which is answered when what is to be said then is said.
sub up_to_ping {
    my ($n, $then) = @_;

    until (IO::Select->new($witness->{sock})->can_read($TICK)) {
        tick();
    }

    my ($opcode, $payload) = $witness->frame;
    is($opcode, 9, "ping $n of the witness");
    $then->();
    $witness->send_frame(10, $payload);
}


up_to_ping(1, sub { });

up_to_ping(2, sub {
    is(sockets_of($_), 0, "$_: is gone") for qw( gone mute cut );
    is(sockets_of('talks'), 1, 'talks: is not');
});

for my $pair ([ gone => $gone ], [ mute => $mute ], [ cut => $cut ]) {
    my ($user, $ws) = @$pair;

    is(rest_of($ws), '9', "$user: got one ping, and no second");
    ok(closed_with($user, '1006 ping timed out'), "$user: the log says why");
}

up_to_ping(3, sub {
    for my $user (sort keys %deaf) {
        is(sockets_of($user), 0, "$user: does not read, and is gone");
        ok(closed_with($user, '1006 did not read'),
           "$user: the log says why");
    }
});

is(status()->{pings}{timeouts}, $pings + 6, 'they are counted');

# 5 seconds for a peer to close are over before the fourth.
up_to_ping(4, sub {
    is(sockets_of('slow'), 1, 'slow: is there');
    is(sockets_of('talks'), 1, 'talks: is there');

    ok(has_ended($stays), 'stays: its connection was closed');
    is(rest_of($stays), 'close 4403', '... behind our close');
    ok(has_ended($errs), 'errs: its connection was closed');
    like(rest_of($errs), qr/^close 1002$/, '... behind our close');
    ok(!$errs->send_frame(10, ''), '... in both directions');
    is($nginx->descriptors($worker), $open + 3,
       'full: and whatever else was not closed by its peer');
});

# Who takes its time, but takes: after four intervals.
is(Digest::MD5::md5_hex($slow->message), Digest::MD5::md5_hex($long),
   'slow: gets its message whole');
is(($slow->frame)[0], 9, '... and then a ping');
$slow->send_frame(10, '');
ok($slow->is_quiet, '... one');

is(read_all($half), '', 'half: the end');
is(read_all($drips), '', 'drips: the end');
is(sockets_of('late'), 0, 'neither has become a socket');

# What is open now is what should be.
is(status()->{sockets}, 3, 'three are left');
$_->close for $slow, $talks, $witness;
NotifyNginx::wait_for('the worker to have them closed',
                      sub { status()->{sockets} == 0 });

# A message and an error, and the peer is gone when they are read: sending the
# message to itself ends the socket.
{
    my $reset = socket_at('/relay?user_id=reset');
    my $other = socket_at('/relay?user_id=reset');
    my $closes = status()->{closes};

    kill STOP => $worker;
    $reset->write(NotifyWire::client_frame(1, 'last words')
                  . NotifyWire::client_frame(3, ''));
    setsockopt $reset->{sock}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $reset->close;
    kill CONT => $worker;

    is($other->message, 'last words', 'reset: its message was relayed');
    is(sockets_of('reset'), 1, '... it is gone');

    my $now = status();
    is($now->{closes}{1006}, $closes->{1006} + 1, '... once');
    is($now->{closes}{1002}, $closes->{1002}, '... not for its error');
    is($now->{sockets}, 1, 'and the other one is there');
    ok($other->is_quiet, '... and well');
    $other->close;
}

$nginx->stop;

done_testing();
