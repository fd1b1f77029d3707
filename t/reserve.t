#!/usr/bin/perl

# notify_reserve: sockets leave connections for the site, and for nginx to
# speak with its workers.  Beyond it a handshake gets 503, and the log says
# once what to raise.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

my $CONFIG = 'location /client { notify_socket; }
              location /new/ { notify_push; }
              location /status { notify_status; }
              location /page { proxy_pass http://127.0.0.1:PORT/site; }
              location /site { return 200 "the page"; }';


sub site {
    my %set = @_;

    my $nginx = NotifyNginx->new(%set);
    $nginx->{config} = $CONFIG =~ s/PORT/$nginx->port/er;
    return $nginx->start;
}


sub page_answers {
    my ($nginx, $name) = @_;

    my $answer = NotifyClient::http($nginx->port, 'GET', '/page');
    is($answer->{body}, 'the page', "$name: the proxied page answers");
}


sub counted {
    my $nginx = shift;
    return NotifyClient::http($nginx->port, 'HEAD', '/new/42')
           ->{headers}{'notify-sockets'};
}


# 400 of 1600 connections are a quarter.
{
    my $nginx = site(connections => 1600);
    my @sockets = map {
        NotifyClient->open($nginx->port, '/client?user_id=42')
    } 1 .. 1200;

    page_answers($nginx, 'at the reserve');

    my %answers;
    for my $n (1 .. 1000) {
        my $ws = NotifyClient->try($nginx->port, '/client?user_id=42');
        my $body = $ws->{buf};
        $answers{$ws->{answer}{code}}++;
        page_answers($nginx, "after $n refusals") if $n % 250 == 0;
        like($body, qr/^\{"error":".*full","field":"server"\}/,
             'a refusal says why') if $n == 1;
    }

    is_deeply(\%answers, { 503 => 1000 }, '1,000 sockets get 503');
    is(counted($nginx), 1200, 'those within are counted');

    my @lines = $nginx->log =~ /\[error\].*?: (.*), client/g;
    @lines = map { s/^\*\d+ //r } @lines;
    is_deeply(\@lines, [ '1200 of 1600 worker_connections are sockets,'
                         . ' raise worker_connections' ],
              'one error tells what to raise');

    NotifyClient::http($nginx->port, 'POST', '/new/42', body => 'hello');
    is(grep({ $_->message ne 'hello' } @sockets), 0, 'all are served');

    # One leaves, one may come.
    pop(@sockets)->close;
    NotifyNginx::wait_for('a place', sub { counted($nginx) == 1199 });
    push @sockets, NotifyClient->open($nginx->port, '/client?user_id=42');
    is(counted($nginx), 1200, 'who leaves makes room');

    $nginx->reload;
    page_answers($nginx, 'after a reload');
    NotifyClient::http($nginx->port, 'POST', '/new/42', body => 'again');
    is(grep({ $_->message ne 'again' } @sockets), 0, 'all are there still');
    is(NotifyClient->try($nginx->port, '/client?user_id=42')
       ->{answer}{code}, 503, 'the new worker is full, too');

    $nginx->reload(http => 'notify_reserve 0;');
    push @sockets, NotifyClient->open($nginx->port, '/client?user_id=42');
    is(counted($nginx), 1201, 'a smaller reserve leaves more');

    my $status = JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
    is($status->{refusals}{reserve}, 1001, 'the status counts refusals');

    $_->close for @sockets;
    $nginx->stop;
}


# A number of connections.
{
    my $nginx = site(connections => 100, http => 'notify_reserve 90;');
    my @sockets = map {
        NotifyClient->open($nginx->port, '/client?user_id=42')
    } 1 .. 10;

    is(NotifyClient->try($nginx->port, '/client?user_id=42')
       ->{answer}{code}, 503, 'a number may be reserved');
    $nginx->wait_log(qr/\[error\].*10 of 100 worker_connections are sockets/);
    $_->close for @sockets;
    $nginx->stop;
}


# Descriptors end before connections do: nginx must hear us all the same.
{
    my $nginx = site(connections => 1000, http => 'notify_reserve 0;',
                     main => 'worker_rlimit_nofile 500;');
    my (@sockets, $code);

    do {
        my $ws = NotifyClient->try($nginx->port, '/client?user_id=42');
        $code = $ws->{answer}{code} // 'nothing';
        push @sockets, $ws if $code eq '101';
    } while $code eq '101' && @sockets < 1000;

    is($code, 503, 'near RLIMIT_NOFILE a socket is refused');
    cmp_ok(scalar @sockets, '>', 50, 'not before');
    cmp_ok(scalar @sockets, '<=', 500 - 32, 'and early enough');
    $nginx->wait_log(qr/\[error\].*raise worker_rlimit_nofile/);
    page_answers($nginx, 'near RLIMIT_NOFILE');

    $nginx->reload;
    page_answers($nginx, 'after its reload');
    is(counted($nginx), @sockets, 'no socket was lost');
    $_->close for @sockets;
    $nginx->stop;
}


# What leaves nothing for sockets is no configuration.
{
    my $nginx = NotifyNginx->new(connections => 100,
        http => 'notify_reserve 100;',
        config => 'location /client { notify_socket; }');
    my ($code, $out) = $nginx->check;

    isnt($code, 0, 'a reserve of all connections is refused');
    like($out, qr/\[emerg\].*"notify_reserve" leaves no connection/,
         '... and the message says why');
    like($out, qr/write less than worker_connections, which is 100/,
         '... and what to write');

    # The same, but read after http {}.
    $nginx->{last} = 'events { worker_connections 100; }';
    ($code, $out) = $nginx->check;
    isnt($code, 0, '... also with events {} behind http {}');
    like($out, qr/\[emerg\].*write less than .* is 100 in \S+:\d+/,
         '... with the same words');
    $nginx->{last} = 'events { worker_connections 101; }';
    ($code, $out) = $nginx->check;
    is($code, 0, '... where a smaller one is accepted') or diag($out);
}

# Nor is what has more workers than there can be seats.
{
    my $nginx = NotifyNginx->new(workers => 1025,
        config => 'location /client { notify_socket; }');
    my ($code, $out) = $nginx->check;

    isnt($code, 0, 'more workers than can be are refused');
    like($out, qr/\[emerg\].*"worker_processes" is 1025.*write 1024 at most/,
         '... and the message says how many can be');

    $nginx->{workers} = 1024;
    ($code, $out) = $nginx->check;
    is($code, 0, '... but no fewer') or diag($out);

    $nginx = NotifyNginx->new(workers => 1025, config => 'return 204;');
    ($code, $out) = $nginx->check;
    is($code, 0, '... nor where there are no sockets') or diag($out);
}

done_testing();
