#!/usr/bin/perl

# The zone is full: a push gets 507 and has reached nobody, a handshake gets
# 503, the log says once what to raise; when there is room again all goes on.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyNginx ();

my $KB = 1024;
my $FULL = 'zone "notify" is full, raise notify_zone';

my $nginx = NotifyNginx->new(
    listen => 'sndbuf=16k', connections => 4096,
    main => 'worker_rlimit_nofile 5000;',
    http => 'notify_zone 256k; notify_history off;
             client_body_buffer_size 4m;
             client_max_body_size 4m;',
    config => 'location /client {
                   notify_socket;
                   notify_send_buffer 8m;
                   notify_client_messages relay;
                   notify_client_max_size 1m;
               }
               location /new/ { notify_push; }
               location /status { notify_status; }',
)->start;


sub push_to {
    my ($user, $body) = @_;
    return NotifyClient::http($nginx->port, 'POST', "/new/$user",
                              body => $body);
}


sub status {
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


sub wait_empty {
    return NotifyNginx::wait_for('the zone to be empty', sub {
        my $status = status();
        $status->{users} == 0 && $status->{zone}{messages} == 0;
    });
}


# Users take more than half: the rest may wait for slow readers.
my @users = map {
    NotifyClient->open($nginx->port, sprintf '/client?user_id=%s%03d',
                                             'u' x 200, $_)
} 1 .. 400;

my $slow = NotifyClient->open($nginx->port, '/client?user_id=42',
                              sock => NotifyClient::narrow($nginx->port));
my $fine = NotifyClient->open($nginx->port, '/client?user_id=42');
my $empty = status()->{zone}{used};

# What is larger than the zone never fits.
my $answer = push_to(42, 'x' x (512 * $KB));
is($answer->{code}, 507, 'a push larger than the zone gets 507');
like($answer->{body}, qr/^\{"error":".+","field":"zone"\}/,
     'the answer says what is full');
ok($fine->is_quiet, 'it has reached nobody');
is(status()->{zone}{used}, $empty, 'and left nothing in the zone');

# Messages that wait for a slow reader fill it.
my (@sent, @refused);
for my $n (1 .. 100) {
    my $text = "message $n " x 1000;
    my $code = push_to(42, $text)->{code};
    push @{ $code == 200 ? \@sent : \@refused }, $text;
    is($fine->message, $text, 'accepted, delivered') if $code == 200;
}

cmp_ok(scalar @refused, '>', 50, 'the zone fills');
cmp_ok(scalar @sent, '>', 5, 'not at once');
ok($fine->is_quiet, 'what was refused has reached nobody');
is(push_to(7, 'x' x (64 * $KB))->{code}, 200,
   'a push that nobody listens to needs no room');
is(status()->{pushes}{full}, 1 + @refused, 'refusals are counted');

my @lines = grep { /\Q$FULL\E/ } split /^/, $nginx->log;
is(scalar @lines, 1, 'one line tells what to raise');
like($lines[0], qr/\[error\]/, 'as an error');

# A relay has no answer to say so in; it is counted.
$fine->send_frame(1, 'x' x (900 * $KB));
ok($fine->is_quiet, 'a relay that does not fit is dropped');
is(status()->{client_messages}{relay_full}, 1, 'and counted');

# The slow one reads at last.
is(grep({ $slow->message ne $_ } @sent), 0,
   'the slow reader gets what was accepted');
ok($slow->is_quiet, 'and nothing of what was refused');
NotifyNginx::wait_for('room', sub { status()->{zone}{used} <= $empty });
is(push_to(42, 'there is room')->{code}, 200, 'pushes are accepted again');
is($_->message, 'there is room', 'and arrive') for $slow, $fine;
is(status()->{deliveries}{zone_closes}, 0, 'nobody was closed for it');
$_->close for $slow, $fine, @users;
wait_empty();

# Keys alone fill it.
my (@sockets, $code, $last);
for my $n (1 .. 3000) {
    my $user = sprintf '%s%04d', 'u' x 200, $n;
    my $ws = NotifyClient->try($nginx->port, "/client?user_id=$user");
    $code = $ws->{answer}{code};
    $last = $ws;
    last if $code != 101;
    push @sockets, $ws;
}

is($code, 503, 'when users fill the zone a handshake gets 503');
like($last->{buf}, qr/^\{"error":"/, 'with a reason');
cmp_ok(scalar @sockets, '>', 100, 'not before');
is(status()->{refusals}{zone}, 1, 'and is counted');
is(status()->{sockets}, @sockets, 'nothing of it is left behind');

is(push_to(sprintf('%s%04d', 'u' x 200, 1), 'x' x (8 * $KB))->{code}, 507,
   'a push finds no room then');

$_->close for @sockets;
wait_empty();
is(status()->{zone}{used}, 0, 'all is given back');

my $ws = NotifyClient->open($nginx->port, '/client?user_id=42');
is(push_to(42, 'hello')->{code}, 200, 'afterwards');
is($ws->message, 'hello', 'all is well');
$ws->close;

$nginx->stop;

done_testing();
