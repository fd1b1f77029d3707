#!/usr/bin/perl

# Peers that do not read: what waits for them is bounded and whole, they hold
# up nobody else, and what happens at the bound is as notify_slow says.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

my $KB = 1024;

# The kernel's buffers are kept small, so that the module's own are seen.
my $nginx = NotifyNginx->new(
    listen => 'sndbuf=16k',
    http => 'notify_zone 64m; notify_history off;
             client_body_buffer_size 16m;
             client_max_body_size 16m;',
    config => 'location /close { notify_socket; }
               location /drop { notify_socket; notify_slow drop; }
               location /wide { notify_socket; notify_send_buffer 8m; }
               location /beat { notify_socket; notify_ping_interval 5s; }
               location /new/ { notify_push; }
               location /status { notify_status; }',
)->start;

my ($worker) = $nginx->workers;


sub narrow {
    my $uri = shift;

    return NotifyClient->open($nginx->port, $uri,
                              sock => NotifyClient::narrow($nginx->port));
}


my $pusher;


sub push_to {
    my ($user, $body) = @_;

    $pusher //= NotifyClient::connect_to($nginx->port);
    my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$user",
                                    body => $body, sock => $pusher);
    return $answer->{code} == 200
           ? JSON::PP::decode_json($answer->{body})->{sockets}
           : $answer->{code};
}


sub status {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


# A text that tells where a byte is missing.
sub text {
    my ($name, $length) = @_;
    my $line = "$name of $length bytes ";
    return substr $line x (1 + $length / length $line), 0, $length;
}


# What came before the end: messages in order, then the close code.
sub all_frames {
    my $ws = shift;
    my @messages;

    while (my ($opcode, $payload) = $ws->frame) {
        return (unpack('n', $payload), @messages) if $opcode == 8;
        push @messages, $payload;
    }

    return (1006, @messages);
}


# notify_slow close: 1013, behind what was queued.
{
    my $slow = narrow('/close?user_id=slow');
    my $fine = NotifyClient->open($nginx->port, '/close?user_id=slow');
    my $closes = status()->{deliveries}{slow_closes};
    my (@sent, $count, $wrong);

    do {
        push @sent, text('message ' . @sent, 10 * $KB);
        $count = push_to(slow => $sent[-1]);
        $wrong++ if $fine->message ne $sent[-1];
    } until $count == 1 || @sent == 100;

    is($count, 1, 'a slow socket is closed');
    ok(!$wrong, 'one that reads is not, and gets all');
    is(status()->{deliveries}{slow_closes}, $closes + 1, 'it is counted');
    $nginx->wait_log(qr/closed: 1013 .*user: "slow"/);

    my ($code, @got) = all_frames($slow);
    is($code, 1013, '... with 1013');
    is_deeply(\@got, [ @sent[0 .. $#got] ],
              'behind the messages that had begun to be sent, whole');

    # All but the last were taken: 64 KB behind the message being sent, and
    # what the kernel holds.
    cmp_ok($#sent * 10, '<', 64 + 10 + 10 + 4 * (16 + 4),
           'not much more waits than notify_send_buffer');
    cmp_ok($#sent * 10, '>=', 60, 'and not much less');
    $_->close for $slow, $fine;
}


# notify_slow drop: the newest are dropped, and the socket lives on.
{
    my $slow = narrow('/drop?user_id=drop');
    my $dropped = status()->{deliveries}{dropped};
    my @sent = map { text("message $_", 10 * $KB) } 1 .. 50;

    is(grep({ push_to(drop => $_) != 1 } @sent), 0, 'it stays');

    my $lost = status()->{deliveries}{dropped} - $dropped;
    cmp_ok($lost, '>', 0, 'messages are dropped and counted');

    my @got = map { $slow->message } 1 .. @sent - $lost;
    is_deeply(\@got, [ @sent[0 .. $#got] ],
              'the first ones arrive whole, the newest are missing');
    ok($slow->is_quiet, 'nothing else comes');

    is(push_to(drop => 'again'), 1, 'when it has read it is served again');
    is($slow->message, 'again', '... it gets what comes then');
    $slow->close;
}


# One message may be larger than the buffer: it is always finished.
{
    my $slow = narrow('/close?user_id=large');
    my $large = text('large', 8 * $KB * $KB);

    is(push_to(large => $large), 1, 'a message of 8 MB is taken');
    is(push_to(large => 'behind'), 1, 'one behind it waits');

    my $other = NotifyClient->open($nginx->port, '/close?user_id=other');
    is(push_to(other => 'quick'), 1, 'meanwhile');
    is($other->message, 'quick', 'others are served');

    is($slow->message, $large, 'it arrives byte for byte');
    is($slow->message, 'behind', 'and so does what waited');
    $_->close for $slow, $other;
}


# Many slow ones share one copy.
{
    my @slow = map { narrow('/wide?user_id=many') } 1 .. 50;
    my $before = $nginx->memory($worker);
    my @sent = map { text("message $_", $KB * $KB) } 1 .. 4;

    is(grep({ push_to(many => $_) != 50 } @sent), 0,
       '4 MB for each of 50 sockets');
    cmp_ok($nginx->memory($worker) - $before, '<', 30 * $KB,
           'need no 200 MB');
    is(grep({ $_->message ne $sent[0] } @slow), 0, 'all get the first');

    # Who leaves gives back what waited for it.
    $_->close for @slow[10 .. 49];
    for my $text (@sent[1 .. 3]) {
        is(grep({ $_->message ne $text } @slow[0 .. 9]), 0,
           'those that stay get the next');
    }
    $_->close for @slow[0 .. 9];
    NotifyNginx::wait_for('all sockets to leave',
                          sub { status()->{sockets} == 0 });
    NotifyNginx::wait_for('all messages to be given back',
                          sub { status()->{zone}{messages} == 0 });
}


# Control frames pass between messages, not inside.
{
    my $slow = narrow('/wide?user_id=ping');
    my @sent = map { text("message $_", 100 * $KB) } 1 .. 3;

    push_to(ping => $_) for @sent;
    $slow->send_frame(9, 'now');

    my @frames;
    while (@frames < 4) {
        my ($opcode, $payload) = $slow->frame;
        push @frames, $opcode == 10 ? "pong $payload" : $payload;
    }

    is(grep({ $_ eq 'pong now' } @frames), 1, 'a ping is answered');
    is_deeply([ grep { $_ ne 'pong now' } @frames ], \@sent,
              'and cuts no message');
    $slow->close;
}


# DELETE goes behind what was pushed before.
{
    my $slow = narrow('/wide?user_id=delete');
    my @sent = map { text("message $_", 100 * $KB) } 1 .. 3;

    push_to(delete => $_) for @sent;
    NotifyClient::http($nginx->port, 'DELETE', '/new/delete');

    my ($code, @got) = all_frames($slow);
    is($code, 4403, 'DELETE closes a socket that is slow');
    is_deeply(\@got, \@sent, 'behind what was pushed before');
    $slow->close;
}


# A peer that is silent after a ping is dropped; one that reads slowly but
# answers is not.
{
    my $timeouts = status()->{pings}{timeouts};
    my $dead = NotifyClient->open($nginx->port, '/beat?user_id=beat');
    my $alive = NotifyClient->open($nginx->port, '/beat?user_id=beat');

    for (1 .. 2) {
        my ($opcode, $payload) = $alive->frame;
        is($opcode, 9, 'a ping comes each interval');
        $alive->send_frame(10, $payload);
    }

    NotifyNginx::wait_for('the silent peer to be dropped',
                          sub { push_to(beat => 'x') == 1 });
    is(status()->{pings}{timeouts}, $timeouts + 1, 'it is counted');

    my ($code, @got) = all_frames($dead);
    is($code, 1006, 'it is cut');
    $_->close for $dead, $alive;
}

$nginx->stop;

done_testing();
