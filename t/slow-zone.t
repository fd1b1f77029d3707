#!/usr/bin/perl

# What waits for peers that do not read may take half of the zone: beyond, the
# slowest sockets of the worker that has most of it are closed, with 1013, and
# nobody else, and no push is refused for them.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

my $KB = 1024;
my $HALF = $KB * $KB;
my $BODY = 30 * $KB;
my $LINE = 'half of zone "notify" waits for slow sockets, the slowest are '
           . 'closed, raise notify_zone or lower notify_send_buffer';

# The kernel's buffers are kept small, so that messages wait in the zone.
my $nginx = NotifyNginx->new(
    workers => 2, listen => 'reuseport sndbuf=16k',
    http => 'notify_zone 2m;
             client_body_buffer_size 2m; client_max_body_size 2m;',
    config => 'location /client {
                   notify_socket;
                   notify_send_buffer 8m;
                   add_header X-Worker $pid always;
               }
               location /drop {
                   notify_socket;
                   notify_send_buffer 8m;
                   notify_slow drop;
                   add_header X-Worker $pid always;
               }
               location /new/ { notify_push; notify_history off; }
               location /kept/ { notify_push; notify_history 64; }
               location /status { notify_status; }',
)->start;

my ($worker, $other) = $nginx->workers;


sub narrow {
    my ($uri, $pid) = @_;

    while (1) {
        my $ws = NotifyClient->open($nginx->port, $uri,
                                    sock => NotifyClient::narrow($nginx->port));

        return $ws if $ws->{answer}{headers}{'x-worker'} == $pid;
        $ws->close;
    }
}


sub text {
    my ($name, $length) = @_;
    my $line = "$name of $length bytes ";
    return substr $line x (1 + $length / length $line), 0, $length;
}


my $pusher = NotifyClient::connect_to($nginx->port);


# How many sockets the user has; fails when the push is refused.
sub push_to {
    my ($user, $body, $uri) = @_;

    my $answer = NotifyClient::http($nginx->port, 'POST',
                                    ($uri // '/new/') . $user,
                                    body => $body, sock => $pusher);

    die "push: $answer->{code} $answer->{body}\n" if $answer->{code} != 200;
    return JSON::PP::decode_json($answer->{body})->{sockets};
}


sub status {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


sub waiting { return status()->{zone}{waiting} }


# Messages of one size wait for the user's sockets: as many as that many bytes.
# Returns them.
sub fill_up {
    my ($user, $bytes, $uri) = @_;

    my @sent;
    my $before = waiting();

    while (waiting() < $before + $bytes) {
        push @sent, text("$user " . @sent, $BODY);
        push_to($user, $sent[-1], $uri);
        die "nothing waits\n" if @sent > 1000;
    }

    return @sent;
}


# Messages in order, then the close code.
sub all_frames {
    my $ws = shift;
    my @messages;

    while (my ($opcode, $payload) = $ws->frame) {
        return (unpack('n', $payload), @messages) if $opcode == 8;
        push @messages, $payload;
    }

    return (1006, @messages);
}


sub wait_empty {
    return NotifyNginx::wait_for('the zone to be empty', sub {
        my $status = status();
        return $status->{sockets} == 0 && $status->{zone}{waiting} == 0;
    });
}


sub lines { return scalar grep { /\Q$_[0]\E/ } split /^/, $nginx->log }


# Beyond half, the slowest goes: also from the other worker than the one where
# the last message waits.
{
    my $slowest = narrow('/client?user_id=slowest', $worker);
    my $slow = narrow('/client?user_id=slow', $other);
    my $fine = NotifyClient->open($nginx->port, '/client?user_id=slow');
    my (@slowest, @slow, $wrong, $most, $now);

    # Four times as much for the one, whatever the kernel takes of either.
    for ($now = 0; !status()->{deliveries}{zone_closes}; $now = waiting()) {
        $most = $now;

        push @slowest, text('slowest ' . @slowest, $BODY);
        push_to(slowest => $slowest[-1]);
        next if @slowest % 4;

        push @slow, text('slow ' . @slow, $BODY);
        push_to(slow => $slow[-1]);
        $wrong++ if $fine->message ne $slow[-1];

        die "nobody is closed\n" if @slowest > 500;
    }

    cmp_ok($most, '>', 0.8 * $HALF, 'nobody is closed before half is waiting');
    NotifyNginx::wait_for('room', sub { waiting() < $HALF });
    is(status()->{deliveries}{zone_closes}, 1, 'beyond, one socket is closed');
    is(status()->{deliveries}{slow_closes}, 0, '... for no other cause');
    is(status()->{closes}{1013}, 1, '... with 1013');

    my ($code, @got) = all_frames($slowest);
    is($code, 1013, 'it is the one for which most was waiting');
    is_deeply(\@got, [ @slowest[0 .. $#got] ], '... behind whole messages');
    cmp_ok(scalar @got, '<', scalar @slowest, '... but not all');

    $nginx->wait_log(
        qr/\[info\] .*closed: 1013 too slow, memory is short, .*"slowest"/);
    $nginx->wait_log(qr/\[error\] .*\Q$LINE\E/);
    is(lines($LINE), 1, 'the log says once what to raise');

    is(grep({ $slow->message ne $_ } @slow), 0, 'the other one gets all');
    ok(!$wrong, 'and so does who reads');

    $_->close for $slowest, $slow, $fine;
    wait_empty();
}


# One copy for many: all that wait for it have to go, but no more than that.
{
    my @many = map { narrow('/client?user_id=many', $_ % 2 ? $worker : $other) }
               1 .. 6;
    my $one = narrow('/client?user_id=one', $worker);
    my $closes = status()->{deliveries}{zone_closes};

    fill_up(one => 0.15 * $HALF);

    my $n;
    do {
        $n = push_to(many => text('many', $BODY));
    } until status()->{deliveries}{zone_closes} >= $closes + @many;

    NotifyNginx::wait_for('room', sub { waiting() <= $HALF });
    is(status()->{deliveries}{zone_closes}, $closes + @many,
       'sockets that share what waits go together');
    is(push_to('one', 'still there'), 1, 'who has less waiting stays');
    is(grep({ (all_frames($_))[0] != 1013 } @many), 0, 'all with 1013');
    is(lines($LINE), 2, 'each worker says it once a minute');

    $_->close for @many, $one;
    wait_empty();
}


# What is being sent is finished, however large it is: only what is behind it
# can be given back.
{
    my $slow = narrow('/client?user_id=large', $worker);
    my $closes = status()->{deliveries}{zone_closes};
    my $large = text('large', 1500 * $KB);

    is(push_to(large => $large), 1, 'a message of more than half of the zone');
    NotifyNginx::wait_for('it to wait', sub { waiting() > $HALF });
    is($slow->message, $large, 'arrives');
    NotifyNginx::wait_for('its end', sub { waiting() == 0 });
    is(status()->{deliveries}{zone_closes}, $closes, 'and closes nothing');

    # The kernel may take a lot for a peer that has once read so much.
    $slow->close;
    wait_empty();
    $slow = narrow('/client?user_id=large', $worker);

    push_to(large => $large);
    NotifyNginx::wait_for('it to wait', sub { waiting() > $HALF });
    is(push_to(large => 'behind'), 1, 'what is behind it');
    NotifyNginx::wait_for('the close', sub {
        status()->{deliveries}{zone_closes} == $closes + 1;
    });

    my ($code, @got) = all_frames($slow);
    is($code, 1013, 'goes, and the socket does');
    is_deeply(\@got, [ $large ], 'when the large one has come');

    $slow->close;
    wait_empty();
}


# notify_slow drop says nothing of the zone's end; what is stored and waits
# counts, too.
{
    my $slow = narrow('/drop?user_id=drop', $worker);
    my $closes = status()->{deliveries}{zone_closes};
    my @sent;

    do {
        push @sent, text('drop ' . @sent, $BODY);
        push_to(drop => $sent[-1], '/kept/');
        die "it is not closed\n" if @sent > 100;
    } until status()->{deliveries}{zone_closes} > $closes;

    my ($code, @got) = all_frames($slow);
    is($code, 1013, 'with notify_slow drop it is closed as well');
    is_deeply(\@got, [ @sent[0 .. $#got] ], 'behind whole messages');

    $slow->close;
    wait_empty();
}


# What waited for the sockets of a worker that is killed waits no more; it is
# counted right by who finds it dead, and the mark is where it was.
{
    my $dead = narrow('/client?user_id=dead', $worker);
    my $slow = narrow('/client?user_id=slow', $other);
    my $closes = status()->{deliveries}{zone_closes};

    my @slow = fill_up(slow => 0.4 * $HALF);
    my $before = waiting();
    fill_up(dead => 0.4 * $HALF);

    $nginx->kill_worker($worker);
    is($dead->wait_close, 1006, 'a worker dies');
    $pusher = NotifyClient::connect_to($nginx->port);
    NotifyNginx::wait_for('what waited to go', sub {
        # The last of the slow one's may not have been taken when it was read.
        waiting() <= $before + 2 * $BODY;
    });

    ($worker) = grep { $_ != $other } $nginx->workers;
    my $next = narrow('/client?user_id=next', $worker);

    fill_up(next => 0.4 * $HALF);
    is(status()->{deliveries}{zone_closes}, $closes, 'there is room again');

    my @next;
    do {
        push @next, push_to(next => text('next', $BODY));
        die "nobody is closed\n" if @next > 100;
    } until status()->{deliveries}{zone_closes} > $closes;

    is(status()->{deliveries}{zone_closes}, $closes + 1,
       'and no more than before');
    is((all_frames($next))[0], 1013, 'the slowest is closed');
    is(grep({ $slow->message ne $_ } @slow), 0, 'not the other one');

    $_->close for $dead, $next, $slow;
    wait_empty();
}

is(status()->{pushes}{full}, 0, 'no push was refused');

$nginx->stop(expect => qr/worker process \d+ exited on signal 9/);

done_testing();
