#!/usr/bin/perl

# Three clients that are not ours, each by the same script: what they get,
# what they may send, compressed or not, how a socket ends on either side.  A
# fourth one, lua-resty-websocket, is in the blocks.

use strict;
use warnings;

use lib 't/lib';

use Digest::MD5 ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();
use NotifyProgram ();

my $nginx = NotifyNginx->new(
    workers => 2,
    http => 'notify_zone 32m;',
    config => 'location /client { notify_socket; }
               location /relay {
                   notify_socket;
                   notify_client_messages relay;
                   notify_client_max_size 128k;
               }
               location /packed {
                   notify_socket;
                   notify_client_messages relay;
                   notify_client_max_size 128k;
                   notify_deflate 100;
               }
               location /status { notify_status; }
               location /beat { notify_socket; notify_ping_interval 5s; }
               location /new/ { notify_push; client_max_body_size 8m; }',
)->start;


sub push_to {
    my ($user, $body, @headers) = @_;

    return NotifyClient::http($nginx->port, 'POST', "/new/$user",
                              body => $body, headers => \@headers)->{body};
}


# How many messages have been compressed, and inflated.
sub packed {
    my $body = NotifyClient::http($nginx->port, 'GET', '/status')->{body};
    return join ' ', $body =~ /"compressed":\s*(\d+).*"inflated":\s*(\d+)/s;
}


sub told {
    my ($kind, $data) = @_;
    return "$kind " . length($data) . ' ' . Digest::MD5::md5_hex($data);
}


for my $name ('client.py', 'client.js', 'client.pl') {
    my $user = $name =~ s/\W/-/r;
    my $url = "ws://127.0.0.1:" . $nginx->port;
    my $client = NotifyProgram->new($name, "$url/client?user_id=$user");

    is($client->line, 'open', "$name opens a socket");

    my $text = "caf\xc3\xa9";
    like(push_to($user, $text), qr/"sockets":1/, '... is counted');
    is($client->line, told(text => $text), '... gets a text');

    push_to($user, '');
    is($client->line, told(text => ''), '... an empty one');

    push_to($user, "\0\xff", 'Content-Type: application/octet-stream');
    is($client->line, told(binary => "\0\xff"), '... octets');

    # 125, 126, 65535 and 65536 are where the length's form changes.
    for my $length (125, 126, 65535, 65536, 4 * 1024 * 1024) {
        my $long = substr 'notify ' x (1 + $length / 7), 0, $length;
        push_to($user, $long);
        is($client->line, told(text => $long), "... $length bytes");
    }

    $client->say('ping');
    is($client->line, 'pong', '... is answered a ping');

    $client->say('text hello');
    $client->say('ping');
    is($client->line, 'pong', '... may send a text, which is ignored');

    $client->say('close 1000 enough');
    like($client->line, qr/^close 1000/, '... is answered its close');
    $client->wait;

    $client = NotifyProgram->new($name, "$url/client?user_id=$user");
    is($client->line, 'open', "$name opens another one");
    NotifyClient::http($nginx->port, 'DELETE', "/new/$user");
    like($client->line, qr/^close 4403/, '... and is told to leave');
    $client->wait;

    $client = NotifyProgram->new($name, "$url/relay?user_id=$user");
    is($client->line, 'open', "$name opens a relay");
    $client->say('text a b');
    is($client->line, told(text => 'a b'), '... whose text comes back');
    $client->say('binary 00ff');
    is($client->line, told(binary => "\0\xff"), '... whose octets do');
    $client->say('fragments one two three');
    is($client->line, told(text => 'onetwothree'), '... whose fragments do');
    my $long = 'x' x 100_000;
    $client->say("text $long");
    is($client->line, told(text => $long), '... and what is long');
    $client->say('text ' . 'x' x 140_000);
    like($client->line, qr/^close 1009/, '... but not what is too long');
    $client->wait;

    $client = NotifyProgram->new($name, "$url/client?user_id=");
    is($client->line, 'refused 400', "$name without a user is refused");
    $client->wait;

    $client = NotifyProgram->new($name, "$url/client?user_id=$user",
                                 'Origin: http://evil.example');
    is($client->line, 'refused 403', "$name of another site is refused");
    $client->wait;
}

# Those that offer permessage-deflate.
my ($compressed, $inflated) = (0, 0);

for my $name ('client.py', 'client.js', 'client.pl') {
    my $user = 'packed-' . $name =~ s/\W/-/r;
    my $client = NotifyProgram->new($name, 'ws://127.0.0.1:' . $nginx->port
                                           . "/packed?user_id=$user");
    my $offers = $name ne 'client.pl';
    my $long = 'notify ' x 15_000;

    is($client->line, 'open', "$name opens a socket that may be compressed");

    push_to($user, $long);
    is($client->line, told(text => $long), '... gets a long text');
    push_to($user, 'short');
    is($client->line, told(text => 'short'), '... a short one');
    is(packed(), ($compressed += $offers) . " $inflated",
       $offers ? '... the long one compressed' : '... as it is');

    $client->say("text $long");
    is($client->line, told(text => $long), '... sends a long one');
    is(packed(), ($compressed += $offers) . ' ' . ($inflated += $offers),
       $offers ? '... compressed' : '... as it is');

    my @parts = ('one', 'two' x 100, 'three') x 3;
    $client->say("fragments @parts");
    is($client->line, told(text => join '', @parts), '... and fragments');

    $client->say('binary 00ff');
    is($client->line, told(binary => "\0\xff"), '... and octets');

    $client->say('close 1000 enough');
    like($client->line, qr/^close 1000/, '... and is answered its close');
    $client->wait;
    ($compressed, $inflated) = split / /, packed();
}

# Who leaves a ping unanswered for an interval is dropped; all three are
# there after three.
my $url = 'ws://127.0.0.1:' . $nginx->port;
my %beat = map { $_ => NotifyProgram->new($_, "$url/beat?user_id=beat") }
           'client.py', 'client.js', 'client.pl';
is($beat{$_}->line, 'open', "$_ opens a socket that is pinged")
    for sort keys %beat;

my $watch = NotifyClient->open($nginx->port, '/beat?user_id=watch');
for (1 .. 3) {
    my ($opcode, $payload) = $watch->frame;
    is($opcode, 9, 'a ping comes each interval');
    $watch->send_frame(10, $payload);
}

like(push_to(beat => 'hello'), qr/"sockets":3/, 'all are still there');
is($beat{$_}->line, told(text => 'hello'), "$_ answers pings")
    for sort keys %beat;

$watch->close;
$nginx->stop;

done_testing();
