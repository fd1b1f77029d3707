package NotifyTest;

# What every t/*.t in block format has in common, on top of Test::Nginx: the
# real one where it is installed, else the stand-in in this directory.
#
#   use lib 't/lib';
#   use NotifyTest 'no_plan';
#   run_tests();
#   __DATA__
#
# - nginx loads the NDK, the module, and Lua where a block asks for it;
# - a block that does not expect an error in the log fails when there is one,
#   and what a server logs when it exits counts as well;
# - port and server root are this process's own, so that files can be run
#   beside each other;
# - NotifyWire's functions are at hand in "eval" sections: ::handshake(...).
#
# Set by who runs it: NOTIFY_TEST_OBJS (the build that is tested, default
# build), NOTIFY_TEST_PORTS (default 20000-29999), NOTIFY_TEST_TAG (a second
# run of the same file at the same time), NOTIFY_TEST_ONLY (titles of blocks,
# one a line: the others are left out), NOTIFY_TEST_TIMEOUT (seconds that a
# client waits, default 20), and what Test::Nginx knows.

BEGIN {
    require NotifyEnv;

    # Last, so that the real one is found first.
    push @INC, NotifyEnv::lib() . '/standin';

    $ENV{TEST_NGINX_BINARY} = NotifyEnv::nginx();
    $ENV{TEST_NGINX_PORT} ||= NotifyEnv::free_port();
    $ENV{TEST_NGINX_SERVROOT} ||= NotifyEnv::work_dir() . '/servroot';
    $ENV{TEST_NGINX_NOTIFY_DIR} = NotifyEnv::work_dir();
    NotifyEnv::use_valgrind() if $ENV{TEST_NGINX_USE_VALGRIND};
}

use Test::Nginx::Socket -Base;

use NotifyWire ();

*main::accept_key = \&NotifyWire::accept_key;
*main::client_frame = \&NotifyWire::client_frame;
*main::close_frame = \&NotifyWire::close_frame;
*main::handshake = \&NotifyWire::handshake;
*main::server_frame = \&NotifyWire::server_frame;

master_on();
check_accum_error_log();
no_long_string();
worker_connections(128);
timeout($ENV{NOTIFY_TEST_TIMEOUT} || 20);

add_block_preprocessor(sub {
    my $block = shift;

    leave_out($block);
    load_modules($block);
    expect_no_errors($block) if !defined $block->must_die;
});

add_cleanup_handler(sub {
    my @found = NotifyEnv::check_valgrind();
    Test::More::is(scalar @found, 0, 'valgrind has nothing to say')
        or Test::More::diag(@found);
}) if $ENV{TEST_NGINX_USE_VALGRIND};


my %Only = map { $_ => 1 } split /\n/, $ENV{NOTIFY_TEST_ONLY} // '';

sub leave_out ($) {
    my $block = shift;

    $block->set_value('SKIP', '') if %Only && !$Only{title($block)};
}


sub title ($) { return shift->name =~ s/^TEST \d+: //r }


sub load_modules ($) {
    my $block = shift;

    my $http = $block->http_config // '';
    my @modules = NotifyEnv::modules();

    if (($block->config // '') . $http =~ /_by_lua/) {
        push @modules, NotifyEnv::lua_module();
        $http = 'lua_package_path "' . NotifyEnv::lib()
                . "/lua/?.lua;/usr/share/lua/5.1/?.lua;;\";\n$http";
    }

    my $load = join '', map { "load_module $_;\n" } @modules;
    $block->set_value('main_config', $load . ($block->main_config // ''));
    $block->set_value('http_config', $http);
    $block->set_value('config', $block->config // '');

    # What nginx says when it starts is in the log, too, where blocks look.
    $block->set_value('suppress_stderr', 1);
}


sub expect_no_errors ($) {
    my $block = shift;

    my @sections = map { defined $_ ? ref $_ eq 'ARRAY' ? @$_ : $_ : () }
                   scalar $block->error_log, scalar $block->no_error_log;
    my @levels = grep { my $level = $_; !grep { /\[$level/ } @sections }
                 qw( error alert crit emerg );

    my $no = $block->no_error_log // [];
    my @no = ref $no eq 'ARRAY' ? @$no : ref $no ? $no : split /\n+/, $no;
    $block->set_value('no_error_log', [ @no, map { "[$_]" } @levels ]);

    return if defined $block->no_shutdown_error_log;

    my @alarms = map { "[$_]" } grep { $_ ne 'error' } @levels;
    $block->set_value('no_shutdown_error_log',
        [ @alarms, 'exited on signal', 'Sanitizer', 'runtime error:' ]);
}

1;
