#!/usr/bin/perl

# Users with names that somebody has chosen to do harm: each either is refused,
# or is one user, exactly, for sockets and pushes, and cannot get out of the
# place that it is written to: a line of a log, a header, a string in JSON.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

# Names that are users, as bytes.
my @USERS = (
    [ 'a number', '42' ],
    [ 'spaces', ' 4  2 ' ],
    [ '255 bytes', 'u' x 255 ],
    [ '255 bytes, each of which is written as four', "\e" x 255 ],
    [ '255 bytes in characters of three', "\xe2\x82\xac" x 85 ],
    [ 'a slash', 'a/b' ],
    [ 'an encoded slash', 'a%2fb' ],
    [ 'a way up', 'a/../b//c/./d' ],
    [ 'an encoded NUL', 'a%00b' ],
    [ 'an encoded line end', 'a%0d%0ab' ],
    [ 'a broken escape', '%zz%' ],
    [ 'what a query has', 'a=b&user_id=1;c#d?e+f' ],
    [ 'Cyrillic', "\xd0\x96\xd0\xb8\xd0\xb7" ],
    [ 'beyond the first plane', "\xf0\x9f\x98\x80" ],
    [ 'the last character', "\xf4\x8f\xbf\xbf" ],
    [ 'a byte order mark', "\xef\xbb\xbfa" ],
    [ 'a line separator', "a\xe2\x80\xa8b" ],
    [ 'a header', "a\r\nX-Evil: 1\r\n\r\n<html>" ],
    [ 'a lone CR', "a\rX-Evil: 1" ],
    [ 'a lone LF', "a\nX-Evil: 1" ],
    [ 'a line of the log',
      "a\n2026/01/01 00:00:00 [error] 1#1: all is lost" ],
    [ 'the end of a field of the log', 'a", user: "admin' ],
    [ 'JSON', '","sockets":99,"x":"' ],
    [ 'backslashes', 'a\\b\\x0A\\n\\u0041\\' ],
    [ 'quotes', q{a"b'c`d} ],
    [ 'variables', '$host ${notify_user} $(id) `id` %s%n' ],
    [ 'markup', '</script><script>alert(1)</script>' ],
    [ 'an escape sequence', "\e[2J\e[31mred\e]0;title\a" ],
    [ 'the same in one character', "\xc2\x9b2J\xc2\x9d0;title\xc2\x9c" ],
    [ 'tabs and backspaces', "a\tb\x08\x08c\x0b\x0c\x7f" ],
    [ 'all of ASCII that controls', join '', map { chr } 1 .. 31 ],
);

# Those that are none.
my @NONE = (
    [ 'NUL', "a\0b", 'NUL' ],
    [ 'only NUL', "\0", 'NUL' ],
    [ '256 bytes', 'u' x 256, '255' ],
    [ '256 bytes in characters of four', "\xf0\x9f\x98\x80" x 64, '255' ],
    [ 'a byte that is no UTF-8', "a\xff", 'UTF-8' ],
    [ 'a control character of Latin-1', "a\x9b2J", 'UTF-8' ],
    [ 'a character that is cut', "a\xe2\x82", 'UTF-8' ],
    [ 'an overlong line end', "a\xc0\x8ab", 'UTF-8' ],
    [ 'an overlong NUL', "a\xc0\x80b", 'UTF-8' ],
    [ 'a surrogate', "\xed\xa0\x80", 'UTF-8' ],
    [ 'beyond Unicode', "\xf4\x90\x80\x80", 'UTF-8' ],
);

my $nginx = NotifyNginx->new(
    connections => 512,
    http => q{log_format plain escape=none 'begin $notify_user end';
              log_format default 'begin $notify_user end';
              log_format json escape=json '{"user":"$notify_user"}';},
    config => 'location /client {
                   notify_socket;
                   add_header X-User $notify_user always;
                   access_log plain.log plain;
                   access_log default.log default;
                   access_log json.log json;
               }
               location /new/ {
                   notify_push;
                   add_header X-User $notify_user always;
                   access_log plain.log plain;
                   access_log default.log default;
                   access_log json.log json;
               }
               location /argument {
                   notify_push;
                   notify_user $arg_user decode;
               }
               location /status { notify_status; }',
)->start;

my $json = JSON::PP->new->utf8;


sub encoded {
    return join '', map { sprintf '%%%02x', ord } split //, shift;
}


# A string of JSON as its bytes.
sub bytes_of {
    my $text = shift;
    return 'none' if ref $text || !defined $text;
    utf8::encode($text);
    return $text;
}


# As the variable has it: no control characters, and all else as it is.
sub in_header {
    my $name = shift;
    return $name =~ s/([\x00-\x1f\x7f]|\xc2[\x80-\x9f])
                     /join '', map { sprintf '%%%02X', ord } split m{}, $1/gexr;
}


# The names of an answer's headers.
sub header_names {
    my $raw = shift;
    return join ' ', sort map { /^([^:]*):/ ? lc $1 : () } split /\r\n/, $raw;
}


my $headers;

for my $row (@USERS) {
    my ($title, $name) = @$row;
    my $path = encoded($name);

    my $ws = NotifyClient->open($nginx->port, "/client?user_id=$path",
        headers => { 'Sec-WebSocket-Protocol' => 'notify.v1' });
    is(bytes_of($json->decode($ws->message)->{hello}{user}), $name,
       "$title: the socket's");
    is($ws->{answer}{headers}{'x-user'}, in_header($name) =~ s/^ +//r,
       '... in the header of its answer');

    my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$path",
                                    body => $title);
    my $receipt = $json->decode($answer->{body});
    is(bytes_of($receipt->{user}), $name, '... in a receipt');
    is($receipt->{sockets}, 1, '... which is one user');
    is($json->decode($ws->message)->{data}, $title, '... who gets it');

    $headers //= header_names($answer->{raw});
    is(header_names($answer->{raw}), $headers, '... with no header more');

    $answer = NotifyClient::http($nginx->port, 'DELETE',
                                 "/argument?user=$path");
    is($json->decode($answer->{body})->{sockets}, 1,
       '... the same in an argument');
    is($ws->wait_close, 4403, '... whose socket that closes');
    $ws->close;
}

for my $row (@NONE) {
    my ($title, $name, $why) = @$row;
    my $path = encoded($name);

    my $ws = NotifyClient->try($nginx->port, "/client?user_id=$path");
    is($ws->{answer}{code}, 400, "$title: no socket");

    for my $request ([ POST => "/new/$path" ],
                     [ DELETE => "/argument?user=$path" ])
    {
        my $answer = NotifyClient::http($nginx->port, @$request);
        is($answer->{code}, 400, "... no $request->[0]");

        # nginx itself has no NUL in a path.
        next if $name =~ /\0/ && $request->[0] eq 'POST';
        like($json->decode($answer->{body})->{error}, qr/\Q$why\E/,
             '... says why');
    }
}

my $status = NotifyClient::http($nginx->port, 'GET', '/status')->{body};
ok(eval { $json->decode($status) }, 'the status is JSON');
unlike($status, qr/X-Evil|admin|script/, '... that names nobody');
$nginx->stop;


# --- what was written

sub lines_of {
    my $name = shift;

    open my $in, '<:raw', $nginx->root . "/$name" or die "$name: $!";
    local $/;
    return split /\n/, <$in>;
}


# A line has no control character, of ASCII or of Unicode, and begins and ends
# as it should.
sub are_whole {
    my ($name, $form) = @_;
    my @lines = lines_of($name);
    my @bad = grep { /[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/ || $_ !~ $form } @lines;

    is(@bad, 0, "$name: each line is one")
        or diag(map { in_header($_) . "\n" } @bad);
    return scalar @lines;
}


my $requests = 2 * @USERS + 2 * @NONE - grep { $_->[1] =~ /\0/ } @NONE;

is(are_whole('plain.log', qr/^begin .* end$/), $requests,
   '... one for each request');
is(are_whole('default.log', qr/^begin .* end$/), $requests,
   '... one for each request');
is(are_whole('json.log', qr/^\{"user":".*"\}$/), $requests,
   '... one for each request');

my @said = map { bytes_of($json->decode($_)->{user}) } lines_of('json.log');
is_deeply([ grep { $_ ne '' } @said ],
          [ map { in_header($_->[1]), in_header($_->[1]) } @USERS ],
          '... with the user');

cmp_ok(are_whole('error.log',
                 qr/^\d{4}(?:\/\d\d){2} [\d:]+ \[(?:notice|info)\] \d+#\d+: /),
       '>=', $requests, '... and there are all');

my @closed = map { /user: "(.*)"$/ ? $1 : () }
             grep { /websocket closed: 4403/ } lines_of('error.log');
is(@closed, @USERS, 'the end of each socket names its user');
is(grep({ /(?<!\\)"/ } @closed), 0, '... without its quotes');

done_testing();
