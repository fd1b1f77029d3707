#!/usr/bin/perl

# Loaded but unused costs nothing: no descriptor, no memory of the zone, no
# line in the log, until a location asks.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use NotifyClient ();
use NotifyEnv ();
use NotifyNginx ();

my ($ndk, $module) = NotifyEnv::modules();


# What the processes of a server hold.
sub holdings {
    my %set = @_;

    my $nginx = NotifyNginx->new(%set)->start;
    my ($worker) = $nginx->workers;
    my %has;

    is(NotifyClient::http($nginx->port, 'GET', '/')->{code}, 204,
       'it answers');

    for my $who ([ master => $nginx->pid ], [ worker => $worker ]) {
        my ($name, $pid) = @$who;
        $has{"$name descriptors"} = $nginx->descriptors($pid);
        $has{"$name zones"} = grep { (readlink($_) // '') =~ /memfd/ }
                              glob "/proc/$pid/fd/*";
        $has{"$name mappings"} = mappings($pid);
        $has{"$name memory"} = $nginx->memory($pid);
    }

    $nginx->stop;
    my $log = $nginx->log;
    $has{log} = () = $log =~ /notify/g;
    return \%has;
}


# Shared mappings, but for those of files that modules are.
sub mappings {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/maps" or die "maps: $!";
    return scalar grep { /^\S+ ...s / } <$in>;
}


my $config = 'location / { return 204; }';
my $without = holdings(config => $config, modules => [ $ndk ]);
my $with = holdings(config => $config);

for my $what (sort keys %$without) {
    next if $what =~ /memory/;
    is($with->{$what}, $without->{$what}, "loaded, unused: $what");
}

cmp_ok($with->{'worker memory'} - $without->{'worker memory'}, '<', 1024,
       'loaded, unused: worker memory');

# Settings alone are not used, nor is a variable in a log.
$with = holdings(
    config => $config,
    http => 'notify_ping_interval 10s; notify_origins any;
             log_format x "$notify_user $notify_id";
             access_log logs.x x;');

for my $what (grep { /zones|mappings/ } sort keys %$without) {
    is($with->{$what}, $without->{$what}, "only settings: $what");
}

# That the comparison can fail: with a location it does.
$with = holdings(config => "$config location /client { notify_socket; }");
cmp_ok($with->{$_}, '>', $without->{$_}, "used: $_")
    for 'master zones', 'worker zones', 'worker descriptors',
        'worker mappings';

done_testing();
