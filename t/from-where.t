#!/usr/bin/perl

# The cases of docs/http.md, "From where": what nginx sees of a push, what the
# default answers, and whether what is to be written helps.  Other machines
# and containers are other addresses of 127/8 here.

use strict;
use warnings;

use lib 't/lib';

use File::Temp ();
use IO::Select ();
use IO::Socket::INET ();
use IO::Socket::UNIX ();
use POSIX ();
use Test::More;

use NotifyClient ();
use NotifyDocs ();
use NotifyEnv ();
use NotifyNginx ();

my $dir = NotifyEnv::work_dir();
my @relays;


# A push from an address, to a port or a unix socket: status and body.
sub push_from {
    my ($from, $port, $uri, @headers) = @_;

    my $sock = $port =~ m{^/} ? NotifyClient::connect_to($port)
             : IO::Socket::INET->new(LocalAddr => $from, PeerPort => $port,
                                     PeerAddr => '127.0.0.1')
               // die "connect from $from: $@\n";
    my $answer = NotifyClient::http($port, 'POST', $uri, sock => $sock,
                                    body => 'x', headers => \@headers);

    return wantarray ? ($answer->{code}, $answer->{body}) : $answer->{code};
}


# A proxy in TCP mode: what comes to its port goes to another one, or to a
# unix socket, and back.
sub relay {
    my $to = shift;

    my $port = NotifyEnv::free_port();
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 8, ReuseAddr => 1)
        or die "listen: $@\n";
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        pass_on($listen, $to);
        POSIX::_exit(0);
    }

    push @relays, $pid;
    return $port;
}


sub pass_on {
    my ($listen, $to) = @_;
    my $select = IO::Select->new($listen);
    my %other;

    while (1) {
        for my $sock ($select->can_read) {

            if ($sock == $listen) {
                my $in = $listen->accept;
                my $out = NotifyClient::connect_to($to);

                @other{$in, $out} = ($out, $in);
                $select->add($in, $out);
                next;
            }

            my $other = delete $other{$sock} // next;

            if (sysread $sock, my $bytes, 65536) {
                syswrite $other, $bytes;
                $other{$sock} = $other;
                next;
            }

            delete $other{$other};
            $select->remove($sock, $other);
            close $_ for $sock, $other;
        }
    }
}


END {
    local $?;
    kill KILL => @relays if @relays;
}


sub passwords {
    my ($path, @pairs) = @_;

    open my $out, '>', $path or die "open $path: $!";
    print $out map { "$_\n" } @pairs;
    close $out or die "write $path: $!";
    return $path;
}


# The default, with each way to it.
{
    my $pp = NotifyEnv::free_port();
    my $nginx = NotifyNginx->new(
        config => "listen unix:$dir/default.sock; listen 127.0.0.1:$pp"
                  . ' proxy_protocol; location /new/ { notify_push; }',
    )->start;
    my $port = $nginx->port;

    is(push_from('127.0.0.1', $port, '/new/42'), 200,
       'the same machine, or pod, is taken');
    is(push_from('', "$dir/default.sock", '/new/42'), 200,
       'so is a unix socket');

    my ($code, $body) = push_from('127.0.0.5', $port, '/new/42');
    is($code, 403, 'another address is refused');
    like($body, qr/peer 127\.0\.0\.5 is not local/, '... by its name');
    my ($write) = $body =~ /write \\"(.*?)\\" in this location/;
    like($write, qr/^notify_push from=any; allow 127\.0\.0\.5; deny all;$/,
         '... with a line to write');

    my $other = NotifyNginx->new(config => "location /new/ { $write }")->start;
    is(push_from('127.0.0.5', $other->port, '/new/42'), 200,
       'which lets it in');
    is(push_from('127.0.0.6', $other->port, '/new/42'), 403,
       '... and not its neighbour');
    is(push_from('127.0.0.1', $other->port, '/new/42'), 403,
       '... nor this machine');
    $other->stop(expect => qr/access forbidden by rule/);

    # The peer of all that follows is 127.0.0.1: a proxy on this machine.
    my $front = NotifyNginx->new(config => "
        location /says/ {
            proxy_pass http://127.0.0.1:$port/new/;
            proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
        }
        location /silent/ { proxy_pass http://127.0.0.1:$port/new/; }")->start;

    is(push_from('127.0.0.5', $front->port, '/says/42'), 403,
       'an HTTP proxy that says so is seen');
    is(push_from('127.0.0.5', $front->port, '/silent/42'), 200,
       'one that tells nothing is not');
    $front->stop;

    is(push_from('127.0.0.5', relay($port), '/new/42'), 200,
       'nor is a proxy in TCP mode');

    my $sock = NotifyClient::connect_to($pp);
    syswrite $sock, "PROXY TCP4 192.0.2.7 192.0.2.1 40000 80\r\n";
    is(NotifyClient::http($pp, 'POST', '/new/42', sock => $sock, body => 'x')
       ->{code}, 403, 'unless it speaks the PROXY protocol');

    $nginx->stop;
}


# A unix socket that only some may open.
SKIP: {
    skip 'needs root', 6 if $> != 0;

    # Everybody gets as far as to that directory.
    my $closed = File::Temp::tempdir(DIR => '/tmp', CLEANUP => 1);
    my (undef, undef, $user, $group) = getpwnam 'nobody';
    my $recipe = NotifyDocs->new('http.md', 'From where', 1)
                 ->put('/run/notify' => $closed);
    my $nginx = NotifyNginx->new($recipe->settings)->start;
    my $path = "$closed/push.sock";

    is((stat $path)[2] & 0777, 0666, 'nginx makes a socket open to all');
    is(push_from('', $path, '/new/42'), 200, '... and takes pushes there');

    my $opens = sub {
        my $pid = fork() // die "fork: $!";

        if ($pid == 0) {
            $) = "$group $group";
            POSIX::setgid($group);
            POSIX::setuid($user);
            POSIX::_exit(IO::Socket::UNIX->new(Peer => $path) ? 0 : 1);
        }
        waitpid $pid, 0;
        return $? == 0;
    };

    chmod 0755, $closed;
    ok($opens->(), 'also from anybody');
    chmod 0750, $closed;
    ok(!$opens->(), 'its directory keeps others out');
    is(push_from('', $path, '/new/42'), 200, '... and not the site');
    $nginx->stop;
}


# A secret tells apart who comes from one address.
{
    my $file = passwords("$dir/push.htpasswd", 'site:{PLAIN}secret');
    my $recipe = NotifyDocs->new('http.md', 'From where', 2)
                 ->put('/etc/nginx/push.htpasswd' => $file);
    my $nginx = NotifyNginx->new($recipe->settings)->start;
    my $tunnel = relay($recipe->port(8081));

    is(push_from('127.0.0.5', $tunnel, '/new/42'), 401,
       'through a proxy in TCP mode, without the secret');
    is(push_from('127.0.0.5', $tunnel, '/new/42',
                 'Authorization: Basic c2l0ZTpzZWNyZXQ='), 200,
       '... and with it');
    $nginx->stop;
}


# From inside: a site that answers with X-Accel-Redirect.
{
    my $site = NotifyNginx->new(config => '
        location = /messages/save {
            add_header X-Accel-Redirect /_push/42 always;
            return 200 saved;
        }
        location / { return 200 "the page\n"; }')->start;
    my $backend = '127.0.0.1:' . $site->port;

    my $recipe = NotifyDocs->new('http.md', 'From inside nginx', 1)
                 ->put('127.0.0.1:8000' => $backend);
    my $nginx = NotifyNginx->new($recipe->settings(config =>
        'location /client { notify_socket; }'))->start;
    my $ws = NotifyClient->open($nginx->port, '/client?user_id=42');

    my ($code, $body) = push_from('127.0.0.1', $nginx->port,
        '/messages/save', 'Origin: http://localhost',
        'Sec-Fetch-Site: same-origin');
    is($code, 200, "a browser's request that the site makes a push");
    like($body, qr/"user":"42","sockets":1/, '... is answered by a receipt');
    is($ws->message, '', '... and sends an empty message');
    is(push_from('127.0.0.1', $nginx->port, '/_push/42'), 404,
       'nobody pushes there without the site');
    $ws->close;
    $nginx->stop;

    # By mirror.
    my $file = passwords("$dir/members", 'joe:{PLAIN}secret');
    $recipe = NotifyDocs->new('http.md', 'From inside nginx', 2)
              ->put('127.0.0.1:8000' => $backend,
                    '/etc/nginx/members' => $file);
    $nginx = NotifyNginx->new($recipe->settings(config =>
        'location /client { notify_socket; }'))->start;
    $ws = NotifyClient->open($nginx->port, '/client?user_id=everybody');

    is(push_from('127.0.0.1', $nginx->port, '/shouts/'), 401,
       'a mirror asks who it is');
    ok($ws->is_quiet, '... and sends nothing before it knows');
    ($code, $body) = push_from('127.0.0.1', $nginx->port, '/shouts/',
                               'Authorization: Basic am9lOnNlY3JldA==');
    is($body, "the page\n", 'then the site answers');
    is($ws->message, 'x', '... and the body is pushed');
    is(push_from('127.0.0.1', $nginx->port, '/_push/42'), 404,
       'nobody pushes there else');
    $ws->close;
    $nginx->stop;
    $site->stop;
}


# A rewrite comes before access rules.
{
    my $recipe = NotifyDocs->new('http.md', 'From inside nginx', 3)
                 ->put('10.0.0.0/24' => '127.0.0.5');
    my $nginx = NotifyNginx->new($recipe->settings(config =>
        'location /rules/ {
             deny all;
             rewrite ^/rules/(.+)$ /open/$1 last;
         }
         location /open/ { notify_push from=any; }'))->start;

    my ($code, $body) = push_from('127.0.0.5', $nginx->port, '/old/push/42');
    is($code, 200, 'a push by a rewrite');
    like($body, qr/"user":"42"/, '... is for whom it says');
    is(push_from('127.0.0.1', $nginx->port, '/old/push/42'), 403,
       'the rules of the second location count');
    is(push_from('127.0.0.1', $nginx->port, '/rules/42'), 200,
       'those of the first do not');
    $nginx->stop(expect => qr/access forbidden by rule/);
}

done_testing();
