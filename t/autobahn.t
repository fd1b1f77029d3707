#!/usr/bin/perl

# The cases of the Autobahn suite by its numbers, chapters 1 to 7, 9 and 10,
# as its fuzzing client has them (there is no chapter 8, nor a 7.2, and so on).
# The server relays what a client sends, so that a lone socket sees an echo.
# What the suite does not look at, here it is: contents of chapter 9, the
# codes of clean closes.  Where the suite waits for a second, so that bytes
# come apart, we wait until the server has read the first.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use NotifyAutobahn;
use NotifyNginx ();
use NotifyWire ();

my $K = 1024;
my $M = 1024 * 1024;

my ($TEXT, $BINARY, $CLOSE, $PING, $PONG) = (1, 2, 8, 9, 10);

# kosme in Greek: characters of two and three bytes.
my $KOSME = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

srand 6455;

my $nginx = NotifyNginx->new(
    http => 'notify_zone 64m; notify_history off;',
    config => 'location /client {
                   notify_socket;
                   notify_client_messages relay;
                   notify_client_max_size 16m;
               }
               location /status { notify_status; }',
)->start;

my $suite = NotifyAutobahn->new($nginx->port, '/client?user_id=42',
                                '/status');


# A message that comes back.
sub echo {
    my ($number, $title, $opcode, $payload, %opt) = @_;

    $suite->case($number, $title, [ frame($opcode, $payload) ],
                 [ event($opcode, $payload) ], %opt);
}


sub event {
    my ($opcode, $payload) = @_;
    return [ $opcode == $TEXT ? 'text' : 'binary', $payload ];
}


# Frames that end the connection, with 1002 unless said; what comes before.
sub fails {
    my ($number, $title, $steps, $events, %opt) = @_;
    $suite->case($number, $title, $steps, $events || [], close => 1002, %opt);
}


sub close_frame { return NotifyWire::close_frame(@_) }


sub repeated {
    my ($what, $length) = @_;
    return substr $what x (1 + $length / length $what), 0, $length;
}


# --- 1: framing

for my $kind ([ 1, text => $TEXT, '*' ], [ 2, binary => $BINARY, "\xfe" ]) {
    my ($section, $name, $opcode, $byte) = @$kind;
    my $n = 0;

    for my $length (0, 125, 126, 127, 128, 65535, 65536) {
        echo("1.$section." . ++$n, "a $name of $length bytes", $opcode,
             $byte x $length);
    }
    echo("1.$section.8", "a $name of 65536 bytes, in pieces of 997",
         $opcode, $byte x 65536, chop => 997);
}


# --- 2: pings and pongs

sub pings {
    my ($number, $title, $payloads, %opt) = @_;

    $suite->case($number, $title, [ map { frame($PING, $_) } @$payloads ],
                 [ map { [ pong => $_ ] } @$payloads ], %opt);
}

my $octets = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff";
my $unasked = 'unsolicited pong payload';

pings('2.1', 'a ping without payload', [ '' ]);
pings('2.2', 'a ping with a text', [ 'Hello, world!' ]);
pings('2.3', 'a ping with octets', [ $octets ]);
pings('2.4', 'a ping of 125 octets', [ "\xfe" x 125 ]);
fails('2.5', 'a ping of 126 octets is an error',
      [ frame($PING, "\xfe" x 126) ]);
pings('2.6', '... of 125, octet by octet', [ "\xfe" x 125 ], chop => 1);
$suite->case('2.7', 'a pong that was not asked for, without payload',
             [ frame($PONG), close_frame(1000) ], [], close => 1000);
$suite->case('2.8', 'a pong that was not asked for, with payload',
             [ frame($PONG, $unasked), close_frame(1000) ], [],
             close => 1000);
$suite->case('2.9', '... and then a ping',
             [ frame($PONG, $unasked), frame($PING, 'ping payload') ],
             [ [ pong => 'ping payload' ] ]);
pings('2.10', 'ten pings', [ map { "payload-$_" } 0 .. 9 ]);
pings('2.11', 'ten pings, octet by octet', [ map { "payload-$_" } 0 .. 9 ],
      chop => 1);


# --- 3: reserved bits

my $hello = 'Hello, world!';
my $echoed = [ [ text => $hello ] ];

fails('3.1', 'a text with RSV 1', [ frame($TEXT, $hello, rsv => 1) ]);

my %how = (3.2 => [ 'together' ], 3.3 => [ 'frame by frame' ],
           3.4 => [ 'octet by octet', chop => 1 ]);
for my $rsv (2, 3, 4) {
    my @frames = (frame($TEXT, $hello), frame($TEXT, $hello, rsv => $rsv),
                  frame($PING));
    my ($how, @opt) = @{ $how{"3.$rsv"} };

    fails("3.$rsv", "a text, one with RSV $rsv, a ping; $how",
          $rsv == 3 ? [ [ send => @frames ] ] : \@frames, $echoed, @opt);
}

fails('3.5', 'a binary with RSV 5', [ frame($BINARY, $octets, rsv => 5) ]);

# That it is a ping says the suite's description; its code sends a binary.
fails('3.6', 'a ping with RSV 6', [ frame($PING, $hello, rsv => 6) ]);
fails('3.7', 'a close with RSV 7', [ frame($CLOSE, '', rsv => 7) ]);


# --- 4: opcodes

for my $section ([ 1, 3 .. 7 ], [ 2, 11 .. 15 ]) {
    my ($number, @opcodes) = @$section;
    my $n = 0;

    for my $opcode (@opcodes) {
        my $payload = ++$n == 2 ? 'reserved opcode payload'
                      : $n > 3 ? $hello : '';
        my $bad = frame($opcode, $payload);
        my $with = $payload eq '' ? 'without payload' : 'with payload';

        if ($n < 3) {
            fails("4.$number.$n", "opcode $opcode, $with", [ $bad ]);

        } else {
            fails("4.$number.$n", "a text, opcode $opcode $with, a ping"
                  . ($n == 5 ? '; octet by octet' : ''),
                  [ frame($TEXT, $hello), $bad, frame($PING) ], $echoed,
                  $n == 5 ? (chop => 1) : ());
        }
    }
}


# --- 5: fragmentation

# Together, frame by frame, octet by octet.
sub three_ways {
    my ($case, $first, $title, @more) = @_;
    my $n = $first;

    for my $way ([ 'together' ], [ 'frame by frame', 'send' ],
                 [ 'octet by octet', chop => 1 ])
    {
        my ($how, @opt) = @$way;
        my ($frames, $events) = $more[0]->();
        my $steps = @opt == 1 ? [ [ send => @$frames ] ] : $frames;

        $case->('5.' . $n++, "$title; $how", $steps, $events,
                @opt == 2 ? @opt : ());
    }
}


sub whole { $suite->case(@_) }


fails('5.1', 'a ping in two fragments',
      [ frame($PING, 'fragment1', fin => 0), frame(0, 'fragment2') ]);
fails('5.2', 'a pong in two fragments',
      [ frame($PONG, 'fragment1', fin => 0), frame(0, 'fragment2') ]);

three_ways(\&whole, 3, 'a text in two fragments', sub {
    ([ frame($TEXT, 'fragment1', fin => 0), frame(0, 'fragment2') ],
     [ [ text => 'fragment1fragment2' ] ]);
});

three_ways(\&whole, 6, 'a ping between fragments', sub {
    ([ frame($TEXT, 'fragment1', fin => 0), frame($PING, 'ping payload'),
       frame(0, 'fragment2') ],
     [ [ pong => 'ping payload' ], [ text => 'fragment1fragment2' ] ]);
});

three_ways(\&fails, 9, 'the end of no message, then a text', sub {
    [ frame(0, 'non-continuation payload'), frame($TEXT, $hello) ];
});

three_ways(\&fails, 12, 'the middle of no message, then a text', sub {
    [ frame(0, 'non-continuation payload', fin => 0), frame($TEXT, $hello) ];
});

fails('5.15', 'a text in two fragments, the middle of no message, a text',
      [ frame($TEXT, 'fragment1', fin => 0), frame(0, 'fragment2'),
        frame(0, 'fragment3', fin => 0), frame($TEXT, 'fragment4') ],
      [ [ text => 'fragment1fragment2' ] ]);

for my $fin (0, 1) {
    fails('5.' . (16 + $fin), 'twice the ' . ($fin ? 'end' : 'middle')
          . ' of no message and a text in two fragments',
          [ map { (frame(0, 'fragment1', fin => $fin),
                   frame($TEXT, 'fragment2', fin => 0),
                   frame(0, 'fragment3')) } 1 .. 2 ]);
}

fails('5.18', 'a text inside of a text',
      [ frame($TEXT, 'fragment1', fin => 0), frame($TEXT, 'fragment2') ]);

for my $case ([ '5.19', 'together' ], [ '5.20', 'frame by frame' ]) {
    my ($number, $how) = @$case;
    my @one = (frame($TEXT, 'fragment1', fin => 0),
               frame(0, 'fragment2', fin => 0), frame($PING, 'pongme 1!'));
    my @two = (frame(0, 'fragment3', fin => 0),
               frame(0, 'fragment4', fin => 0), frame($PING, 'pongme 2!'),
               frame(0, 'fragment5'));
    my @steps = $number eq '5.19' ? (@one, [ get => 1 ], @two)
                : ([ send => @one ], [ get => 1 ], [ send => @two ]);

    $suite->case($number, "a text in five, the first ping's pong comes before "
                 . "its end; $how", \@steps,
                 [ [ pong => 'pongme 1!' ], [ pong => 'pongme 2!' ],
                   [ text => join '', map { "fragment$_" } 1 .. 5 ] ]);
}


# --- 6: UTF-8

my $umlauts = "\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!";
my $latin = "Hello-\xc2\xb5\@\xc3\x9f\xc3\xb6\xc3\xa4";

echo('6.1.1', 'an empty text', $TEXT, '');
whole('6.1.2', 'an empty text in three fragments',
      [ frame($TEXT, '', fin => 0), frame(0, '', fin => 0), frame(0) ],
      [ [ text => '' ] ]);
whole('6.1.3', 'three fragments, of which the second has all',
      [ frame($TEXT, '', fin => 0),
        frame(0, 'middle frame payload', fin => 0), frame(0) ],
      [ [ text => 'middle frame payload' ] ]);

echo('6.2.1', 'a text that is not all ASCII', $TEXT, $latin . $umlauts);
whole('6.2.2', '... in two fragments, between characters',
      [ frame($TEXT, $latin, fin => 0), frame(0, $umlauts) ],
      [ [ text => $latin . $umlauts ] ]);
whole('6.2.3', '... in fragments of one octet',
      [ fragments($TEXT, $latin . $umlauts, 1) ],
      [ [ text => $latin . $umlauts ] ]);
whole('6.2.4', 'a Greek one in fragments of one octet',
      [ fragments($TEXT, $KOSME, 1) ], [ [ text => $KOSME ] ]);

my $surrogate = "$KOSME\xed\xa0\x80edited";
fails('6.3.1', 'a text with a surrogate in it', [ frame($TEXT, $surrogate) ],
      [], close => 1007);
fails('6.3.2', '... in fragments of one octet',
      [ fragments($TEXT, $surrogate, 1) ], [], close => 1007);

# Fail fast: what makes it wrong is in the second part, the third is not sent.
my $beyond = "$KOSME\xf4\x90\x80\x80edited";
my $n = 0;

for my $whole ('in fragments', 'in one frame') {
    for my $cut ([ 11, 15, 'beyond U+10FFFF' ],
                 [ 12, 13, 'the octet that makes it so' ])
    {
        my ($one, $two, $title) = @$cut;
        my @parts = (substr($beyond, 0, $one),
                     substr($beyond, $one, $two - $one));
        my $frame = frame($TEXT, $beyond);

        fails('6.4.' . ++$n, "a text is refused at $title, $whole",
              $whole eq 'in fragments'
              ? [ frame($TEXT, $parts[0], fin => 0), [ open => ],
                  frame(0, $parts[1], fin => 0) ]
              : [ substr($frame, 0, 6 + $one), [ open => ],
                  substr($frame, 6 + $one, $two - $one) ],
              [], close => 1007);
    }
}

# After Markus Kuhn's UTF-8 decoder capability test.  In hex; those with a
# minus are no UTF-8.
my @kuhn = (
    [ 5, 'valid text',
      (map { unpack 'H*', "hello${_}world" }
       "\x24", "\xc2\xa2", "\xe2\x82\xac", "\xf0\xa4\xad\xa2"),
      unpack 'H*', $KOSME ],
    [ 6, 'the beginning of a valid text',
      map { ($_ =~ /^(?:2|5|7|9|11)$/ ? '' : '-')
            . unpack 'H*', substr $KOSME, 0, $_ } 1 .. 11 ],
    [ 7, 'the first of its length', qw( 00 c280 e0a080 f0908080 ) ],
    [ 8, 'the first of 5 or 6', qw( -f888808080 -fc8480808080 ) ],
    [ 9, 'the last of its length', qw( 7f dfbf efbfbf f48fbfbf ) ],
    [ 10, 'the last of 4, 5 or 6',
      qw( -f7bfbfbf -fbbfbfbfbf -fdbfbfbfbfbf ) ],
    [ 11, 'a boundary', qw( ed9fbf ee8080 efbfbd f48fbfbf -f4908080 ) ],
    [ 12, 'a continuation of nothing',
      qw( -80 -bf -80bf -80bf80 -80bf80bf -80bf80bf80 -80bf80bf80bf ),
      '-' . join '', map { sprintf '%02x', $_ } 0x80 .. 0xbe ],
    [ 13, 'beginnings alone',
      map { my ($from, $to) = @$_;
            '-' . join '', map { sprintf '%02x20', $_ } $from .. $to }
      [ 0xc0, 0xde ], [ 0xe0, 0xee ], [ 0xf0, 0xf6 ], [ 0xf8, 0xfa ],
      [ 0xfc, 0xfc ] ],
    [ 14, 'the last octet is missing',
      qw( -c0 -e080 -f08080 -f8808080 -fc80808080 -df -efbf -f7bfbf
          -fbbfbfbf -fdbfbfbfbf ) ],
    [ 15, 'all of these in a row', '-' . join '',
      qw( c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf
          fdbfbfbfbf ) ],
    [ 16, 'octets that there are not', qw( -fe -ff -fefeffff ) ],
    [ 17, 'an overlong slash',
      qw( -c0af -e080af -f08080af -f8808080af -fc80808080af ) ],
    [ 18, 'the last that is overlong',
      qw( -c1bf -e09fbf -f08fbfbf -f887bfbfbf -fc83bfbfbfbf ) ],
    [ 19, 'an overlong NUL',
      qw( -c080 -e08080 -f0808080 -f880808080 -fc8080808080 ) ],
    [ 20, 'a surrogate',
      qw( -eda080 -edadbf -edae80 -edafbf -edb080 -edbe80 -edbfbf ) ],
    [ 21, 'a pair of surrogates',
      qw( -eda080edb080 -eda080edbfbf -edadbfedb080 -edadbfedbfbf
          -edae80edb080 -edae80edbfbf -edafbfedb080 -edafbfedbfbf ) ],
    [ 22, 'no character, but valid', qw( efbfbe efbfbf ),
      grep { !/^f08f/ && !/^f4[9ab]f/ }
      map { my $lead = $_;
            map { my $next = $_;
                  map { "$lead${next}bf$_" } qw( be bf ) }
            qw( 8f 9f af bf ) }
      qw( f0 f1 f2 f3 f4 ) ],
    [ 23, 'a special one',
      qw( efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf ) ],
);

for my $section (@kuhn) {
    my ($number, $title, @texts) = @$section;

    for my $i (0 .. $#texts) {
        my ($bad, $hex) = $texts[$i] =~ /^(-?)(.*)/;
        my $text = pack 'H*', $hex;
        my @case = ("6.$number." . ($i + 1), "$title: $hex");

        if ($bad) {
            fails(@case, [ frame($TEXT, $text) ], [], close => 1007);

        } else {
            echo(@case, $TEXT, $text);
        }
    }
}


# --- 7: closing

sub closes {
    my ($number, $title, $code, @frames) = @_;
    $suite->case($number, $title, \@frames, [], close => $code);
}

echo('7.1.1', 'a message, and a close', $TEXT, 'Hello World!');
closes('7.1.2', 'two closes', 1000, close_frame(1000), frame($CLOSE));
closes('7.1.3', 'a ping after the close', 1000, close_frame(1000),
       frame($PING));
closes('7.1.4', 'a text after the close', 1000, close_frame(1000),
       frame($TEXT, 'Hello World!'));
closes('7.1.5', 'a close between fragments', 1000,
       frame($TEXT, 'fragment1', fin => 0), close_frame(1000),
       frame(0, 'fragment2'));

# A message that is going out is finished; one behind it, only where there is
# room before the close is read.
my $long = repeated('BAsd7&jh23', 256 * $K);
$suite->case('7.1.6', '256 KB, a text, a close, a ping in one',
             [ frame($TEXT, $long), frame($TEXT, 'Hello World!'),
               close_frame(1000), frame($PING) ],
             [ [ text => $long ], [ text => 'Hello World!' ] ],
             outcomes => [ [ [ text => $long ] ] ],
             close => 1000, informational => 1);

closes('7.3.1', 'a close without a code', '', close_frame());
closes('7.3.2', 'a close of one byte', 1002, frame($CLOSE, 'a'));
closes('7.3.3', 'a close with a code', 1000, close_frame(1000));
closes('7.3.4', 'a close with a reason', 1000,
       close_frame(1000, 'Hello World!'));
closes('7.3.5', '... of 123 bytes', 1000, close_frame(1000, '*' x 123));
closes('7.3.6', '... of 124 bytes', 1002, close_frame(1000, '*' x 124));
closes('7.5.1', '... that is no UTF-8', 1007, close_frame(1000, $surrogate));

$n = 0;
closes('7.7.' . ++$n, "a close with $_", $_, close_frame($_))
    for 1000 .. 1003, 1007 .. 1011, 3000, 3999, 4000, 4999;

$n = 0;
closes('7.9.' . ++$n, "a close with $_, which must not be", 1002,
       close_frame($_))
    for 0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999;

# The suite takes any answer.
$n = 0;
$suite->case('7.13.' . ++$n, "a close with $_, which nobody has defined",
             [ close_frame($_) ], [], close => 1002, informational => 1)
    for 5000, 65535;


# --- 9: limits, performance

my %kind = (text => [ $TEXT, 'BAsd7&jh23', '*' ],
            binary => [ $BINARY, "\x00\xfe\x23\xfa\xf0", "\xfe" ]);

for my $section ([ 1, 'text' ], [ 2, 'binary' ]) {
    my ($number, $name) = @$section;
    my ($opcode, $words, $octet) = @{ $kind{$name} };

    $n = 0;
    for my $length (64 * $K, 256 * $K, $M, 4 * $M, 8 * $M, 16 * $M) {
        echo("9.$number." . ++$n, "a $name of $length bytes", $opcode,
             repeated($words, $length));
    }

    $n = 0;
    my $message = $octet x (4 * $M);
    for my $size (64, 256, $K, 4 * $K, 16 * $K, 64 * $K, 256 * $K, $M, 4 * $M)
    {
        whole('9.' . ($number + 2) . '.' . ++$n,
              "a $name of 4 MB in fragments of $size",
              [ fragments($opcode, $message, $size) ],
              [ event($opcode, $message) ]);
    }

    $n = 0;
    for my $chop (64, 128, 256, 512, 1024, 2048) {
        echo('9.' . ($number + 4) . '.' . ++$n,
             "a $name of 1 MB in pieces of $chop", $opcode,
             repeated($words, $M), chop => $chop);
    }

    $n = 0;
    for my $length (0, 16, 64, 256, 1024, 4096) {
        my $one = $octet x $length;

        whole('9.' . ($number + 6) . '.' . ++$n,
              "1000 times a $name of $length bytes, one after the other",
              [ map { (frame($opcode, $one), [ get => $_ ]) } 1 .. 1000 ],
              [ map { event($opcode, $one) } 1 .. 1000 ]);
    }
}


# --- 10: auto-fragmentation

whole('10.1.1', 'a text of 65536 bytes in fragments of 1300',
      [ fragments($TEXT, '*' x 65536, 1300) ], [ [ text => '*' x 65536 ] ]);


$suite->check_table('docs/rfc6455.md');
$nginx->stop;

done_testing();
