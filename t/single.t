#!/usr/bin/perl

# One process that is master and worker in one, as nginx runs in a debugger
# or in a small container.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

for my $set ([ 'off', 'off' ], [ 'off', 'on' ], [ 'on', 'off' ]) {
    my ($master, $daemon) = @$set;
    my $name = "master_process $master, daemon $daemon";

    for my $signal ('QUIT', 'TERM') {
        my $nginx = NotifyNginx->new(
            master => $master, daemon => $daemon,
            config => 'location /client { notify_socket; }
                       location /new/ { notify_push; }
                       location /status { notify_status; }',
        )->start;

        my @sockets = map {
            NotifyClient->open($nginx->port, '/client?user_id=42')
        } 1 .. 3;
        my $answer = NotifyClient::http($nginx->port, 'POST', '/new/42',
                                        body => 'hello');

        like($answer->{body}, qr/"sockets":3/, "$name: a push is taken");
        is(grep({ $_->message ne 'hello' } @sockets), 0,
           "$name: it arrives");

        pop(@sockets)->close;
        NotifyNginx::wait_for('one to leave', sub {
            NotifyClient::http($nginx->port, 'HEAD', '/new/42')
                ->{headers}{'notify-sockets'} == 2;
        });

        my $status = JSON::PP::decode_json(
            NotifyClient::http($nginx->port, 'GET', '/status')->{body});
        is(scalar @{ $status->{workers} }, 1, "$name: one seat is taken");

        kill $signal => $nginx->pid;
        is(grep({ $_->wait_close != 1012 } @sockets), 0,
           "$name: $signal closes with 1012");
        $_->close for @sockets;
        $nginx->stop(signal => $signal);
    }
}


# worker_processes auto.
{
    my $nginx = NotifyNginx->new(
        workers => 'auto',
        config => 'location /client { notify_socket; }
                   location /new/ { notify_push; }',
    )->start;
    my @sockets = map {
        NotifyClient->open($nginx->port, '/client?user_id=42')
    } 1 .. 10;

    my $answer = NotifyClient::http($nginx->port, 'POST', '/new/42',
                                    body => 'hello');
    like($answer->{body}, qr/"sockets":10/, 'auto: a push is taken');
    is(grep({ $_->message ne 'hello' } @sockets), 0, 'auto: it arrives');
    $_->close for @sockets;
    $nginx->stop;
}


# 64 workers.
{
    my $nginx = NotifyNginx->new(
        workers => 64, listen => 'reuseport', connections => 64,
        config => 'location /client { notify_socket; }
                   location /new/ { notify_push; }
                   location /status { notify_status; }',
    )->start;
    my @sockets = map {
        NotifyClient->open($nginx->port, '/client?user_id=42')
    } 1 .. 200;

    my $answer = NotifyClient::http($nginx->port, 'POST', '/new/42',
                                    body => 'hello');
    like($answer->{body}, qr/"sockets":200/, '64 workers: a push is taken');
    is(grep({ $_->message ne 'hello' } @sockets), 0, '64 workers: it arrives');

    my $status = JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
    is(scalar @{ $status->{workers} }, 64, 'each has its seat');
    $_->close for @sockets;
    $nginx->stop;
}

done_testing();
