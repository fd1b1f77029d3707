#!/usr/bin/perl

# What cannot move is served on, or closed with 1012 as notify_drain says:
# sockets over TLS, those that limit_conn counts, and all when nginx quits.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyHandover ();
use NotifyWire ();

my $DIR = NotifyEnv::work_dir();

system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
       . " -keyout $DIR/key.pem -out $DIR/cert.pem 2> $DIR/openssl.log") == 0
    or die "openssl: see $DIR/openssl.log\n";


# An nginx with a port for TLS, too.
sub nginx {
    my %set = @_;
    my $tls = NotifyEnv::free_port();

    $set{http} = 'limit_conn_zone $server_name zone=c:1m; '
        . ($set{http} // '');

    my $nginx = NotifyHandover->new(
        workers => 2, config => "
            client_header_timeout 60s;
            listen 127.0.0.1:$tls ssl;
            ssl_certificate $DIR/cert.pem;
            ssl_certificate_key $DIR/key.pem;
            location /limited { limit_conn c 5; notify_socket; }
            $NotifyHandover::LOCATIONS", %set)->start;

    $nginx->{tls} = $tls;
    return $nginx;
}


sub tls_sockets {
    my ($nginx, $count, $user, %opt) = @_;
    return $nginx->sockets($count, $user, %opt, connect => sub {
        NotifyClient::tls($nginx->{tls});
    });
}


# Served on, reached by pushes, reaching others.
{
    my $nginx = nginx();
    my @stay = (tls_sockets($nginx, 10, 42, location => 'relay'),
                $nginx->sockets(5, 42, location => 'limited'));
    my @move = $nginx->sockets(10, 42, location => 'relay');

    $nginx->reload;
    $nginx->wait_log(qr/\d+ sockets stay \(TLS or limit_conn\), set notify_dr/);
    NotifyNginx::wait_for('those that can to have moved', sub {
        my %places = $nginx->places;
        my $stayed = 0;
        $stayed += $places{$_} // 0 for $nginx->old_workers;
        return $stayed == 15;
    });
    is($nginx->status->{tls_sockets}, 10, 'the status counts TLS');

    my @new = tls_sockets($nginx, 2, 42);
    $nginx->reaches(42, 'old and new', @stay, @move, @new);

    # What a socket sends is pushed by its own worker.
    for my $sender ($stay[0], $move[0]) {
        $sender->send_frame(1, 'from one of them');
        is(grep({ $_->message ne 'from one of them' } @stay, @move, @new), 0,
           'a worker reaches all, be it old or new');
    }

    my $answer = NotifyClient->try($nginx->port, '/limited?user_id=42');
    is($answer->{answer}{code}, 503, 'limit_conn counts on');

    $_->close for @stay;
    $nginx->wait_old;
    $nginx->reaches(42, 'when they have left', @move, @new);
    is($nginx->sockets(5, 42, location => 'limited'), 5,
       'and limit_conn knows it');
    $nginx->stop;
}


# notify_drain, on reload.
{
    my $nginx = nginx(http => 'notify_drain 1s;');
    my @stay = (tls_sockets($nginx, 40, 42),
                $nginx->sockets(5, 42, location => 'limited'));
    my @move = $nginx->sockets(10, 42);

    # One more, which has not said all yet.
    my $sock = NotifyClient::tls($nginx->{tls});
    my $handshake = NotifyWire::handshake('/client?user_id=42');
    syswrite $sock, substr $handshake, 0, 30;
    NotifyNginx::wait_for('it to be accepted', sub { $nginx->active == 56 });

    $nginx->reload;
    is_deeply($nginx->closes(45, \@stay), { 1012 => 45 },
              'notify_drain closes what stays, with 1012');
    my $late = $nginx->finish($sock, substr $handshake, 30);
    is($late->{answer}{code}, 101, 'a socket that is late');
    is_deeply($nginx->closes(1, [ $late ]), { 1012 => 1 }, 'is closed, too');
    $nginx->wait_old;
    $nginx->reaches(42, 'the others', @move);
    $nginx->stop;
}


# It spreads them: in a long time, few come early.
{
    my $nginx = nginx(http => 'notify_drain 30s;');
    my @stay = tls_sockets($nginx, 60, 42);

    $nginx->reload;
    is_deeply($nginx->closes(5, \@stay), { 1012 => 5 },
              'some of 60 sockets are closed');
    is(@stay, 55, '... not all at once');
    cmp_ok($nginx->push_to(42, 'x'), '>', 0, '... and the others are served');

    # Now all at once.
    kill TERM => $nginx->pid;
    is_deeply($nginx->closes(55, \@stay), { 1012 => 55 },
              'TERM closes those that are left with 1012');
    $nginx->stop;
}


# worker_shutdown_timeout: 1012 first.
{
    my $nginx = nginx(main => 'worker_shutdown_timeout 1s;');
    my @stay = (tls_sockets($nginx, 10, 42),
                $nginx->sockets(5, 42, location => 'limited'));
    my @move = $nginx->sockets(10, 42);

    $nginx->reload;
    is_deeply($nginx->closes(15, \@stay), { 1012 => 15 },
              'worker_shutdown_timeout closes what stays, with 1012');
    $nginx->wait_old;
    $nginx->reaches(42, 'the others', @move);
    $nginx->stop;
}


# Sockets that could move, but are not to.
{
    my $nginx = nginx(http => 'notify_handover off; notify_drain 1s;');
    my @sockets = $nginx->sockets(20, 42);

    $nginx->reload;
    is_deeply($nginx->closes(20, \@sockets), { 1012 => 20 },
              'notify_drain closes what does not move without handover');
    $nginx->wait_old;
    $nginx->stop;
}


# QUIT: at once, but for those with notify_drain.
{
    (my $locations = $NotifyHandover::LOCATIONS)
        =~ s/(location \/relay \{)/$1 notify_drain 30s;/;
    my $nginx = NotifyHandover->new(workers => 2, config => $locations)->start;
    my @now = $nginx->sockets(20, 42);
    my @later = $nginx->sockets(40, 42, location => 'relay');

    $nginx->push_to(42, 'the last');
    kill QUIT => $nginx->pid;
    is(grep({ $_->message ne 'the last' } @now, @later), 0,
       'what was pushed before QUIT arrives');
    is_deeply($nginx->closes(20, \@now), { 1012 => 20 },
              'QUIT closes sockets with 1012');
    my $first = $nginx->closes(2, \@later);
    my $left = @later;
    is_deeply($first, { 1012 => 40 - $left },
              '... and those with notify_drain one after the other');
    cmp_ok($left, '>', 20, '... not all at once');
    kill TERM => $nginx->pid;
    is_deeply($nginx->closes($left, \@later), { 1012 => $left },
              '... and at TERM');
    $nginx->stop;
}


# Requests that were being read when nginx is told to quit.
{
    my $nginx = nginx();
    my $handshake = NotifyWire::handshake('/client?user_id=42');
    my $request = "GET /status HTTP/1.1\r\nHost: localhost\r\n"
                  . "Connection: close\r\n\r\n";
    my ($late, $status) = map { NotifyClient::connect_to($nginx->port) } 1, 2;

    syswrite $late, substr $handshake, 0, 30;
    syswrite $status, substr $request, 0, 30;
    NotifyNginx::wait_for('both to be accepted', sub { $nginx->active == 2 });
    my ($there) = $nginx->sockets(1, 42);
    kill QUIT => $nginx->pid;
    is_deeply($nginx->closes(1, [ $there ]), { 1012 => 1 }, 'nginx quits');
    NotifyNginx::wait_for('all workers to', sub { !$nginx->workers });

    my $socket = $nginx->finish($late, substr $handshake, 30);
    is($socket->{answer}{code}, 503, 'a handshake is refused then');
    like($socket->{buf}, qr/"error":"this server is shutting down"/,
         '... and told why');

    my $answer = bless { sock => $status, buf => '' }, 'NotifyClient';
    $answer->write(substr $request, 30);
    1 while $answer->fill;
    my ($body) = $answer->{buf} =~ /\r\n\r\n(.*)/s;
    is(JSON::PP::decode_json($body)->{refusals}{exiting}, 1,
       '... and counted');
    $nginx->stop;
}


# QUIT, when old workers still have sockets.
{
    my $nginx = nginx();
    my @stay = tls_sockets($nginx, 5, 42);
    my @move = $nginx->sockets(5, 42);

    $nginx->reload;
    NotifyNginx::wait_for('the others to move', sub {
        my %places = $nginx->places;
        my $sum = 0;
        $sum += $places{$_} for $nginx->workers;
        return $sum == 5;
    });

    kill QUIT => $nginx->pid;
    is_deeply($nginx->closes(5, \@move), { 1012 => 5 }, 'QUIT after a reload');
    is_deeply($nginx->closes(5, \@stay), { 1012 => 5 },
              '... is heard of by old workers');
    $nginx->stop;
}


# TERM, to all processes at once, meets sockets on their way.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });

    $nginx->push_to(42, 'the last');
    kill TERM => $nginx->pid, $nginx->workers;
    $nginx->thaw($slow);
    is(grep({ $_->message ne 'the last' } @sockets), 0,
       'what was pushed before TERM arrives');
    is_deeply($nginx->closes(40, \@sockets), { 1012 => 40 },
              'sockets on their way get 1012 at TERM');
    $nginx->stop;
}

done_testing();
