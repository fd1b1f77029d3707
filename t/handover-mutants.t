#!/usr/bin/perl

# Shows that t/handover.t can fail: the module is built from a copy of the
# sources in which one step of the handover is taken out, and the same account
# must say that messages are missing.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use NotifyEnv ();
use NotifyHandover ();

plan skip_all => 'these builds are not instrumented'
    if $ENV{NOTIFY_TEST_TAG};

# Each: name, whether it may lose messages, and what is changed where: the
# text must stand there exactly once.
# A batch that goes a little later finds something in the inbox, also where
# nothing else keeps the machine busy.
my $LOCK = 'notify_lock(z);

        n = notify_bus_take_locked(z, items, max, done, ndone);

        if (n == 0) {';
my @LATER = ('notify_bus.c', '#include <string.h>',
             "#include <string.h>\n#include <unistd.h>",
             'notify_bus.c', $LOCK, "(void) usleep(300);\n        $LOCK");

my @MUTANTS = (
    [ 'nothing is changed', 0 ],

    [ 'a batch goes a little later', 0, @LATER ],

    [ 'the inbox is not emptied before a batch goes', 1, @LATER,
      'notify_bus.c', 'n = notify_bus_take_locked(z, items, max, done, ndone);

        if (n == 0) {',
      'n = notify_bus_take_locked(z, items, 0, done, ndone);

        if (n == 0) {' ],

    [ 'a batch is adopted behind what followed it', 1,
      'notify_bus.c', 'if (items[n - 1].kind == NOTIFY_BATCH) {',
      'if (0) {',
      'ngx_http_notify_deliver.c', 'if (item->kind == NOTIFY_BATCH) {',
      'if (item->kind == NOTIFY_BATCH && w->item + 1 < w->nitems
        && item[1].kind != NOTIFY_BATCH)
    {
        notify_item_t  batch = item[0];

        item[0] = item[1];
        item[1] = batch;
        return NGX_OK;
    }

    if (item->kind == NOTIFY_BATCH) {' ],
);

my $dir = NotifyEnv::work_dir();
my $top = NotifyEnv::top();
my $copy = "$dir/copy";

# What was set for the whole run is not for these builds.
delete @ENV{qw( MAKEFLAGS MFLAGS MAKELEVEL BUILD CC )};
$ENV{CFLAGS} = '-g -O1';


sub run {
    my $out = `($_[0]) 2>&1`;
    die "$_[0]\n$out" if $? != 0;
}


# Builds it, and leaves the copy as it was.
sub build {
    my ($name, @changes) = @_;
    my $object = "$dir/" . ($name =~ tr/a-z/-/cr) . '.so';
    my %was;

    while (my ($file, $from, $to) = splice @changes, 0, 3) {
        my $path = "$copy/src/$file";
        open my $in, '<', $path or die "open $path: $!";
        my $text = do { local $/; <$in> };

        $was{$path} //= $text;
        die "$file: not once: $from" if 1 != (() = $text =~ /\Q$from\E/g);
        $text =~ s/\Q$from\E/$to/;
        write_file($path, $text);
    }

    run("make -C $copy BUILD=$dir/build build"
        . " && cp $dir/build/ngx_http_notify_module.so $object");
    write_file($_, $was{$_}) for keys %was;

    return $object;
}


sub write_file {
    my ($path, $text) = @_;

    open my $out, '>', $path or die "open $path: $!";
    print $out $text;
    close $out or die "write $path: $!";
}


# A load on a few users, so that each batch has sockets of all of them; in
# each reload one of the new workers sleeps while messages come for sockets
# that are on their way to it.
sub errors_of {
    my ($object, $seed, $quiet) = @_;

    my ($ndk) = NotifyEnv::modules();
    my $nginx = NotifyHandover->new(workers => 2, modules => [ $ndk, $object ],
                                    http => 'notify_history off;')->start;
    my $moving = $nginx->moving(seed => $seed, sockets => 40, users => 4,
                                crowd => 120, relays => 0, slow => 0,
                                rate => 2000, bursts => 0, quiet => $quiet);

    for (1 .. 10) {
        my %old = map { $_ => 1 } $nginx->workers;

        $moving->ticks(1);
        $nginx->signal('HUP');

        my $new;
        NotifyNginx::wait_for('a new worker', sub {
            ($new) = grep { !$old{$_} } $nginx->workers;
        });
        $nginx->freeze($new);
        NotifyNginx::wait_for('the old workers to go', sub {
            !grep { NotifyNginx::running($_) } keys %old;
        });
        $moving->burst;
        $nginx->thaw($new);
        $nginx->wait_generation;
    }

    my $account = $moving->stop;
    $moving->end;
    $nginx->stop;
    return $account->{errors};
}


run("mkdir $copy && cp -r $top/Makefile $top/config $top/src $copy");

for my $mutant (@MUTANTS) {
    my ($name, $loses, @changes) = @$mutant;
    my $object = build($name, @changes);
    my $errors = [];

    # What is broken may be lucky; it does not come late.
    for my $seed (1 .. ($loses ? 5 : 1)) {
        $errors = errors_of($object, $seed, $loses ? 3 : 30);
        last if $loses ? grep { /missing/ } @$errors : @$errors;
    }

    if ($loses) {
        like("@$errors", qr/missing/, "$name: messages are missing");
        note(@$errors[0, 1]);

    } else {
        is_deeply($errors, [], "$name: none is");
    }
}

done_testing();
