#!/usr/bin/perl

# Reloads: with the same configuration a hundred times, with other numbers of
# workers, another size of the zone, another module file, and a configuration
# that is broken.  Every open socket stays open and reachable.

use strict;
use warnings;

use lib 't/lib';

use File::Copy ();
use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyNginx ();

my $LOCATIONS = 'location /client {
                     notify_socket;
                     notify_client_messages relay;
                     notify_client_max_size 1m;
                 }
                 location /new/ { notify_push; client_max_body_size 8m; }
                 location /status { notify_status; }
                 location /stub { stub_status; }';


sub push_to {
    my ($nginx, $user, $body) = @_;

    my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$user",
                                    body => $body);
    return $answer->{code} == 200
           ? JSON::PP::decode_json($answer->{body})->{sockets}
           : $answer->{code};
}


sub status {
    my $nginx = shift;
    return JSON::PP::decode_json(
        NotifyClient::http($nginx->port, 'GET', '/status')->{body});
}


# What nginx itself counts, but for the connection that asks.
sub active {
    my $nginx = shift;
    my $body = NotifyClient::http($nginx->port, 'GET', '/stub')->{body};
    my ($active) = $body =~ /Active connections: (\d+)/;
    return $active - 1;
}


# That each of them gets a message, and just that.
sub all_reached {
    my ($nginx, $user, $name, @sockets) = @_;
    my $text = "$name " . rand;

    is(push_to($nginx, $user, $text), @sockets, "$name: all are counted");
    my @wrong = grep { $_ ne $text } map { $_->message } @sockets;
    is_deeply(\@wrong, [], "$name: all are reached");
    is(grep({ !$_->is_quiet } @sockets), 0, "$name: by nothing else");
}


sub open_sockets {
    my ($nginx, $user, $count) = @_;
    return map { NotifyClient->open($nginx->port, "/client?user_id=$user") }
           1 .. $count;
}


sub wait_old_workers {
    my $nginx = shift;
    return NotifyNginx::wait_for('the end of old workers',
                                 sub { !$nginx->old_workers });
}


# The master forgets a worker some time after its end.
sub wait_reaped {
    my $nginx = shift;

    return NotifyNginx::wait_for('the master', sub {
        my @children = NotifyNginx::children_of($nginx->pid);
        return @children == $nginx->workers;
    });
}


# A peer that does not answer a close frame is waited for, for seconds.
sub finish {
    my ($nginx, $sockets, @expect) = @_;

    $_->close for @$sockets;
    $nginx->stop(@expect);
}


# A hundred times the same.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS,
                                 http => 'notify_ping_interval 1h;')->start;
    my @sockets = open_sockets($nginx, 42, 100);
    my ($descriptors, $used, @memory, @counts);

    for my $round (0 .. 100) {
        $nginx->reload if $round;

        # The first few rounds fill what is kept: arenas, logs, slots.
        if ($round == 10 || $round == 100) {
            wait_old_workers($nginx);
            wait_reaped($nginx);
            push @memory, $nginx->memory($nginx->pid);
        }

        $descriptors = $nginx->descriptors($nginx->pid) if $round == 10;

        # The history has all that it may have, some of it on its way.
        if ($round > 65 && $round <= 80) {
            my $now = status($nginx)->{zone}{used};
            $used = $now if !defined $used || $now < $used;
        }

        push @counts, push_to($nginx, 42, "round $round");
    }

    is(grep({ $_ != 100 } @counts), 0, 'no socket was lost in 100 reloads');

    my @wrong;
    for my $round (0 .. 100) {
        push @wrong, grep { $_ ne "round $round" }
                     map { $_->message } @sockets;
    }
    is_deeply(\@wrong, [], 'each push reached each socket, once, in order');

    # What is pushed while a third worker has sockets is larger.
    for my $text (map { "in peace $_" } 1 .. 64) {
        push_to($nginx, 42, $text);
        $_->message eq $text || die for @sockets;
    }

    NotifyNginx::wait_for('the zone to have no more in it', sub {
        my $status = status($nginx);
        return $status->{users} == 1 && $status->{zone}{messages} == 64
               && $status->{zone}{used} < $used + 512;
    });

    # It closes those of a worker some time after it has waited for it.
    NotifyNginx::wait_for('the master to keep no descriptor', sub {
        $nginx->descriptors($nginx->pid) <= $descriptors;
    });
    cmp_ok($memory[1] - $memory[0], '<', 1024,
           'the master does not grow by a megabyte');
    is($nginx->old_workers, 0, 'old workers hand over and exit');
    is(status($nginx)->{sockets}, 100, 'the status counts all');

    $_->send_frame(8, pack 'n', 1000) for @sockets;
    is(grep({ $_->wait_close != 1000 } @sockets), 0, 'all are closed');
    NotifyNginx::wait_for('no socket', sub {
        status($nginx)->{sockets} == 0;
    });
    NotifyNginx::wait_for('stub_status to be right', sub {
        active($nginx) == 0;
    });
    is(active($nginx), 0, 'nginx counts no connection too many');
    $nginx->stop;
}


# Sockets that stay with old workers.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS,
                                 http => 'notify_handover off;')->start;
    my @old = open_sockets($nginx, 42, 10);
    my @before = $nginx->workers;
    $nginx->reload;

    ok(scalar $nginx->old_workers, 'old workers stay for their sockets');
    my @new = open_sockets($nginx, 42, 10);
    all_reached($nginx, 42, 'from new workers', @old, @new);

    # What a socket sends is pushed by its own worker.
    $old[0]->send_frame(1, 'from an old worker');
    is_deeply([ grep { $_ ne 'from an old worker' }
                map { $_->message } @old, @new ], [],
              'an old worker reaches all');
    $new[0]->send_frame(1, 'from a new worker');
    is_deeply([ grep { $_ ne 'from a new worker' }
                map { $_->message } @old, @new ], [],
              'a new worker reaches all');

    my $answer = NotifyClient::http($nginx->port, 'HEAD', '/new/42');
    is($answer->{headers}{'notify-sockets'}, 20, 'all are counted');

    $_->close for @old;
    wait_old_workers($nginx);
    is($nginx->old_workers, 0, 'they exit when the last one has left');
    all_reached($nginx, 42, 'afterwards', @new);

    NotifyClient::http($nginx->port, 'DELETE', '/new/42');
    is(grep({ $_->wait_close != 4403 } @new), 0, 'DELETE reaches all');
    finish($nginx, \@new);
}


# Another number of workers, in both ways of going on.
for my $handover ('on', 'off') {
    my $nginx = NotifyNginx->new(
        workers => 2, config => $LOCATIONS,
        http => "notify_handover $handover;")->start;
    my @sockets = open_sockets($nginx, 42, 5);

    for my $workers (4, 1, 3, 2) {
        $nginx->reload(workers => $workers);
        push @sockets, open_sockets($nginx, 42, 5);
        all_reached($nginx, 42, "handover $handover, $workers workers",
                    @sockets);
    }

    $_->close for @sockets;
    wait_old_workers($nginx);
    NotifyNginx::wait_for('a line for each socket', sub {
        my %lines;
        $lines{$_}++ for $nginx->log
            =~ /websocket closed: 1006 .*, \d{1,2}s, (\d+) messages .* "42"/g;
        return join(' ', map { "$_: $lines{$_}" } sort keys %lines)
               eq '1: 5 2: 5 3: 5 4: 10';
    });
    $nginx->stop;
}


# The zone grows in place.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS,
                                 http => 'notify_zone 1m;')->start;
    my @sockets = open_sockets($nginx, 42, 4);
    my $large = 'x' x (2 * 1024 * 1024);

    is(push_to($nginx, 42, $large), 507, 'it does not fit');
    my $size = status($nginx)->{zone}{size};
    $nginx->reload(http => 'notify_zone 8m;');
    cmp_ok(status($nginx)->{zone}{size}, '>', $size, 'the zone has grown');
    is(push_to($nginx, 42, $large), 4, 'now it fits');
    is(grep({ $_->message ne $large } @sockets), 0, 'and has arrived');
    all_reached($nginx, 42, 'in the larger zone', @sockets);

    $nginx->reload(http => 'notify_zone 1m;');
    all_reached($nginx, 42, 'in the smaller zone', @sockets);
    is(push_to($nginx, 42, $large), 507, 'it does not fit any more');
    all_reached($nginx, 42, 'after the refusal', @sockets);
    finish($nginx, \@sockets);
}


# Another module file.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS)->start;
    my @sockets = open_sockets($nginx, 42, 4);
    my ($ndk, $module) = NotifyEnv::modules();
    my $other = $nginx->root . '/another.so';
    File::Copy::copy($module, $other) or die "copy: $!";

    $nginx->reload(modules => [ $ndk, $other ]);
    push @sockets, open_sockets($nginx, 42, 4);
    all_reached($nginx, 42, 'another module file', @sockets);

    my ($worker) = $nginx->workers;
    open my $maps, '<', "/proc/$worker/maps" or die "maps: $!";
    my @mapped = grep { /\Q$other\E$/ } <$maps>;
    ok(scalar @mapped, 'new workers run it');

    $nginx->reload(modules => [ $ndk, $module ]);
    all_reached($nginx, 42, 'and the first one again', @sockets);
    finish($nginx, \@sockets);
}


# What cannot be loaded changes nothing.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS)->start;
    my @sockets = open_sockets($nginx, 42, 4);
    my @workers = $nginx->workers;

    $nginx->{config} .= ' bogus;';
    $nginx->configure;
    $nginx->signal('HUP');
    $nginx->wait_log(qr/unknown directive "bogus"/);
    is_deeply([ sort $nginx->workers ], [ sort @workers ],
              'a broken configuration is not loaded');
    all_reached($nginx, 42, 'after it', @sockets);

    $nginx->{config} = 'location /client { notify_socket; }
                        location /new/ { notify_push; }
                        location /status { notify_status; }
                        location /third { notify_push; notify_user $uri; }';
    $nginx->reload;
    all_reached($nginx, 42, 'another configuration', @sockets);
    finish($nginx, \@sockets, expect => qr/unknown directive "bogus"/);
}


# A location that is no more, and one whose settings are others.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS)->start;
    my @sockets = open_sockets($nginx, 42, 4);

    $nginx->reload(config => 'location /new/ { notify_push; }');
    is(grep({ $_->wait_close != 1012 } @sockets), 0,
       'sockets whose location is gone are told to come again');
    $nginx->wait_sum(4, qr/\[notice\].*:\ (\d+)\ sockets\ were\ closed\ with
                           \ 1012:\ their\ location\ is\ gone/x);
    finish($nginx, \@sockets);
}


# The last reload is one without the module's directives.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS)->start;
    my @sockets = open_sockets($nginx, 42, 4);

    $nginx->reload(config => 'location / { return 204; }');
    is(grep({ $_->wait_close != 1012 } @sockets), 0,
       'sockets of a module that is not used any more are closed');
    $_->close for @sockets;
    wait_old_workers($nginx);

    $nginx->reload(config => $LOCATIONS);
    @sockets = open_sockets($nginx, 42, 4);
    all_reached($nginx, 42, 'used again', @sockets);
    finish($nginx, \@sockets);
}


# Quitting.
{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS)->start;
    my @sockets = open_sockets($nginx, 42, 10);

    push_to($nginx, 42, 'the last one');
    kill QUIT => $nginx->pid;
    is(grep({ $_->message ne 'the last one' } @sockets), 0,
       'what was pushed before arrives');
    is(grep({ $_->wait_close != 1012 } @sockets), 0, 'QUIT closes with 1012');
    $_->close for @sockets;
    $nginx->stop;
}

{
    my $nginx = NotifyNginx->new(workers => 2, config => $LOCATIONS)->start;
    my @sockets = open_sockets($nginx, 42, 10);

    kill TERM => $nginx->pid;
    is(grep({ $_->wait_close != 1012 } @sockets), 0, 'TERM closes with 1012');
    $nginx->stop;
}

{
    my $nginx = NotifyNginx->new(
        workers => 2, config => $LOCATIONS, http => 'notify_handover off;',
        main => 'worker_shutdown_timeout 1s;')->start;
    my @sockets = open_sockets($nginx, 42, 10);

    $nginx->reload;
    is(grep({ $_->wait_close != 1012 } @sockets), 0,
       'worker_shutdown_timeout closes with 1012');
    $_->close for @sockets;
    wait_old_workers($nginx);
    $nginx->stop;
}

done_testing();
