#!/usr/bin/perl

# The style check finds nothing.

use strict;
use warnings;

use Test::More tests => 1;

my $out = `t/lint 2>&1`;
is($?, 0, 'lint finds nothing') or diag($out);
