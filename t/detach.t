#!/usr/bin/perl

# From the answer to a handshake to a socket of its own: mirrors that are slow
# or fail, an answer that does not go out, peers that leave meanwhile.

use strict;
use warnings;

use lib 't/lib';

use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyHandover ();
use NotifyWire ();

my $closed = NotifyEnv::free_port();

# One that never answers, and one that does when it is told to.
my ($mute, $slow) = map {
    IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100)
        // die "listen: $!\n";
} 1, 2;
my ($mute_port, $slow_port) = map { $_->sockport } $mute, $slow;

# What may become of a mirror, by its name.
my %mirrors = (
    200 => 'proxy_pass http://127.0.0.1:$server_port/fine;',
    204 => 'return 204;',
    301 => 'return 301 /fine;',
    403 => 'deny all;',
    404 => 'root /nowhere;',
    500 => 'return 500;',
    502 => "proxy_pass http://127.0.0.1:$closed;",
    504 => "proxy_pass http://127.0.0.1:$mute_port; proxy_read_timeout 1s;",
);
my @names = sort keys %mirrors;


sub locations {
    my $more = '';

    for my $name (@names) {
        $more .= <<"CONF";
            location /$name { notify_socket; mirror /mirror$name; }
            location /limited$name {
                notify_socket; mirror /mirror$name; limit_conn c 100;
            }
            location = /mirror$name { internal; $mirrors{$name} }
CONF
    }

    return <<"CONF";
        $more
        location /late {
            notify_socket; mirror /mirror; notify_ping_interval 1h;
            post_action /mirror;
        }
        location = /mirror {
            internal; proxy_pass http://127.0.0.1:$slow_port;
            proxy_read_timeout 1h;
        }
        location /post {
            notify_socket; limit_conn c 100; post_action /after;
        }
        location = /after {
            internal; proxy_pass http://127.0.0.1:\$server_port/fine;
        }
        location /cut { notify_socket; mirror /mirror408; }
        location = /mirror408 { internal; return 408; }
        location = /fine { return 200 "fine"; }
        $NotifyHandover::LOCATIONS
CONF
}


my $conn = 'limit_conn_zone $server_name zone=c:1m;';
my $nginx = NotifyHandover->new(
    workers => 1, config => locations(),
    http => "notify_ping_interval 1s; $conn")->start;


# What nginx counts is what the module counts.
sub nothing_is_left {
    my ($sockets, $name) = @_;

    return NotifyNginx::wait_for("$name: no connection is left over", sub {
        $nginx->status->{sockets} == $sockets && $nginx->active == $sockets;
    });
}


# --- mirrors that end in one way or another

sub socket_at {
    my $location = shift;

    my ($ws) = $nginx->sockets(1, $location, location => $location);
    is($nginx->push_to($location, "for $location"), 1,
       "$location: it is there");
    is($ws->message, "for $location", '... and gets what is pushed');
    return $ws;
}


for my $location (@names, map { "limited$_" } @names) {
    my $ws = socket_at($location);
    is(($ws->frame)[0], 9, '... and pings');
    $ws->close;
}

$nginx->reload(http => "notify_ping_interval 1h; $conn");
$nginx->wait_old;

my @move = map { socket_at($_) } @names;
my @stay = map { socket_at("limited$_") } @names;
my ($old) = $nginx->workers;

$nginx->reload;
my ($new) = $nginx->workers;
NotifyNginx::wait_for('those that can move', sub {
    my %places = $nginx->places;
    return $places{$old} == @stay && $places{$new} == @move;
});

kill TERM => $old;
is_deeply($nginx->closes(scalar @stay, \@stay), { 1012 => scalar @names },
          'those that cannot are closed as their worker ends');
$nginx->wait_old;
$_->close for @move;
nothing_is_left(0, 'they leave');

# There is no post_action for what has been a socket.
for my $how ('close', 'reset') {
    my ($ws) = $nginx->sockets(1, 42, location => 'post');
    is($nginx->push_to(42, 'x'), 1, 'it is there');
    is($ws->message, 'x', '... and gets what is pushed');
    $ws->send_frame(8, '') if $how eq 'close';
    $ws->close;
    nothing_is_left(0, "post_action: $how");
}


# --- a mirror that takes its time

{
    my ($ws) = $nginx->sockets(1, 42, location => 'late');
    my $mirror = $slow->accept;

    is($nginx->push_to(42, "message $_"), 1, 'it is there, though not served')
        for 1 .. 3;
    print $mirror "HTTP/1.0 200 OK\r\n\r\n";
    close $mirror;

    is($ws->message, "message $_", 'what came meanwhile arrives in order')
        for 1 .. 3;
    ok($ws->is_quiet, '... once');
    $ws->close;
    nothing_is_left(0, 'a slow mirror');
}

# Its peer leaves, resets, is told to leave.
{
    my ($ws) = $nginx->sockets(1, 42, location => 'late');
    my $mirror = $slow->accept;
    $ws->close;
    nothing_is_left(0, 'who leaves during a mirror');
    ok(!IO::Select->new($slow)->can_read(0.2), '... leaves no post_action');

    ($ws) = $nginx->sockets(1, 42, location => 'late');
    my $next = $slow->accept;
    NotifyClient::http($nginx->port, 'DELETE', '/new/42');
    print $next "HTTP/1.0 200 OK\r\n\r\n";
    close $next;
    is_deeply($nginx->closes(1, [ $ws ]), { 4403 => 1 },
              'who is told to leave during a mirror is, behind it');
    nothing_is_left(0, 'who is told to leave');
}

# nginx quits meanwhile.
{
    my ($ws) = $nginx->sockets(1, 42, location => 'late');
    my $mirror = $slow->accept;
    my ($there) = $nginx->sockets(1, 43);

    kill QUIT => $nginx->pid;
    is_deeply($nginx->closes(1, [ $there ]), { 1012 => 1 },
              'who is there when nginx quits is told');
    print $mirror "HTTP/1.0 200 OK\r\n\r\n";
    close $mirror;
    is_deeply($nginx->closes(1, [ $ws ]), { 1012 => 1 },
              '... and who is on its way');
    $nginx->stop;
    $nginx->start;
}

# A mirror that ends its request, as nginx has it, ends its socket.
{
    my ($ws) = $nginx->sockets(1, 42, location => 'cut');
    is($ws->wait_close, 1006, 'a mirror that ends the request');
    nothing_is_left(0, 'a mirror that ends the request');
}


# --- an answer that does not go out

$nginx->stop;
$nginx = NotifyHandover->new(
    workers => 1, listen => 'sndbuf=4k',
    http => 'send_timeout 1s;',
    config => 'access_log access.log;
               location /full { return 200 "' . 'x' x 300 . '"; }'
              . $NotifyHandover::LOCATIONS)->start;

{
    my @socks;

    # Nobody reads: of so many answers one is the first that waits, and for
    # one of these peers that is the answer to the handshake.
    for my $n (1 .. 80) {
        my $sock = NotifyClient::narrow($nginx->port);
        syswrite $sock, "GET /full HTTP/1.1\r\nHost: localhost\r\n\r\n" x $n
                        . NotifyWire::handshake("/client?user_id=$n");
        push @socks, $sock;
    }

    my ($answered, $sockets);
    NotifyNginx::wait_for('those that do not read to be timed out', sub {
        open my $in, '<', $nginx->root . '/access.log' or return 0;
        $answered = grep { m{ /client\?} } <$in>;
        $sockets = $nginx->status->{sockets};
        return $answered > $sockets && $nginx->active == $sockets;
    });
    cmp_ok($answered, '>', $sockets,
           'a handshake whose answer does not go out is given up');

    close $_ for @socks;
    nothing_is_left(0, 'they leave');
}

$nginx->stop;
done_testing();
