#!/usr/bin/perl

# The cases of the Autobahn suite by its numbers, chapters 12 and 13: messages
# of all sizes, in frames of all sizes, compressed by permessage-deflate, which
# come back.
#
#   AUTOBAHN_MESSAGES   how many in each case: 1000 in the suite; here 100, or
#                       as many as make a quarter of a megabyte, unless set
#
# The suite's files are not used, but data of the same kinds and lengths.

use strict;
use warnings;

use lib 't/lib';

use Encode ();
use JSON::PP ();
use Test::More;

use NotifyAutobahn;
use NotifyClient ();
use NotifyDeflate;
use NotifyNginx ();

my $KB = 1024;
my $D = 'permessage-deflate';

# Length of a message, of its frames.
my @SIZES = ((map { [ $_, 0 ] } 16, 64, 256, 1 * $KB, 4 * $KB, 8 * $KB,
                                16 * $KB, 32 * $KB, 64 * $KB, 128 * $KB),
             (map { [ $_, 256 ] } 8 * $KB, 16 * $KB, 32 * $KB, 64 * $KB,
                                  128 * $KB),
             (map { [ 128 * $KB, $_ ] } 1 * $KB, 4 * $KB, 32 * $KB));

srand 7692;

my $nginx = NotifyNginx->new(
    http => 'notify_zone 64m; notify_history off; notify_deflate 1;',
    config => 'location /client {
                   notify_socket;
                   notify_client_messages relay;
                   notify_client_max_size 1m;
               }
               location /status { notify_status; }',
)->start;

my $suite = NotifyAutobahn->new($nginx->port, '/client?user_id=42',
                                '/status');


sub counts {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body})->{deflate};
}


# --- data

sub word {
    my $word = '';
    $word .= (qw( b d f g k l m n r s t v w z ch sch st ))[rand 17]
             . (qw( a e i o u au ei ie ), "\xe4", "\xf6", "\xfc")[rand 11]
        for 0 .. rand 3;
    return $word;
}

my @words = map { word() } 1 .. 2000;


# Words as they are used: some often, most seldom.
sub words {
    my $n = shift;
    return join ' ', map { $words[2000 * rand() ** 3] } 1 .. $n;
}


sub long_enough {
    my ($length, $more) = @_;
    my $data = '';

    $data .= $more->() while length $data < $length;
    return substr $data, 0, $length;
}


# A grey picture: a slope, and some noise.
sub picture {
    my ($at, $side) = (0, 512);
    return sub {
        $at++;
        return pack 'C*', map { (($at + $_) / 4 + rand 3) & 255 } 1 .. $side;
    };
}


my @data = (
    [ 'json', 1, long_enough(194056, sub {
        return sprintf qq({"id":%d,"name":"%s","tags":["%s","%s"]},\n),
                       rand 1e6, words(2), words(1), words(1) }) ],
    [ 'a picture', 0, long_enough(263222, picture()) ],
    [ 'a German text', 0, Encode::encode_utf8(long_enough(222218, sub {
        return ucfirst(words(4 + rand 4)) . ",\n" })) ],
    [ 'HTML', 1, long_enough(263527, sub {
        return qq(<div class="row"><p id="p-) . int(rand 1e4) . '">'
               . words(8) . "</p></div>\n" }) ],
    [ 'a PDF', 0, long_enough(1042328, sub {
        return "1 0 obj << /Length 900 >>\nstream\n"
               . pack('C*', map { rand 256 } 1 .. 900)
               . "\nendstream\nendobj\n" }) ],
);


# --- a case: each message is sent when the one before has come back

sub cases {
    my ($number, $title, $data, $offer, $agreed) = @_;
    my ($kind, $is_text, $bytes) = @$data;
    my $n = 0;

    for my $size (@SIZES) {
        my ($length, $frame) = @$size;
        my $count = int($ENV{AUTOBAHN_MESSAGES}
                        || ($length < 2 * $KB ? 100
                                              : 1 + 256 * $KB / $length));
        my ($at, @steps, @events) = (0);

        for my $i (1 .. $count) {
            my $message = substr $bytes, $at, $length;
            $message .= substr $bytes, 0, $length - length $message;
            $at = ($at + $length) % length $bytes;

            $message = Encode::encode_utf8($message) if $is_text;
            my $payload = deflated($message);

            push @steps, join('', fragments($is_text ? 1 : 2, $payload,
                                            $frame || length $payload,
                                            rsv => 4)),
                         [ get => $i ];
            push @events, [ $is_text ? 'text' : 'binary', $message ];
        }

        my $before = counts()->{inflated};

        $suite->case($number . '.' . ++$n, "$title, $length bytes"
                     . ($frame ? " in frames of $frame" : ''),
                     \@steps, \@events, offer => $offer, agreed => $agreed);
        is(counts()->{inflated} - $before, $count,
           '... each of them inflated');
    }
}


my $BOTH = "$D; server_no_context_takeover; client_no_context_takeover";
my $ACCEPT = "$D; client_no_context_takeover; client_max_window_bits";
my $TAKEOVER = '; server_no_context_takeover';
my $BITS = '; server_max_window_bits=';

my $section = 0;
cases('12.' . ++$section, $_->[0], $_, $ACCEPT, $BOTH) for @data;

$section = 0;
for my $offer ([ '', '' ], [ $TAKEOVER, '' ], [ "${BITS}8", "${BITS}8" ],
               [ "${BITS}15", "${BITS}15" ],
               [ "$TAKEOVER${BITS}8", "${BITS}8" ],
               [ "$TAKEOVER${BITS}15", "${BITS}15" ],
               [ "$TAKEOVER${BITS}8, $ACCEPT$TAKEOVER, $ACCEPT", "${BITS}8" ])
{
    my ($parameters, $agreed) = @$offer;
    cases('13.' . ++$section, "json, offered \"$parameters\"", $data[0],
          "$ACCEPT$parameters", "$BOTH$agreed");
}

cmp_ok(counts()->{compressed}, '>', 3000, 'what came back was compressed');

$suite->check_table('docs/rfc6455.md');

$nginx->stop;

done_testing();
