#!/usr/bin/perl

# All ways to an nginx: TLS, HTTP/2, IPv6, a unix socket, the PROXY protocol,
# another nginx in front; and bytes that come in pieces.

use strict;
use warnings;

use lib 't/lib';

use Digest::MD5 ();
use JSON::PP ();
use Socket ();
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyNginx ();
use NotifyProgram ();
use NotifyWire ();

my $dir = NotifyEnv::work_dir();
my ($tls, $v6, $pp) = map { NotifyEnv::free_port() } 1 .. 3;

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -keyout $dir/key.pem -out $dir/cert.pem 2> $dir/openssl.log") == 0
    or die "openssl: see $dir/openssl.log\n";

my $LOCATIONS = 'location /client { notify_socket; notify_user $arg_user_id;
                                   notify_client_messages relay; }
                 location /local { notify_socket; }
                 location /new/ { notify_push; client_max_body_size 8m; }
                 location /any/ { notify_push from=any; }
                 location /status { notify_status; }
                 location /stub { stub_status; }';

my $nginx = NotifyNginx->new(
    workers => 2, connections => 4096,
    config => "listen 127.0.0.1:$tls ssl http2;
               listen [::1]:$v6;
               listen unix:$dir/socket;
               ssl_certificate $dir/cert.pem;
               ssl_certificate_key $dir/key.pem;
               $LOCATIONS",
    http => "server {
                 listen 127.0.0.1:$pp proxy_protocol;
                 set_real_ip_from 127.0.0.1;
                 real_ip_header proxy_protocol;
                 $LOCATIONS
             }",
)->start;


sub http { return NotifyClient::http($nginx->port, @_) }


sub push_to {
    my ($user, $body) = @_;
    return JSON::PP::decode_json(
        http('POST', "/new/$user", body => $body)->{body})->{sockets};
}


sub status { return JSON::PP::decode_json(http('GET', '/status')->{body}) }


sub told {
    my ($kind, $data) = @_;
    return "$kind " . length($data) . ' ' . Digest::MD5::md5_hex($data);
}


sub curl {
    my @arguments = @_;

    open my $out, '-|', 'curl', '-sk', '-m', '20', @arguments
        or die "curl: $!";
    local $/;
    return scalar <$out>;
}


# TLS: two clients, as others write them.
for my $name ('client.py', 'client.js') {
    my $user = $name =~ s/\W/-/r;
    my $client = NotifyProgram->new($name,
        "wss://127.0.0.1:$tls/client?user_id=$user");

    is($client->line, 'open', "$name opens a socket over TLS");
    is(push_to($user, 'hello'), 1, '... is counted');
    is($client->line, told(text => 'hello'), '... gets a text');

    my $long = 'notify ' x 600_000;
    push_to($user, $long);
    is($client->line, told(text => $long), '... and a long one');

    $client->say('text echo');
    is($client->line, told(text => 'echo'), '... may send');
    $client->say('ping');
    is($client->line, 'pong', '... is answered a ping');
    is(status()->{tls_sockets}, 1, '... is seen to be TLS');

    $client->say('close 1000');
    like($client->line, qr/^close 1000/, '... is answered its close');
    $client->wait;
}


# The handshake and the first frames in one record.
{
    my $ws = NotifyClient->open($tls, '/client?user_id=early',
                                sock => NotifyClient::tls($tls),
                                early => NotifyWire::client_frame(1, 'one')
                                         . NotifyWire::client_frame(9, 'two')
                                         . NotifyWire::close_frame(1000));
    is_deeply([ map { [ $ws->frame ] } 1 .. 3 ],
              [ [ 10, 'two' ], [ 1, 'one' ], [ 8, pack 'n', 1000 ] ],
              'frames that come with a handshake over TLS');
    $ws->close;
}


# TLS sockets cannot move to another process: they stay with the old one.
{
    my $client = NotifyProgram->new('client.py',
        "wss://127.0.0.1:$tls/client?user_id=tls");
    is($client->line, 'open', 'a TLS socket before a reload');
    $nginx->reload;
    is(push_to(tls => 'hello'), 1, 'is reachable after it');
    is($client->line, told(text => 'hello'), '... and reached');
    $client->say('text echo');
    is($client->line, told(text => 'echo'), '... and heard');
    $client->say('close 1000');
    $client->wait;
    NotifyNginx::wait_for('the end of its worker',
                          sub { !$nginx->old_workers });
}


# HTTP/2 has no Upgrade: 426 without that header; pushes work.
{
    my $answer = curl('-i', '--http2', '-H', 'Sec-WebSocket-Version: 13',
                      '-H', 'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==',
                      "https://127.0.0.1:$tls/client?user_id=42");
    like($answer, qr{^HTTP/2 426 }, 'HTTP/2 is told that it cannot');
    unlike($answer, qr{^(?:upgrade|connection):}mi,
           '... without what has no meaning there');
    like($answer, qr/"field":"version"/, '... but why');

    my $ws = NotifyClient->open($nginx->port, '/client?user_id=h2');
    $answer = curl('--http2', '-d', 'hello', "https://127.0.0.1:$tls/new/h2");
    like($answer, qr/"user":"h2","sockets":1/, 'a push over HTTP/2 is taken');
    is($ws->message, 'hello', '... and arrives');

    my $large = 'x' x 3_000_000;
    open my $out, '>', "$dir/large" or die "large: $!";
    print $out $large;
    close $out;
    $answer = curl('--http2', '--data-binary', "\@$dir/large",
                   "https://127.0.0.1:$tls/new/h2");
    like($answer, qr/"user":"h2","sockets":1/, 'so is a large one');
    is($ws->message, $large, '... and arrives');
    $ws->close;
}


# IPv6 and unix sockets are local, too.
for my $where ("[::1]:$v6", "$dir/socket") {
    my $ws = NotifyClient->open($where, '/local?user_id=42');
    my $answer = NotifyClient::http($where, 'POST', '/new/42',
                                    body => 'hello');

    is($answer->{code}, 200, "$where: a push is taken");
    is($ws->message, 'hello', '... and arrives');
    $ws->send_frame(8, pack 'n', 1000);
    is($ws->wait_close, 1000, '... the socket ends well');
    $ws->close;
}

$nginx->wait_log(qr/websocket closed: 1000.*client: ::1, user: "42"/);
$nginx->wait_log(qr/websocket closed: 1000.*client: unix:, user: "42"/);


# The PROXY protocol says who the client is, to the log and to us.
{
    my $sock = NotifyClient::connect_to($pp);
    syswrite $sock, "PROXY TCP4 192.0.2.7 192.0.2.1 40000 80\r\n";
    my $ws = NotifyClient->open($pp, '/client?user_id=pp', sock => $sock);
    is(push_to(pp => 'hello'), 1, 'a socket behind the PROXY protocol');
    is($ws->message, 'hello', '... gets its messages');
    $ws->send_frame(8, pack 'n', 1000);
    is($ws->wait_close, 1000, '... ends well');
    $ws->close;
    $nginx->wait_log(
        qr/websocket closed: 1000.*client: 192\.0\.2\.7, user: "pp"/);

    $sock = NotifyClient::connect_to($pp);
    syswrite $sock, "PROXY TCP4 192.0.2.7 192.0.2.1 40000 80\r\n";
    my $refused = NotifyClient->try($pp, '/local?user_id=pp', sock => $sock);
    is($refused->{answer}{code}, 403, 'and is not local');

    $sock = NotifyClient::connect_to($pp);
    syswrite $sock, "PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n";
    my $answer = NotifyClient::http($pp, 'POST', '/new/pp', sock => $sock,
                                    body => 'hello');
    is($answer->{code}, 200, 'a local push behind the PROXY protocol');
}


# Another nginx in front, as in the documentation.
{
    my $front = NotifyNginx->new(
        http => 'map $http_upgrade $connection_upgrade {
                     default upgrade;
                     "" "";
                 }',
        config => 'location / {
                       proxy_pass http://127.0.0.1:' . $nginx->port . ';
                       proxy_http_version 1.1;
                       proxy_set_header Host $http_host;
                       proxy_set_header Upgrade $http_upgrade;
                       proxy_set_header Connection $connection_upgrade;
                       proxy_set_header X-Forwarded-For
                                        $proxy_add_x_forwarded_for;
                   }',
    )->start;

    my $client = NotifyProgram->new('client.js',
        'ws://127.0.0.1:' . $front->port . '/client?user_id=front',
        'Origin: http://127.0.0.1:' . $front->port);
    is($client->line, 'open', 'a socket through another nginx');
    is(push_to(front => 'hello'), 1, '... is counted');
    is($client->line, told(text => 'hello'), '... gets its messages');
    $client->say('text echo');
    is($client->line, told(text => 'echo'), '... may send');

    $nginx->reload;
    is(push_to(front => 'after'), 1, 'a reload behind it');
    is($client->line, told(text => 'after'), '... is not noticed');

    my $answer = NotifyClient::http($front->port, 'POST', '/new/front',
                                    body => 'hello');
    is($answer->{code}, 403, 'a push through it is not local');
    like($answer->{body}, qr/X-Forwarded-For.*from=any/, '... and told why');
    $answer = NotifyClient::http($front->port, 'POST', '/any/front',
                                 body => 'allowed');
    is($answer->{code}, 200, '... unless any is taken');
    is($client->line, told(text => 'allowed'), '... and arrives');

    my $refused = NotifyClient->try($front->port, '/local?user_id=front');
    is($refused->{answer}{code}, 403,
       'the default user is not taken through a proxy');

    NotifyClient::http($nginx->port, 'DELETE', '/new/front');
    like($client->line, qr/^close 4403/, 'a close comes through');
    $client->wait;
    $front->stop;
}


# Bytes in pieces: the handshake, then frames.  Each piece has been read
# before the next one is sent: nothing else happens on this socket.
{
    my $sock = NotifyClient::connect_to($nginx->port);
    setsockopt $sock, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;
    my $text = NotifyWire::handshake('/client?user_id=pieces');
    my $last = chop $text;

    for my $piece (unpack '(a7)*', $text) {
        syswrite $sock, $piece;
        http('GET', '/stub');
    }

    my $ws = bless { sock => $sock, buf => '' }, 'NotifyClient';
    syswrite $sock, $last;
    my %answer = $ws->head;
    is($answer{code}, 101, 'a handshake in pieces');

    my $frames = NotifyWire::client_frame(1, 'caf', fin => 0)
               . NotifyWire::client_frame(9, 'between')
               . NotifyWire::client_frame(0, "\xc3\xa9 " . 'x' x 200);
    for my $byte (split //, $frames) {
        syswrite $sock, $byte;
        http('HEAD', '/new/pieces');
    }

    my @got = map { [ $ws->frame ] } 1 .. 2;
    is_deeply([ sort { $a->[0] <=> $b->[0] } @got ],
              [ [ 1, "caf\xc3\xa9 " . 'x' x 200 ], [ 10, 'between' ] ],
              'frames byte by byte');
    $ws->close;
}


# A peer that resets.
{
    my @sockets = map {
        NotifyClient->open($nginx->port, '/client?user_id=reset')
    } 1 .. 20;
    is(push_to(reset => 'hello'), 20, 'sockets before they reset');

    for my $ws (@sockets) {
        setsockopt $ws->{sock}, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                   pack 'll', 1, 0;
        $ws->close;
    }
    NotifyNginx::wait_for('resets to be seen',
                          sub { push_to(reset => 'x') == 0 });
    pass('resets are seen');
}


# A peer that only closes its sending side is gone, too.
{
    my $ws = NotifyClient->open($nginx->port, '/client?user_id=half');
    shutdown $ws->{sock}, 1;
    NotifyNginx::wait_for('the half close to be seen',
                          sub { push_to(half => 'x') == 0 });
    is($ws->wait_close, 1006, 'a half close ends the socket');
    $ws->close;
}

NotifyNginx::wait_for('no socket', sub { status()->{sockets} == 0 });
NotifyNginx::wait_for('no connection', sub {
    http('GET', '/stub')->{body} =~ /Active connections: 1 /;
});
pass('nginx counts no connection too many');

$nginx->stop;

done_testing();
