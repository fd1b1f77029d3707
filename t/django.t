#!/usr/bin/perl

# The Django example's own tests, and what Django itself has to say about it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use NotifyEnv;

my $manage = NotifyEnv::top() . '/docs/examples/django/manage.py';

# what the demo's files would be made in; the tests' database is in memory
$ENV{DEMO_DIR} = NotifyEnv::work_dir();
$ENV{PYTHONDONTWRITEBYTECODE} = 1;
delete @ENV{'CELERY_BROKER_URL', 'NOTIFY_PUSH_URL'};

my $out = run('test', 'notifications');

ok($? == 0 && $out =~ /^Ran [1-9]\d* tests/m, 'its tests pass')
    or diag($out);

run('check', '--fail-level', 'WARNING');
is($?, 0, 'Django finds nothing wrong');

run('makemigrations', '--check', '--dry-run');
is($?, 0, 'the migrations are those of the models');

done_testing();


sub run {
    my $command = join ' ', '/usr/bin/python3', "'$manage'", @_;

    return scalar `$command 2>&1 </dev/null`;
}
