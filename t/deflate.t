#!/usr/bin/perl

# permessage-deflate (RFC 7692) through nginx, byte by byte: what is offered
# and answered, what is compressed and how often, what clients may send, what
# is bounded, and that reloads, TLS and peers that do not read change nothing.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyDeflate;
use NotifyEnv ();
use NotifyNginx ();
use NotifyWire ();

my $D = 'permessage-deflate';
my $BOTH = "$D; server_no_context_takeover; client_no_context_takeover";
my $BITS = 'server_max_window_bits';
my $RSV1 = 4;
my $KB = 1024;
my $MB = 1024 * 1024;

my $dir = NotifyEnv::work_dir();
system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -keyout $dir/key.pem -out $dir/cert.pem 2> $dir/openssl.log") == 0
    or die "openssl: see $dir/openssl.log\n";

my $tls = NotifyEnv::free_port();

my $CONFIG = "listen 127.0.0.1:$tls ssl;
    ssl_certificate $dir/cert.pem;
    ssl_certificate_key $dir/key.pem;
    client_max_body_size 8m;
    client_body_buffer_size 8m;

    location /client { notify_socket; }
    location /plain { notify_socket; notify_deflate off; }
    location /ignore { notify_socket; notify_history off; }
    location /strict { notify_socket; notify_client_messages close; }
    location /relay {
        notify_socket;
        notify_client_messages relay;
        notify_history off;
    }
    location /large {
        notify_socket;
        notify_client_messages relay;
        notify_client_max_size 8m;
        notify_history off;
    }
    location /new/ { notify_push; }
    location /off/ { notify_push; notify_history off; }
    location /status { notify_status; }";

my $nginx = NotifyNginx->new(
    listen => 'sndbuf=16k',
    http => 'notify_zone 64m; notify_deflate 100;',
    config => $CONFIG,
)->start;

my ($worker) = $nginx->workers;
my $user = 0;


sub status {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


# What has been counted since the last call.
my $counted;


sub counts {
    my $now = status()->{deflate};
    my $last = $counted // $now;
    $counted = $now;
    return { map { $_ => $now->{$_} - $last->{$_} } keys %$now };
}


sub push_to {
    my ($uri, $body, @headers) = @_;

    my $answer = NotifyClient::http($nginx->port, 'POST', $uri,
                                    body => $body, headers => \@headers);
    return $answer->{code} == 200
           ? JSON::PP::decode_json($answer->{body})->{sockets}
           : $answer->{code};
}


# A socket of a user of its own, unless one is named.
sub socket_at {
    my ($location, $offer, %opt) = @_;

    my $name = $opt{user} // ++$user;
    my $ws = NotifyClient->open($nginx->port, "/$location?user_id=$name",
                                $offer ? (offer => $offer) : (), %opt);
    $ws->{user} = $name;
    return $ws;
}


sub answer {
    my ($location, $offer) = @_;
    my $ws = socket_at($location, $offer);
    my $answer = $ws->{answer}{headers}{'sec-websocket-extensions'};
    $ws->close;
    return $answer;
}


# A text that compresses to a tenth or less, and tells where a byte is missing.
sub text {
    my ($name, $length) = @_;
    my $line = "$name of $length bytes ";
    return substr $line x (1 + $length / length $line), 0, $length;
}


# Letters that compress to three quarters, or octets that do not.
sub letters {
    my $length = shift;
    return join '', map { chr(97 + rand 26) } 1 .. $length;
}


sub octets {
    my $length = shift;
    return join '', map { chr rand 256 } 1 .. $length;
}


# A whole message as clients send it.
sub packed {
    my ($text, %opt) = @_;
    return NotifyWire::client_frame($opt{opcode} // 1, deflated($text, %opt),
                                    rsv => $RSV1);
}


srand 7692;
counts();


# --- the handshake

is(answer('client'), undef, 'without an offer there is no answer');
is(answer('plain', $D), undef, 'notify_deflate off answers none');
is(answer('client', $D), $BOTH, 'an offer is answered');
is(answer('client', "$D; client_max_window_bits"), $BOTH, 'what browsers say');
is(answer('client', "$D; $BITS=10; client_max_window_bits=11"),
   "$BOTH; $BITS=10; client_max_window_bits=11", 'with limits');
is(answer('client', "$D; $BITS=8"), "$BOTH; $BITS=8", 'with the least');
is(answer('client', "$D; $BITS=\"9\""), "$BOTH; $BITS=9", 'in quotes');
is(answer('client', "$D; unknown"), undef, 'an unknown parameter');
is(answer('client', "$D; $BITS"), undef, 'a value that is missing');
is(answer('client', "$D; $BITS=16"), undef, 'one that is too large');
is(answer('client', "$D; $BITS=7, x-other, $D; $BITS=12"),
   "$BOTH; $BITS=12", 'the first offer that can be had');
is(answer('client', [ 'x-other', "$D; x", "$D; $BITS=13", $D ]),
   "$BOTH; $BITS=13", '... in several lines');
is(answer('client', [ $D, "$D; $BITS=13" ]), $BOTH,
   '... and not a later one');

is(NotifyClient->try($nginx->port, '/client?user_id=1',
                     offer => "$D; $BITS=")->{answer}{code}, 400,
   'what is no list is refused');


# --- what is compressed

{
    my $ws = socket_at('client', $D);
    my $large = text(large => $MB + 1);

    for my $case ([ 'a text', text(some => 1000), 1 ],
                  [ 'one of 100 bytes', text(some => 100), 1 ],
                  [ 'one of 99 bytes', text(some => 99), 0 ],
                  [ 'an empty one', '', 0 ],
                  [ 'what has characters', "caf\xc3\xa9 " x 100, 1 ],
                  [ '64 KB', text(some => 64 * $KB), 1 ],
                  [ '1 MB', substr($large, 1), 1 ],
                  [ 'more than that', $large, 0 ])
    {
        my ($name, $body, $packed) = @$case;

        is(push_to("/new/$ws->{user}", $body), 1, "$name is pushed");
        ok($ws->message eq $body, '... and arrives');
        is(!!$ws->{packed}, !!$packed,
           $packed ? '... compressed' : '... as it is');
        is(counts()->{compressed}, $packed, '... which is counted');
    }

    my @octets = 'Content-Type: application/octet-stream';
    my $noise = octets(1000);

    push_to("/new/$ws->{user}", $noise, @octets);
    my ($opcode, $got) = $ws->frame;
    ok($opcode == 2 && $got eq $noise && !$ws->{packed},
       'what does not get shorter goes as it is');
    is(counts()->{compressed}, 0, '... which counts for nothing');

    push_to("/new/$ws->{user}", "\0\xff" x 500, @octets);
    ($opcode, $got) = $ws->frame;
    ok($opcode == 2 && $got eq "\0\xff" x 500 && $ws->{packed},
       'octets are compressed, too');

    $ws->close;
}


# Each window: a peer that has no larger one reads it.
for my $bits (8 .. 15) {
    my $ws = socket_at('client', "$D; $BITS=$bits");

    for my $length (100, 256, 258, 5000, 100_000) {
        my $text = letters($length / 2) x 2;

        push_to("/new/$ws->{user}", $text);
        ok($ws->message eq $text, "$BITS=$bits, $length bytes");
        is(!!$ws->{packed}, $bits > 8 || $length <= 256, '... compressed')
            if $length > 100;
    }

    $ws->close;
}


# notify.v1: the JSON is compressed, the hello is not.
{
    my $ws = socket_at('client', $D, headers => {
        'Sec-WebSocket-Protocol' => 'notify.v1' });

    like($ws->message, qr/^\{"hello":/, 'notify.v1 says hello');
    ok(!$ws->{packed}, '... as it is');

    my $text = text(v1 => 1000);
    push_to("/new/$ws->{user}", $text);
    my $json = JSON::PP::decode_json($ws->message);
    is($json->{data}, $text, 'a message');
    ok($ws->{packed}, '... is compressed');
    $ws->close;
}


# --- once for all

{
    my $text = letters(3000);
    my @sockets = (
        (map { socket_at('client', $D, user => 'many') } 1 .. 40),
        (map { socket_at('client', "$D; $BITS=12", user => 'many') } 1 .. 10),
        (map { socket_at('client', "$D; $BITS=9", user => 'many') } 1 .. 10),
        (map { socket_at('client', '', user => 'many') } 1 .. 5),
        (map { socket_at('plain', $D, user => 'many') } 1 .. 5));

    counts();
    is(push_to('/new/many', $text), 70, 'sockets of all kinds');

    my ($wrong, $plain, $packed, $saved) = (0, 0, 0, 0);
    for my $ws (@sockets) {
        $wrong += $ws->message ne $text;
        $ws->{packed} ? $packed++ : $plain++;
        $saved += $ws->{packed} ? 3000 - $ws->{packed} : 0;
    }

    is($wrong, 0, 'all get it');
    is("$packed $plain", '60 10', '... as they have asked for it');

    my $counts = counts();
    is($counts->{compressed}, 2,
       '... compressed twice: what needs no larger window is the same');
    is($counts->{saved_bytes}, $saved, '... and what was saved is counted');

    push @sockets, map { socket_at('client', $D, user => 'many', headers => {
        'Sec-WebSocket-Protocol' => 'notify.v1' }) } 1 .. 5;
    $_->message for @sockets[-5 .. -1];

    push_to('/new/many', $text);
    $wrong = grep { index($_->message, $text) < 0 } @sockets;
    is($wrong, 0, 'with notify.v1 among them');
    is(counts()->{compressed}, 3, '... once more');

    push_to('/new/many', octets(3000),
            'Content-Type: application/octet-stream');
    $_->frame for @sockets;
    is(counts()->{compressed}, 1, 'where it does not help, only base64 is');

    $_->close for @sockets;
}

# A walk through so many sockets that others get their turn in between.
{
    my @sockets = map { socket_at('client', $D, user => 'crowd') } 1 .. 500;
    my $text = text(crowd => 2000);

    counts();
    push_to('/new/crowd', $text) for 1 .. 5;
    my $wrong = 0;
    for my $ws (@sockets) {
        $wrong += $ws->message ne $text || !$ws->{packed} for 1 .. 5;
    }
    is($wrong, 0, '500 sockets get five messages');
    is(counts()->{compressed}, 5, '... each compressed once');
    $_->close for @sockets;
}

# What is read from the history is for one socket alone.
{
    my $text = text(stored => 1000);
    my $first = socket_at('client', $D, user => 'resume');
    push_to('/new/resume', $text);
    $first->message;
    ok($first->{packed}, 'a message is compressed');
    $first->close;
    counts();

    my $ws = socket_at('client', $D, user => 'resume&last_id=0');
    ok($ws->message eq $text && !$ws->{packed},
       'who resumes gets it as it is');
    is(counts()->{compressed}, 0, '... and nothing is compressed');
    push_to('/new/resume', $text);
    ok($ws->message eq $text && $ws->{packed}, 'what comes then is');
    $ws->close;
}


# --- what clients send

# An echo, and the number of messages that were inflated.
sub echoed {
    my ($name, $ws, $bytes, @expected) = @_;

    counts();
    $ws->write($bytes);
    my @got = map { [ $ws->frame ] } @expected;
    is_deeply(\@got, \@expected, $name);
    return counts()->{inflated};
}


{
    my $ws = socket_at('relay', $D);
    my $text = text(sent => 1500);

    is(echoed('a text comes back', $ws, packed($text), [ 1, $text ]), 1,
       '... inflated');
    ok($ws->{packed}, '... compressed again');
    is(echoed('one that is short', $ws, packed('Hello'), [ 1, 'Hello' ]), 1,
       '... inflated');
    ok(!$ws->{packed}, '... as it is');
    is(echoed('one that is not compressed', $ws,
              NotifyWire::client_frame(1, $text), [ 1, $text ]), 0,
       '... not inflated');
    echoed('octets', $ws, packed("\xff\0" x 9, opcode => 2),
           [ 2, "\xff\0" x 9 ]);
    echoed('an empty one', $ws, packed(''), [ 1, '' ]);
    echoed('one without a byte', $ws,
           NotifyWire::client_frame(1, '', rsv => $RSV1), [ 1, '' ]);
    echoed('a final block', $ws, packed($text, final => 1), [ 1, $text ]);
    echoed('blocks that are stored', $ws, packed($text, level => 0),
           [ 1, $text ]);
    echoed('a small window', $ws, packed($text, bits => 9), [ 1, $text ]);
    echoed('several at once', $ws,
           packed('a') . packed('b') . NotifyWire::client_frame(1, 'c')
           . packed('d'),
           map { [ 1, $_ ] } 'a' .. 'd');
    echoed('all that there may be', $ws, packed(text(full => 4096)),
           [ 1, text(full => 4096) ]);
    my $letters = letters(4096);
    echoed('... though it is hardly shorter', $ws, packed($letters),
           [ 1, $letters ]);
    my $noise = octets(4096);
    echoed('... or longer', $ws, packed($noise, opcode => 2), [ 2, $noise ]);
    $ws->close;
}

# In two frames, cut at each byte, with a ping between; and byte by byte.
{
    my $ws = socket_at('relay', $D);
    my $text = 'caf\xc3\xa9 ' . letters(80);
    my $payload = deflated($text);
    my ($wrong, $bytes) = (0, '');

    for my $cut (0 .. length $payload) {
        my $first = NotifyWire::client_frame(1, substr($payload, 0, $cut),
                                             fin => 0, rsv => $RSV1);
        my $last = NotifyWire::client_frame(0, substr $payload, $cut);

        $ws->write($first . NotifyWire::client_frame(9, $cut) . $last);
        my @frames = ($ws->frame, $ws->frame);
        $wrong++ if "@frames" ne "10 $cut 1 $text";
    }
    is($wrong, 0, 'two frames, cut at each byte');

    for (0 .. length($payload) - 1) {
        $bytes .= NotifyWire::client_frame($_ ? 0 : 1, substr($payload, $_, 1),
                                    rsv => $_ ? 0 : $RSV1,
                                    fin => $_ == length($payload) - 1);
    }
    echoed('a frame for each byte', $ws, $bytes, [ 1, $text ]);

    # Each piece is read before the next: a ping before it says so.
    $wrong = 0;
    my $frame = packed($text);
    for my $cut (map { $_ * 7 } 1 .. length($frame) / 7) {
        $ws->write(NotifyWire::client_frame(9, $cut) . substr $frame, 0, $cut);
        my @frames = $ws->frame;
        $ws->write(substr $frame, $cut);
        push @frames, $ws->frame;
        $wrong++ if "@frames" ne "10 $cut 1 $text";
    }
    is($wrong, 0, 'one frame that comes in two pieces');
    $ws->close;
}


# --- what they must not

# The code that the server closes with: 1000 if it had nothing against that.
sub closed_with {
    my ($location, $offer, @bytes) = @_;

    my $ws = socket_at($location, $offer);
    $ws->write(join '', @bytes, NotifyWire::close_frame(1000));

    my ($opcode, $payload) = (0, '');
    while ($opcode != 8) {
        ($opcode, $payload) = eval { $ws->frame(20) } or last;
    }

    $ws->close;
    return $opcode && $opcode == 8 ? unpack 'n', $payload : 'none';
}


sub frame { return NotifyWire::client_frame(@_) }

my $hello = deflated('Hello');

for my $case (
    [ 'RSV1 that was not agreed upon', 'relay', '',
      frame(1, $hello, rsv => $RSV1) ],
    [ '... or is off', 'plain', $D, frame(1, $hello, rsv => $RSV1) ],
    [ 'RSV2', 'relay', $D, frame(1, 'x', rsv => 2) ],
    [ 'RSV3', 'relay', $D, frame(1, 'x', rsv => 1) ],
    [ 'RSV1 and RSV2', 'relay', $D, frame(1, $hello, rsv => 6) ],
    [ 'RSV1 on a ping', 'relay', $D, frame(9, '', rsv => $RSV1) ],
    [ 'RSV1 on a pong', 'relay', $D, frame(10, '', rsv => $RSV1) ],
    [ 'RSV1 on a close', 'relay', $D, frame(8, '', rsv => $RSV1) ],
    [ 'RSV1 on a continuation', 'relay', $D,
      frame(1, substr($hello, 0, 3), rsv => $RSV1, fin => 0),
      frame(0, substr($hello, 3), rsv => $RSV1) ],
    [ '... of what is not compressed', 'relay', $D,
      frame(1, 'a', fin => 0), frame(0, 'b', rsv => $RSV1) ],
    [ 'RSV1 on an unknown opcode', 'relay', $D, frame(3, '', rsv => $RSV1) ])
{
    my ($name, $location, $offer, @bytes) = @$case;
    is(closed_with($location, $offer, @bytes), 1002, "1002: $name");
}

# The same whether they are ignored or relayed.
for my $location ('ignore', 'relay') {
    for my $case (
        [ 1007, 'a block of no type', frame(1, "\x06\0", rsv => $RSV1) ],
        [ 1007, 'a message that is cut',
          frame(2, substr($hello, 0, -2), rsv => $RSV1) ],
        [ 1007, 'what reaches back too far',
          frame(2, "\x02\x05\0", rsv => $RSV1) ],
        [ 1007, 'a text that is not UTF-8', packed("caf\xe9") ],
        [ 1007, '... that is cut in a character', packed("caf\xc3") ],
        [ 1007, '... in fragments',
          frame(1, substr(deflated("\xff\xfe"), 0, 2), rsv => $RSV1, fin => 0),
          frame(0, substr(deflated("\xff\xfe"), 2)) ],
        [ 1009, '4097 bytes', packed(text(long => 4097)) ],
        [ 1009, '... in fragments',
          frame(1, substr(deflated('x' x 4097), 0, 5), rsv => $RSV1,
                fin => 0),
          frame(0, substr(deflated('x' x 4097), 5)) ],
        [ 1009, '4 MB in 4 KB', packed("\0" x (4 * $MB)) ],
        [ 1009, '6209 bytes that are compressed',
          frame(1, '', rsv => $RSV1, length => 6209) ],
        [ 1009, '... in fragments',
          frame(1, "\0" x 3000, rsv => $RSV1, fin => 0),
          frame(0, '', length => 3209) ],
        [ 1008, 'empty fragments without end',
          frame(1, '', rsv => $RSV1, fin => 0),
          frame(0, '', fin => 0) x 1024 ])
    {
        my ($code, $name, @bytes) = @$case;
        is(closed_with($location, $D, @bytes), $code,
           "$code: $name, /$location");
    }
}

is(closed_with('strict', $D, packed('Hello')), 1003,
   '1003: where no message is accepted');
$nginx->wait_log(qr/websocket closed: 1007 compressed data is corrupt/);
$nginx->wait_log(qr/websocket closed: 1007 compressed data is cut/);
$nginx->wait_log(qr/websocket closed: 1007 inflated text is not UTF-8/);
$nginx->wait_log(qr/websocket closed: 1009 inflated message is too big/);

{
    my $ws = socket_at('ignore', $D);
    $ws->write(packed('Hello') . packed(text(fine => 4096)));
    ok($ws->is_quiet, 'what is good is ignored');
    $ws->close;
}

# What came just before is relayed all the same.
{
    my $ws = socket_at('relay', $D);
    $ws->write(packed('last words') . frame(1, "\x06\0", rsv => $RSV1));
    is($ws->message, 'last words', 'a message before a bad one');
    is($ws->wait_close, 1007, '... arrives before the close');
    $ws->close;
}


# --- memory

{
    my $bomb = packed("\0" x (4 * $MB), opcode => 2);
    my $before = $nginx->memory($worker);

    is(closed_with('relay', $D, $bomb), 1009, "bomb $_") for 1 .. 5;
    cmp_ok($nginx->memory($worker) - $before, '<', $MB / $KB,
           'bombs need no memory');

    my $large = "\0" x (8 * $MB);
    my $ws = socket_at('large', $D);
    $ws->write(packed($large, opcode => 2));
    ok($ws->message eq $large, 'where 8 MB are allowed they come through');
    $ws->close;
}

# Nothing is left of what has been compressed and inflated.
{
    my @sockets = map { socket_at('large', "$D; $BITS=" . (8 + $_),
                                  user => 'again') } 0 .. 7;
    my $text = letters(20 * $KB);
    my @memory;

    for my $round (0 .. 60) {
        push_to('/off/again', $text);
        $sockets[$round % 8]->write(packed($text));
        for my $ws (@sockets) {
            $ws->message eq $text || die for 1 .. 2;
        }
        push @memory, $nginx->memory($worker) if $round == 10 || $round == 60;
    }

    SKIP: {
        skip 'ASan keeps what is freed', 1
            if ($ENV{NOTIFY_TEST_TAG} // '') eq 'asan';
        cmp_ok($memory[1] - $memory[0], '<', 600,
               'compressing and inflating 20 KB again and again leaves'
               . ' nothing');
    }
    $_->close for @sockets;
}

# Sockets in the midst of a message have what came of it, and no zlib.
{
    my $text = letters(1000);
    my $frame = packed($text);
    my @sockets = map { socket_at('relay', $D) } 1 .. 300;
    my $before = $nginx->memory($worker);

    for my $ws (@sockets) {
        $ws->write(NotifyWire::client_frame(9, 'read')
                   . substr $frame, 0, 500);
        $ws->frame;
    }
    cmp_ok($nginx->memory($worker) - $before, '<', 300 * 3,
           'a socket in the midst of a message has less than 3 KB');

    $_->write(substr $frame, 500) for @sockets;
    is(grep({ $_->message ne $text } @sockets), 0, 'all of them end well');
    $_->close for @sockets;
}


# --- peers that do not read

sub narrow {
    my ($location, $offer, $name) = @_;

    return socket_at($location, $offer, user => $name,
                     sock => NotifyClient::narrow($nginx->port));
}


# notify_send_buffer bounds what waits, which is compressed.
{
    my $packed = narrow('ignore', $D, 'slow');
    my $plain = narrow('ignore', '', 'slow');
    my @sent = map { text("message $_", 10 * $KB) } 1 .. 100;

    push_to('/off/slow', $_) for @sent;

    # It has seconds to read that.
    is($plain->wait_close, 1013, 'one without is too slow');

    my @got = map { $packed->message } @sent;
    is_deeply(\@got, \@sent, 'a slow socket gets 1 MB, compressed');
    ok($packed->is_quiet, '... and no more');
    $_->close for $packed, $plain;
}

# More than the kernel takes at once, several times.
{
    my @slow = map { narrow('ignore', $D, 'partial') } 1 .. 5;
    my @sent = map { letters(30 * $KB) } 1 .. 3;
    my $large = letters(900 * $KB);

    counts();
    push_to('/off/partial', $large);
    is(grep({ $_->message ne $large || !$_->{packed} } @slow), 0,
       '900 KB for five that read slowly');
    is(counts()->{compressed}, 1, '... compressed once');

    for my $text (@sent) {
        push_to('/off/partial', $text);
    }
    $slow[0]->close;
    $slow[1]->send_frame(9, 'now');

    my $wrong = 0;
    for my $ws (@slow[2 .. 4]) {
        $wrong += $ws->message ne $_ for @sent;
    }
    is($wrong, 0, 'messages in a row');

    my @frames = map { ($slow[1]->frame)[1] } 1 .. 4;
    is_deeply([ grep { $_ ne 'now' } @frames ], \@sent,
              '... with a pong between');
    is(counts()->{compressed}, 3, '... compressed once, each');

    $_->close for @slow[1 .. 4];
    NotifyNginx::wait_for('all sockets to leave',
                          sub { status()->{sockets} == 0 });
}


# --- TLS

{
    my $ws = socket_at('relay', $D, sock => NotifyClient::tls($tls));
    my @sent = map { letters(200 * $KB) } 1 .. 4;

    push_to("/off/$ws->{user}", $sent[0]);
    ok($ws->message eq $sent[0] && $ws->{packed}, 'TLS: a message');
    push_to("/off/$ws->{user}", $_) for @sent[1 .. 3];
    is(grep({ $ws->message ne $_ } @sent[1 .. 3]), 0, 'TLS: several');
    my $text = text(tls => 2000);
    echoed('TLS: an echo', $ws, packed($text), [ 1, $text ]);
    $ws->close;
}


# --- reloads

{
    my %text = map { $_ => letters(300 + 10 * $_) } 1 .. 30;
    my %frames = map {
        my $payload = deflated($text{$_});
        my $cut = $_ * length($payload) / 31;
        ($_ => frame(1, substr($payload, 0, $cut), rsv => $RSV1, fin => 0)
               . frame(0, substr $payload, $cut));
    } 1 .. 30;
    my %sockets = map {
        my $offer = $_ % 3 ? $D : "$D; $BITS=" . (8 + $_ % 8);
        ($_ => socket_at('relay', $offer));
    } 1 .. 30;
    my $large = socket_at('large', $D);

    # Each in another place of its message: that far it has been read.
    for (1 .. 30) {
        my $cut = $_ * length($frames{$_}) / 31;
        $sockets{$_}->write(NotifyWire::client_frame(9, 'read')
                            . substr $frames{$_}, 0, $cut, '');
        $sockets{$_}->frame;
    }
    my $long = letters(300 * $KB);
    my $frame = packed($long);
    $large->write(substr $frame, 0, 150 * $KB, '');

    my $before = status()->{handover}{handed_over};
    $nginx->reload;
    NotifyNginx::wait_for('the end of old workers',
                          sub { !$nginx->old_workers });
    is(status()->{handover}{handed_over} - $before, 31,
       'a reload hands over sockets in the midst of compressed messages');

    my $wrong = 0;
    for (1 .. 30) {
        $sockets{$_}->write($frames{$_});
        $wrong += $sockets{$_}->message ne $text{$_};
    }
    is($wrong, 0, '... which end well');
    $large->write($frame);
    ok($large->message eq $long, '... also a large one');

    my $body = letters(120) x 2;
    push_to("/off/$sockets{$_}{user}", $body) for 1 .. 30;
    is(grep({ $_->message ne $body || !$_->{packed} } values %sockets), 0,
       '... and what is pushed is compressed as before');

    # What was agreed upon lasts; what we send is ours to choose.
    $nginx->reload(http => 'notify_zone 64m; notify_deflate off;');
    NotifyNginx::wait_for('the end of old workers',
                          sub { !$nginx->old_workers });

    push_to("/off/$sockets{$_}{user}", $body) for 1 .. 30;
    is(grep({ $_->message ne $body || $_->{packed} } values %sockets), 0,
       'after notify_deflate off, nothing is compressed');
    $_->write(packed($body)) for values %sockets;
    is(grep({ $_->message ne $body } values %sockets), 0,
       '... but what comes compressed is read');
    is(answer('relay', $D), undef, '... and nothing new is agreed upon');

    $_->close for values %sockets, $large;
}

$nginx->stop;

done_testing();
