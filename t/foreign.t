#!/usr/bin/perl

# A module of another version, which writes sockets down in another way, or
# has another layout of the zone: it does not read what is not for it.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use NotifyEnv ();
use NotifyHandover ();
use NotifyMutant ();

plan skip_all => 'these builds are not instrumented'
    if $ENV{NOTIFY_TEST_TAG};

my $SO = 'ngx_http_notify_module.so';
my $dir = NotifyEnv::work_dir();
my ($ndk, $module) = NotifyEnv::modules();


# Each of these runs on its own, too: NOTIFY_TEST_ONLY has its title.
sub about {
    my ($title, $test) = @_;
    my $only = $ENV{NOTIFY_TEST_ONLY};

    subtest($title, $test)
        if !defined $only || grep { $_ eq $title } split /\n/, $only;
}


sub other_records {
    return NotifyMutant::build("$dir/records",
        [ 'notify_record.h', '| NOTIFY_CODEC_LAYOUT << 16',
          '| 0x80u << 24 | NOTIFY_CODEC_LAYOUT << 16' ]) . "/$SO"
        if !-d "$dir/records";
    return "$dir/records/$SO";
}


about('sockets do not go to another version, but are drained', sub {
    my $nginx = NotifyHandover->new(workers => 2,
                                    http => 'notify_drain 1s;')->start;
    my @sockets = $nginx->sockets(20, 42);

    $nginx->reload(modules => [ $ndk, other_records() ]);
    my @new = $nginx->sockets(5, 42);
    $nginx->wait_log(qr/\d+ sockets (?:stay \(the new |find no room in )/);
    is_deeply($nginx->closes(20, \@sockets), { 1012 => 20 },
              'all are closed');
    $nginx->wait_old;
    $nginx->reaches(42, 'its own', @new);
    is($nginx->status->{handover}{handed_over}, 0, 'none was handed over');
    $nginx->stop;
});


about('an heir of another version closes what it inherits', sub {
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(40, 42);
    my ($slow) = $nginx->hand_over_to_frozen(sub { $_[0] });
    my %places = $nginx->places;
    my $lost = $places{$slow};

    # It is not started again, so that its heir is one of another version.
    $nginx->reload_past(modules => [ $ndk, other_records() ]);
    kill KILL => $slow;
    NotifyNginx::wait_for('its end', sub { !NotifyNginx::running($slow) });
    $nginx->reload_past;

    is_deeply($nginx->closes($lost, \@sockets), { 1012 => $lost },
              'it closes them');
    $nginx->wait_log(qr/\d+ sockets of another version of this module/);
    $nginx->reaches(42, 'the others', @sockets);
    $nginx->stop(expect => qr/worker process \d+ exited on signal 9/);
});


about('records that are not what they are said to be are not acted on', sub {
    my $objs = NotifyMutant::build("$dir/wrong",
        [ 'ngx_http_notify_record.c', 'p = ngx_cpymem(p, &record,',
          'record.data++; p = ngx_cpymem(p, &record,' ]);
    my $nginx = NotifyHandover->new(workers => 2,
                                    modules => [ $ndk, "$objs/$SO" ])->start;
    my @sockets = $nginx->sockets(20, 42);

    $nginx->reload(modules => [ $ndk, $module ]);
    is_deeply($nginx->closes(20, \@sockets), { 1012 => 20 },
              'all are closed');
    $nginx->wait_log(qr/\d+ sockets of another version of this module/);
    $nginx->wait_old;

    my @new = $nginx->sockets(5, 42);
    $nginx->reaches(42, 'its own', @new);
    is($nginx->status->{sockets}, 5, 'there are no others');
    $nginx->stop;
});


about('a zone of another layout is left alone', sub {
    my $objs = NotifyMutant::build("$dir/layout",
        [ 'notify_zone.c', '#include "notify_zone.h"',
          qq{#include "notify_zone.h"\n#undef NOTIFY_LAYOUT\n}
          . '#define NOTIFY_LAYOUT 99u' ]);
    my $nginx = NotifyHandover->new(workers => 2)->start;
    my @sockets = $nginx->sockets(5, 42);

    $nginx->reload(modules => [ $ndk, "$objs/$SO" ]);
    is_deeply($nginx->closes(5, \@sockets), { 1012 => 5 },
              'its sockets are closed');
    my @new = $nginx->sockets(5, 42);
    $nginx->reaches(42, 'those of the new one', @new);
    is($nginx->status->{sockets}, 5, 'there are no others');
    $nginx->stop;
});

done_testing();
