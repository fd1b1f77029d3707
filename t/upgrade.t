#!/usr/bin/perl

# Another binary (USR2): two masters at once, whose sockets hear each other's
# pushes, and move to the one that stays.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use NotifyHandover ();


# Something that is done while the workers of the other master are stopped: by
# the old master's workers, or by the new one's.
sub by {
    my ($nginx, $who, $action) = @_;

    my @others = $who eq 'old' ? $nginx->workers
                               : $nginx->workers_of($nginx->{old});
    $nginx->freeze(@others);
    my @result = $action->();
    $nginx->thaw(@others);

    return @result;
}


# A push to either master reaches all of them.
sub both_reach {
    my ($nginx, $name, @sockets) = @_;

    for my $who ('old', 'new') {
        my $text = "$name, by the $who one";

        my ($count) = by($nginx, $who, sub { $nginx->push_to(42, $text) });
        is($count, @sockets, "$text: all are counted");
        is(grep({ $_->message ne $text } @sockets), 0, '... all have it');
    }
}


sub all_in {
    my ($nginx, $sockets, $name) = @_;
    my %places = $nginx->places;
    my $sum = 0;

    $sum += delete $places{$_} // 0 for $nginx->workers;
    is($sum, $sockets, "$name: its workers have all sockets");
    is(scalar(keys %places), 0, '... and there are no others');
    is($nginx->active, $sockets, '... and it counts them');
}


# An upgrade that stays.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(20, 42);

    $nginx->upgrade;
    both_reach($nginx, 'two masters', @sockets);
    push @sockets, by($nginx, 'new', sub { $nginx->sockets(10, 42) });
    both_reach($nginx, 'sockets of both', @sockets);

    my %places = $nginx->places;
    is(scalar(keys %places), 4, 'the status knows the workers of both');
    is($nginx->status->{sockets}, 30, '... and all sockets');

    $nginx->leave_old('WINCH');
    $nginx->reaches(42, 'without old workers', @sockets);
    all_in($nginx, 30, 'the new master');

    $nginx->leave_old('QUIT');
    $nginx->reaches(42, 'without the old master', @sockets);
    $nginx->reload;
    $nginx->wait_old;
    $nginx->reaches(42, 'after a reload of the new one', @sockets);

    # And another one, this time without WINCH.
    $nginx->upgrade(workers => 3);
    both_reach($nginx, 'once more', @sockets);
    $nginx->leave_old('QUIT');
    $nginx->reaches(42, 'two upgrades later', @sockets);
    all_in($nginx, 30, 'the third master');
    is($nginx->status->{handover}{orphaned}, 0, 'none was closed');
    $nginx->stop;
}


# And back.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(20, 42);

    $nginx->upgrade(workers => 1);
    $nginx->leave_old('WINCH');
    push @sockets, $nginx->sockets(10, 42);
    all_in($nginx, 30, 'the new master');

    $nginx->{workers} = 2;
    $nginx->come_back;
    $nginx->reaches(42, 'back', @sockets);
    all_in($nginx, 30, 'the old master, again');

    # A worker that is started instead of one that was killed is one of two
    # masters, too.
    $nginx->upgrade;
    my ($victim) = $nginx->workers;
    my %places = $nginx->places;
    is($places{$victim}, 0, 'a worker without sockets');
    $nginx->kill_worker($victim);
    both_reach($nginx, 'after a death', @sockets);
    $nginx->leave_old('QUIT');
    $nginx->reaches(42, 'after the old master', @sockets);
    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
}


# Two masters of different minds: each has its own rules, the newest size
# counts.
{
    my $nginx = NotifyHandover->new(workers => 1, http => 'notify_zone 4m;',
        config => 'location /client { notify_socket; }
                   location /gone { notify_socket; }
                   location /new/ { notify_push; }
                   location /status { notify_status; }
                   location /stub { stub_status; }')->start;
    my @old = $nginx->sockets(5, 42);
    my @gone = $nginx->sockets(5, 43, location => 'gone');
    my $size = $nginx->status->{zone}{size};

    $nginx->upgrade(http => 'notify_zone 16m;',
        config => 'location /client {
                       notify_socket;
                       notify_client_messages relay;
                   }
                   location /other { notify_socket; }
                   location /new/ { notify_push; }
                   location /status { notify_status; }
                   location /stub { stub_status; }');
    my @new = by($nginx, 'new', sub { $nginx->sockets(5, 42) });

    is($nginx->status->{zone}{size}, 4 * $size, 'the newest size counts');
    both_reach($nginx, 'different masters', @old, @new);

    $old[0]->send_frame(1, 'ignored');
    ok($old[0]->is_quiet, 'the old location ignores messages');
    $new[0]->send_frame(1, 'relayed');
    is(grep({ $_->message ne 'relayed' } @old, @new), 0,
       'the new one relays them, to the sockets of both');
    ok($old[0]->is_quiet, '... and nothing else');

    $nginx->leave_old('WINCH');
    is_deeply($nginx->closes(5, \@gone), { 1012 => 5 },
              'what the new master does not know is closed with 1012');
    $old[0]->send_frame(1, 'now it is');
    is(grep({ $_->message ne 'now it is' } @old, @new), 0,
       'what it knows has its rules');

    my @other = $nginx->sockets(5, 44, location => 'other');
    $nginx->come_back;
    is_deeply($nginx->closes(5, \@other), { 1012 => 5 },
              'the same on the way back');
    $nginx->reaches(42, 'and the others are back', @old, @new);
    $old[0]->send_frame(1, 'ignored');
    ok($old[0]->is_quiet, '... with the old rules');
    $nginx->stop;
}


# A new master that does not come up.
{
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(10, 42);
    my @workers = sort $nginx->workers;

    $nginx->{config} .= ' bogus;';
    $nginx->configure;
    kill USR2 => $nginx->pid;
    $nginx->wait_log(qr/new binary process \d+ exited with code 1/);
    is_deeply([ sort $nginx->workers ], \@workers,
              'a new master that does not start changes nothing');
    $nginx->reaches(42, 'without a new master', @sockets);
    $nginx->stop(expect => qr/unknown directive "bogus"/);
}

done_testing();
