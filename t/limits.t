#!/usr/bin/perl

# What ends a socket by the clock or for its peer's eagerness: notify_expires,
# notify_lifetime, notify_client_rate; each also for sockets that have moved
# to another process.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;
use Time::HiRes ();

use NotifyClient ();
use NotifyNginx ();
use NotifyWire ();

my $nginx = NotifyNginx->new(
    workers => 2,
    config => 'location /expires {
                   notify_socket;
                   notify_user $arg_user_id;
                   notify_expires $arg_end;
               }
               location /lifetime { notify_socket; notify_lifetime 2s; }
               location /rate {
                   notify_socket;
                   notify_client_messages relay;
                   notify_client_rate 1r/m;
               }
               location /burst { notify_socket; notify_client_rate 5r/s; }
               location /new/ { notify_push; }
               location /status { notify_status; }',
)->start;


sub socket_at {
    my $uri = shift;
    return NotifyClient->open($nginx->port, $uri);
}


sub try {
    my $uri = shift;
    return NotifyClient->try($nginx->port, $uri);
}


# A session that has ended, or whose end is not to be understood.
is(try('/expires?user_id=42&end=1')->{answer}{code}, 401,
   'a session that has ended gets no socket');
is(try('/expires?user_id=42&end=soon')->{answer}{code}, 403,
   'nor does one whose end is no time');

# One that ends soon: the second that it ends in is still its.
{
    my $now = time;
    my $never = socket_at('/expires?user_id=never&end=');
    my $late = socket_at('/expires?user_id=late&end=' . ($now + 3600));
    my $soon = socket_at('/expires?user_id=soon&end=' . ($now + 6));

    is(NotifyClient::http($nginx->port, 'POST', '/new/soon', body => 'x')
       ->{code}, 200, 'meanwhile it is served');
    is($soon->message, 'x', '... as any other');
    is($soon->wait_close, 4401, 'at the end of the session it is closed');
    # nginx's own clock may be a tick of the kernel's behind.
    cmp_ok(Time::HiRes::time(), '>=', $now + 6 - 0.02, '... not before');
    ok($never->is_quiet, 'one without an end stays');
    ok($late->is_quiet, 'and one that ends later');
    $_->close for $never, $late, $soon;
}

# A lifetime.
{
    my $ws = socket_at('/lifetime?user_id=42');
    is($ws->wait_close, 1012, 'after its lifetime a socket is closed');
    $ws->close;
}

# Both, in another process than the one that made the handshake.
{
    my $now = time;
    my $soon = socket_at('/expires?user_id=soon&end=' . ($now + 6));
    my $life = socket_at('/lifetime?user_id=42');

    $nginx->reload;
    NotifyNginx::wait_for('the end of the old workers',
                          sub { !$nginx->old_workers });
    is($life->wait_close, 1012, 'the lifetime goes on in the new worker');
    is($soon->wait_close, 4401, 'and so does the session');
    $_->close for $soon, $life;
}

# A rate: one message may always come, the next one is 20 seconds too early.
{
    my $ws = socket_at('/rate?user_id=42');

    $ws->send_frame(1, 'one');
    is($ws->message, 'one', 'a message within the rate is taken');
    $ws->send_frame(10, 'pongs are not counted') for 1 .. 20;
    $ws->send_frame(1, 'two');
    is($ws->wait_close, 1008, 'one beyond it ends the socket');
    $ws->close;
}

# Pings count like messages.
{
    my $ws = socket_at('/rate?user_id=42');
    my $other = socket_at('/rate?user_id=42');

    $ws->send_frame(9, 'one');
    $ws->send_frame(9, 'two');
    is($ws->wait_close, 1008, 'too many pings end the socket');
    ok($other->is_quiet, "and not the user's other ones");
    $_->close for $ws, $other;
}

# A second's worth may come at once; all come in one piece.
{
    my $ws = socket_at('/burst?user_id=42');

    $ws->write(join '', map { NotifyWire::client_frame(9, $_) } 1 .. 5);
    is_deeply([ map { ($ws->frame)[1] } 1 .. 5 ], [ 1 .. 5 ],
              "a second's worth may come at once");
    $ws->write(join '', map { NotifyWire::client_frame(9, $_) } 1 .. 50);
    is($ws->wait_close, 1008, 'much more may not');
    $ws->close;
}

# What was sent to the old worker counts in the new one.
{
    my $ws = socket_at('/rate?user_id=42');

    $ws->send_frame(1, 'one');
    is($ws->message, 'one', 'a message before a reload');
    $nginx->reload;
    NotifyNginx::wait_for('the end of the old workers',
                          sub { !$nginx->old_workers });
    $ws->send_frame(1, 'two');
    is($ws->wait_close, 1008, 'counts after it');
    $ws->close;
}

my $status = JSON::PP::decode_json(
    NotifyClient::http($nginx->port, 'GET', '/status')->{body});
is($status->{closes}{4401}, 2, 'ends of sessions are counted');
is($status->{closes}{1008}, 4, 'and what was too much');

$nginx->stop;

done_testing();
