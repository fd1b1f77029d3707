package Test::Nginx::Socket;

# A small stand-in for Test::Nginx::Socket, which no Debian package ships.
# It stands last on @INC, so that the real one is used where it is installed
# (t/lib/NotifyTest.pm).  It runs the same blocks in the same way, as far as
# this suite's blocks go: a section that it does not know is an error, never
# a check that is silently not made.
#
# Environment, as in the real one: TEST_NGINX_BINARY, _LD_PRELOAD,
# _LOAD_MODULES, _LOG_LEVEL, _MASTER_PROCESS, _NO_SHUFFLE, _PORT, _SERVROOT,
# _TIMEOUT, _USE_HUP, _USE_VALGRIND, _VERBOSE, and $TEST_NGINX_* in a block's
# text.
#
# It does not wait for a time where the real one does: it waits until the
# line is in the log, the process is gone, the reload is through.

use v5.10.1;
use Test::Base -Base;

use Cwd ();
use File::Path ();
use IO::Select ();
use IO::Socket::INET ();
use List::Util ();
use POSIX qw( :sys_wait_h SIGKILL SIGQUIT SIGTERM SIGHUP SIGUSR1 );
use Time::HiRes ();

our $VERSION = '0.01';

our @EXPORT = qw(
    add_block_preprocessor add_cleanup_handler add_response_body_check
    add_test_cleanup_handler bail_out blocks check_accum_error_log
    env_to_nginx html_dir log_level master_off master_on
    master_process_enabled no_long_string no_root_location no_shuffle
    plan repeat_each run_tests server_addr server_name server_port
    server_port_for_client server_root timeout use_hup worker_connections
    workers
);

# The sections that something below reads, or that Test::Base itself does; a
# file that has checks of its own adds theirs.
our %SECTIONS = map { $_ => 1 } qw(
    LAST ONLY SKIP
    abort access_log config error_code error_code_like error_log
    grep_error_log grep_error_log_out http_config ignore_response init
    log_level main_config more_headers must_die name no_access_log
    no_error_log no_shutdown_error_log pipelined_requests post_main_config
    raw_request raw_response_headers_like raw_response_headers_unlike request
    response_body response_body_like response_body_unlike response_headers
    response_headers_like server_addr_for_client shutdown shutdown_error_log
    skip_eval skip_nginx suppress_stderr timeout user_files
);

my $Binary     = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $Root       = $ENV{TEST_NGINX_SERVROOT} || Cwd::cwd() . '/t/servroot';
my $Port       = $ENV{TEST_NGINX_PORT} || 1984;
my $Timeout    = $ENV{TEST_NGINX_TIMEOUT} || 3;
my $Valgrind   = $ENV{TEST_NGINX_USE_VALGRIND};
my $Preload    = $ENV{TEST_NGINX_LD_PRELOAD};
my $UseHup     = $ENV{TEST_NGINX_USE_HUP};
my $Verbose    = $ENV{TEST_NGINX_VERBOSE};
our $LogLevel   = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
my $Master     = $ENV{TEST_NGINX_MASTER_PROCESS} || 'off';
my $NoShuffle  = $ENV{TEST_NGINX_NO_SHUFFLE};
my $Addr       = '127.0.0.1';
my $ServerName = 'localhost';
my $Workers    = 1;
my $Connections = 64;
my $RepeatEach = 1;
my $NoRoot     = 0;
my $AccumLog   = 0;

my (@Preprocessors, @Cleanups, @TestCleanups, @BodyChecks, @Env);
my ($Master_pid, $Child, $Version, $Owner, %RandPorts);
my ($LogPos, $PrevBlock, $Reloads) = (0, undef, 0);

$ENV{TEST_NGINX_SERVER_ROOT} = $Root;
$ENV{TEST_NGINX_SERVER_PORT} = $Port;


# --- what a test file says before run_tests

sub add_block_preprocessor (&) { unshift @Preprocessors, shift }
sub add_cleanup_handler ($) { unshift @Cleanups, shift }
sub add_test_cleanup_handler ($) { unshift @TestCleanups, shift }
sub add_response_body_check ($) { push @BodyChecks, shift }
sub env_to_nginx (@) { push @Env, @_ }
sub check_accum_error_log () { $AccumLog = 1 }
sub html_dir () { "$Root/html" }
sub master_on () { $Master = 'on' }
sub master_off () { $Master = 'off' }
sub no_long_string () { }
sub no_root_location () { $NoRoot = 1 }
sub no_shuffle () { $NoShuffle = 1 }
sub server_port_for_client (@) { $Port }
sub server_root () { $Root }
sub use_hup () { $UseHup = 1 }

sub log_level (@) { @_ ? $LogLevel = shift : $LogLevel }
sub repeat_each (@) { $RepeatEach = shift if @_; $RepeatEach }
sub server_addr (@) { @_ ? $Addr = shift : $Addr }
sub server_name (@) { @_ ? $ServerName = shift : $ServerName }
sub server_port (@) { @_ ? $Port = shift : $Port }
sub timeout (@) { @_ ? $Timeout = shift : $Timeout }
sub worker_connections (@) { @_ ? $Connections = shift : $Connections }
sub workers (@) { @_ ? $Workers = shift : $Workers }

sub master_process_enabled (@) {
    return $Master if !@_;
    $Master = shift() ? 'on' : 'off';
}


sub bail_out (@) {
    stop_nginx();
    Test::More::BAIL_OUT(@_);
}


# --- the run

sub run_tests () {
    $Owner = $$;
    my @blocks = Test::Base::blocks();

    for my $block ($NoShuffle ? @blocks : List::Util::shuffle(@blocks)) {
        $_->($block) for @Preprocessors;

        my $name = $block->name;
        my @odd = grep { !$SECTIONS{$_} } sections_of($block);
        bail_out("$name - the stand-in knows no --- @odd") if @odd;

        $block->set_value('name', "$0 $name");
        run_block($block);
        $_->($block) for @TestCleanups;
    }

    finish();
}


sub sections_of ($) {
    my $block = shift;
    return @{ $block->{_section_order}[0] };
}


sub run_block ($) {
    my $block = shift;
    my $name = $block->name;

    return if defined $block->SKIP;

    if (my ($count, $reason) = skipped($block)) {
        SKIP: { Test::More::skip("$name - $reason", $count) }
        return;
    }

    %RandPorts = ();
    local $LogLevel = $block->log_level || $LogLevel;

    if (defined $block->must_die) {
        must_die($block);
        $PrevBlock = undef;
        return;
    }

    if (!$UseHup || !reload_nginx($block)) {
        stop_nginx();
        prepare($block);
        start_nginx($block);
    }

    $PrevBlock = $block;

    if ($block->init) {
        eval $block->init;
        bail_out("$name - init failed: $@") if $@;
    }

    for my $round (0 .. $RepeatEach - 1) {
        run_requests($block, $round);
    }

    stop_nginx() if $Valgrind && !$UseHup;
}


sub skipped ($) {
    my $block = shift;
    my $name = $block->name;

    if (defined(my $eval = $block->skip_eval)) {
        my ($count, $code) = $eval =~ /^\s*(\d+)\s*:\s*(.*)/s
            or bail_out("$name - bad --- skip_eval");
        my $skip = eval $code;
        bail_out("$name - skip_eval: $@") if $@;
        return ($count, 'skip_eval') if $skip;
    }

    if (defined(my $spec = $block->skip_nginx)) {
        my ($count, $op, $version, $why) = $spec =~
            /^\s*(\d+)\s*:\s*([<>]=?)\s*([\d.]+)\s*(?::\s*(.*?))?\s*$/s
            or bail_out("$name - bad --- skip_nginx");
        my ($have, $want) = map { canon($_) } nginx_version(), $version;
        return ($count, $why || "nginx $op $version")
            if eval "$have $op $want";
    }

    return;
}


sub canon ($) {
    my ($x, $y, $z) = split /\./, shift;
    return sprintf '%d%03d%03d', $x, $y, $z || 0;
}


sub nginx_version () {
    return $Version if $Version;

    my $out = `$Binary -V 2>&1` // '';
    ($Version) = $out =~ m{version: [^/]+/(\d+\.\d+\.\d+)}
        or bail_out("cannot run $Binary -V: $out");
    return $Version;
}


# --- nginx

sub prepare ($) {
    my $block = shift;

    # Only what a run of ours has left is removed.
    if (-d $Root) {
        bail_out("$Root is not a server root") if !-d "$Root/conf";
        File::Path::remove_tree($Root);
    }

    File::Path::make_path(map { "$Root/$_" } qw( conf html logs ));
    write_file("$Root/html/index.html", 'It works!');
    write_conf($block);
}


sub write_file ($$) {
    my ($path, $text) = @_;

    my ($dir) = $path =~ m{^(.*)/};
    File::Path::make_path($dir) if !-d $dir;

    open my $out, '>:raw', $path or bail_out("open $path: $!");
    print $out $text;
    close $out or bail_out("write $path: $!");
}


sub write_user_files ($) {
    my $block = shift;
    my $files = $block->user_files // return;

    if (!ref $files) {
        my ($lead, %text) = split /^>>> +(\S+)[^\n]*\n/m, $files;
        $files = [ map { [ $_, $text{$_} ] } keys %text ];
    }

    for my $file (@$files) {
        my ($path, $text) = @$file;
        $path = "$Root/html/$path" if $path !~ m{^/};
        write_file($path, expand($text // '', $block));
    }
}


sub expand ($$) {
    my ($text, $block) = @_;

    $text =~ s/\$(TEST_NGINX_[_A-Z0-9]+)/
        my $var = $1;
        $var =~ m{^TEST_NGINX_RAND_PORT_\d+$}
            ? $RandPorts{$var} ||= NotifyEnv::free_port()
            : $ENV{$var} \/\/ bail_out($block->name . " - no $var is set")
    /ge;

    return $text;
}


sub write_conf ($) {
    my $block = shift;

    my %part = map { $_ => expand($block->$_ // '', $block) }
               qw( main_config http_config config post_main_config );
    my $modules = join '', map { "load_module $_;\n" }
                  split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $env = join '', map { "env $_;\n" } @Env, 'ASAN_OPTIONS',
                  'UBSAN_OPTIONS', 'LD_PRELOAD';
    my $temp = join ' ', map { "${_}_temp_path $Root/${_}_temp;" }
               grep { $part{http_config} !~ /\b${_}_temp_path\b/ }
               qw( client_body proxy fastcgi scgi uwsgi );
    my $user = $> == 0 ? 'user root;' : '';
    my $daemon = $Valgrind && !defined $block->must_die ? 'off' : 'on';
    my $master = $UseHup ? 'on' : $Master;
    my $index = $NoRoot ? '' : "location / { root $Root/html; }";
    my $ver = !$UseHup ? '' : "server { listen $Port; server_name Test-Nginx;"
        . " location = /ver { return 200 'reload $Reloads'; } }";

    write_user_files($block);
    write_file("$Root/conf/nginx.conf", <<"CONF");
worker_processes $Workers;
daemon $daemon;
master_process $master;
error_log $Root/logs/error.log $LogLevel;
pid $Root/logs/nginx.pid;
$user
$env
$modules
$part{main_config}

http {
    access_log $Root/logs/access.log;
    $temp
    default_type text/plain;
    keepalive_timeout 68;

$part{http_config}

    server {
        listen $Port;
        server_name '$ServerName';
        client_max_body_size 30M;

$part{config}

        $index
    }

    $ver
}

$part{post_main_config}

events {
    accept_mutex off;
    worker_connections $Connections;
}
CONF
}


sub command ($) {
    my $block = shift;
    my $cmd = "$Binary -e $Root/logs/error.log -p $Root/"
              . " -c $Root/conf/nginx.conf > /dev/null";
    $cmd .= ' 2> /dev/null' if defined $block->suppress_stderr;
    $cmd = "LD_PRELOAD='$Preload' $cmd" if $Preload;
    return $cmd;
}


sub must_die ($) {
    my $block = shift;
    my $name = $block->name;
    my $code = $block->must_die;

    stop_nginx();
    prepare($block);
    $LogPos = 0;

    system(command($block));
    my $status = $?;

    if ($code =~ /^\s*(\d+)\s*$/) {
        Test::More::is($status >> 8, $1, "$name - exits with code $1");

    } else {
        Test::More::ok($status != 0 && !($status & 127),
                       "$name - dies as expected");
    }

    check_logs($block, 0);

    if ($status == 0) {
        $Master_pid = read_pid();
        stop_nginx();
    }
}


sub start_nginx ($) {
    my $block = shift;
    my $name = $block->name;

    $LogPos = 0;

    if ($Valgrind) {
        my $options = $Valgrind =~ /^\d+$/ ? '' : $Valgrind;
        $Child = fork() // bail_out("fork: $!");
        if ($Child == 0) {
            setpgrp;
            exec 'exec valgrind -q --num-callers=40 ' . "$options "
                 . command($block);
        }
        wait_for(60, sub {
            bail_out("$name - nginx does not start:\n" . log_text('error'))
                if !running($Child);
            -s "$Root/logs/nginx.pid";
        });
        $Master_pid = $Child;
        return;
    }

    system(command($block)) == 0
        or bail_out("$name - nginx does not start:\n" . log_text('error'));

    wait_for(30, sub { -s "$Root/logs/nginx.pid" })
        or bail_out("$name - nginx has written no pid file");
    $Master_pid = read_pid();
}


sub read_pid () {
    open my $in, '<', "$Root/logs/nginx.pid" or return;
    return int <$in>;
}


# Under TEST_NGINX_USE_HUP the blocks of a file share one nginx, and each
# block's configuration comes by reload.
sub reload_nginx ($) {
    my $block = shift;
    my $name = $block->name;

    $Reloads++;

    return 0 if !$Master_pid;

    unlink "$Root/logs/error.log", "$Root/logs/access.log";
    write_conf($block);

    my @old = children($Master_pid);
    kill SIGUSR1, $Master_pid;
    wait_for(30, sub { -e "$Root/logs/error.log" })
        or bail_out("$name - nginx does not reopen its logs");
    kill SIGHUP, $Master_pid;

    # Old workers that are done go by themselves; then each connection
    # reaches the new ones.
    my $up = wait_for(30, sub {
        my %now = map { $_ => 1 } children($Master_pid);
        return if grep { $now{$_} } @old;
        my ($resp) = talk($block, "GET /ver HTTP/1.0\r\nHost: Test-Nginx"
                                  . "\r\n\r\n", 30);
        return $resp =~ /reload $Reloads$/;
    });

    if (!$up) {
        Test::More::fail("$name - reload\n" . log_text('error'));
    }

    return 1;
}


sub children ($) {
    my $pid = shift;

    open my $in, '<', "/proc/$pid/task/$pid/children" or return;
    return split ' ', <$in> // '';
}


# A process that waits for its parent to look at it has gone, too: it is
# init that must do so for a daemon, and it may take its time.
sub running ($) {
    my $pid = shift;

    waitpid $pid, WNOHANG if $Child && $pid == $Child;
    open my $in, '<', "/proc/$pid/stat" or return kill 0, $pid;
    return (<$in> // '') !~ /\) Z /;
}


sub stop_nginx () {
    return if !$Master_pid;

    my $pid = $Master_pid;
    undef $Master_pid;
    my $name = $PrevBlock ? $PrevBlock->name : $0;

    kill SIGQUIT, $pid;

    if (!wait_for($Valgrind ? 60 : 30, sub { !running($pid) })) {
        Test::More::fail("$name - nginx does not quit");
        kill SIGTERM, $pid;
        if (!wait_for(5, sub { !running($pid) })) {
            kill SIGKILL, children($pid), $pid;
            wait_for(5, sub { !running($pid) });
        }
    }

    undef $Child;

    if ($PrevBlock) {
        check_patterns($PrevBlock, 'error', 'shutdown_error_log', '');
        check_no_patterns($PrevBlock, 'error', 'no_shutdown_error_log', '');
        undef $PrevBlock;
    }
}


sub wait_for ($$) {
    my ($seconds, $condition) = @_;
    my $deadline = Time::HiRes::time() + $seconds;

    while (1) {
        return 1 if $condition->();
        return 0 if Time::HiRes::time() > $deadline;
        select undef, undef, undef, 0.005;
    }
}


sub finish () {
    $_->() for @Cleanups;
    @Cleanups = ();
    stop_nginx();
}


END {
    local $?;
    finish() if $Owner && $Owner == $$;
}


# --- requests

sub run_requests ($$) {
    my ($block, $round) = @_;

    my $pipelined = $block->pipelined_requests;
    my @requests = requests_of($block);
    my $expected = $pipelined ? @$pipelined : @requests;
    my $index = 0;

    for my $request (@requests) {
        my ($resp, $head) = talk($block, $request, timeout_of($block));

        for (1 .. ($pipelined ? $expected : 1)) {
            if (!defined $block->ignore_response) {
                my $left;
                ($resp, $left) = parse_response($block, $resp, $head);
                check_response($block, $resp, $index, $expected > 1, $round);
                $resp = $left;
            }
            check_logs($block, $round);
            $index++;
        }
    }
}


sub timeout_of ($) {
    my $time = shift->timeout // return $Timeout;
    return $time =~ /^\s*([\d.]+)\s*ms/ ? $1 / 1000
         : $time =~ /^\s*([\d.]+)/ ? $1 : $Timeout;
}


# The texts to send, one per connection.
sub requests_of ($) {
    my $block = shift;
    my $name = $block->name;

    if (defined(my $raw = $block->raw_request)) {
        return ref $raw ? join('', @$raw) : $raw;
    }

    my $requests = $block->pipelined_requests // $block->request
        // bail_out("$name - no request");
    $requests = [ $requests ] if !ref $requests;

    my $more = $block->more_headers // '';
    my @out;

    for my $i (0 .. $#$requests) {
        my $last = !$block->pipelined_requests || $i == $#$requests;
        push @out, request_text($block, $requests->[$i],
                       ref $more ? $more->[$i] : $more,
                       $last ? 'close' : 'keep-alive');
    }

    return $block->pipelined_requests ? join('', @out) : @out;
}


sub request_text ($$$$) {
    my ($block, $request, $more, $connection) = @_;

    $request =~ s/^\s+//;
    my ($line, $body) = split /\n/, expand($request, $block), 2;
    my ($method, $uri, $version) = split ' ', $line;
    $uri //= '/';
    $version //= 'HTTP/1.1';
    $body //= '';

    my @headers = grep { /\S/ && !/^\s*#/ } split /\r?\n/, $more;
    s/^([^:]+):\s*/$1: / for @headers;

    unshift @headers, "Connection: $connection"
        if !grep { /^Connection/i } @headers;
    unshift @headers, "Host: $ServerName" if !grep { /^Host:/i } @headers;

    if ($body ne '' && !grep { /^Content-Length:/i
                               || /^Transfer-Encoding: *chunked/i } @headers)
    {
        $body =~ s/^\s+|\s+$//g;
        push @headers, 'Content-Length: ' . length $body;
    }

    return join("\r\n", "$method $uri $version", @headers, '', '') . $body;
}


# Sends a text and reads until the server closes.
sub talk ($$$) {
    my ($block, $request, $timeout) = @_;

    my $addr = $block->server_addr_for_client || $Addr;
    my $head = $request =~ /^\s*HEAD /;
    my ($sock, $resp) = (undef, '');

    wait_for($Valgrind ? 60 : 5, sub {
        $sock = IO::Socket::INET->new(PeerAddr => $addr, PeerPort => $Port,
                                      Proto => 'tcp');
    });

    if (!$sock) {
        Test::More::fail($block->name . " - cannot connect to $addr:$Port");
        return ('', $head);
    }

    $sock->blocking(0);
    my $select = IO::Select->new($sock);
    $timeout *= 10 if $Valgrind;
    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my ($r, $w, $e) = IO::Select->select($select,
                              length $request ? $select : undef, undef,
                              $timeout);
        if (!defined $r) {
            Test::More::fail($block->name . ' - the client timed out')
                if !defined $block->abort;
            last;
        }

        if (@$r) {
            my $n = sysread $sock, $resp, 65536, length $resp;
            last if defined $n ? $n == 0 : !$!{EAGAIN};
        }

        if (@$w) {
            my $n = syswrite $sock, $request;
            if (defined $n) {
                substr $request, 0, $n, '';
                shutdown $sock, 1
                    if $request eq '' && defined $block->shutdown;
            } elsif (!$!{EAGAIN}) {
                $request = '';
            }
        }
    }

    warn "# response: [$resp]\n" if $Verbose;
    return ($resp, $head);
}


sub parse_response ($$$) {
    my ($block, $raw, $head) = @_;
    my $name = $block->name;

    my %resp = (code => '', raw_headers => '', headers => {}, body => $raw);

    $raw =~ s/^(HTTP\/\d\.\d (\d+)[^\r\n]*\r\n(.*?\r\n)?)\r\n//s
        or return (\%resp, '');
    @resp{qw( raw_headers code )} = ($1, $2);

    for my $line (split /\r\n/, $3 // '') {
        my ($key, $value) = $line =~ /^([^:]+):\s*(.*)$/s or next;
        push @{ $resp{headers}{lc $key} }, $value;
    }

    my ($length) = @{ $resp{headers}{'content-length'} || [] };
    my ($coding) = @{ $resp{headers}{'transfer-encoding'} || [] };
    my $left = '';

    if ($head || $resp{code} == 304 || $resp{code} == 204) {
        ($resp{body}, $left) = ('', $raw);

    } elsif ($resp{code} == 101) {
        $resp{body} = $raw;

    } elsif (defined $coding && $coding eq 'chunked') {
        $resp{body} = '';
        my $end = 0;
        while ($raw =~ s/^([0-9a-f]+)[ \t]*\r\n//i) {
            my $n = hex $1;
            if ($n == 0) {
                $end = 1;
                last;
            }
            $resp{body} .= substr $raw, 0, $n, '';
            $raw =~ s/^\r\n// or last;
        }
        Test::More::fail("$name - the chunked response is cut")
            if !$end || $raw !~ s/^\r\n//;
        $left = $raw;

    } elsif (defined $length) {
        Test::More::fail("$name - the response is cut")
            if length $raw < $length;
        $resp{body} = substr $raw, 0, $length, '';
        $left = $raw;

    } else {
        $resp{body} = $raw;
    }

    return (\%resp, $left);
}


# --- checks

sub nth ($$$$) {
    my ($block, $section, $index, $many) = @_;
    my $value = $block->$section;

    if ($many && ref $value ne 'ARRAY') {
        bail_out($block->name . " - many requests, one --- $section");
    }

    return ref $value eq 'ARRAY' ? $value->[$index] : $value;
}


sub check_response ($$$$$) {
    my ($block, $resp, $index, $many, $round) = @_;
    my $name = $block->name;
    my $nth = sub { nth($block, $_[0], $index, $many) };
    my $header = sub { join ', ', @{ $resp->{headers}{lc $_[0]} || [] } };

    if (defined $block->error_code_like) {
        my $re = $nth->('error_code_like');
        Test::More::like($resp->{code}, qr/$re/sm, "$name - status code");

    } else {
        my $code = defined $block->error_code ? $nth->('error_code') : 200;
        $code =~ s/\s+//g;
        Test::More::is($resp->{code}, $code, "$name - status code");
    }

    if (defined $block->raw_response_headers_like) {
        my $re = $nth->('raw_response_headers_like');
        Test::More::like($resp->{raw_headers}, qr/$re/s,
                         "$name - raw headers");
    }

    if (defined $block->raw_response_headers_unlike) {
        my $re = $nth->('raw_response_headers_unlike');
        Test::More::unlike($resp->{raw_headers}, qr/$re/s,
                           "$name - raw headers");
    }

    if (defined $block->response_headers) {
        for (grep { /\S/ } split /\n/, $nth->('response_headers')) {
            if (/^\s*!\s*(\S+)/) {
                Test::More::ok(!$resp->{headers}{lc $1},
                               "$name - no header $1");
                next;
            }
            my ($key, $value) = /^\s*(.*?)\s*:\s*(.*?)\s*$/;
            $value =~ s/\$ServerPort\b/$Port/g;
            Test::More::is($header->($key), $value, "$name - header $key");
        }

    } elsif (defined $block->response_headers_like) {
        for (grep { /\S/ } split /\n/, $nth->('response_headers_like')) {
            my ($key, $value) = /^\s*(.*?)\s*:\s*(.*?)\s*$/;
            Test::More::like($header->($key), qr/^$value$/,
                             "$name - header $key");
        }
    }

    check_body($block, $resp->{body}, $nth, $name);
    $_->($block, $resp->{body}, $index, $round, 0) for @BodyChecks;
}


sub check_body ($$$$) {
    my ($block, $body, $nth, $name) = @_;

    if (defined $block->response_body) {
        my $expected = $nth->('response_body');

        if (ref $expected) {
            Test::More::like($body, $expected, "$name - response body");

        } else {
            $expected =~ s/\$ServerPort\b/$Port/g;
            Test::More::is($body, expand($expected, $block),
                           "$name - response body");
        }

    } elsif (defined $block->response_body_like) {
        my $re = $nth->('response_body_like');
        $re =~ s/\$ServerPort\b/$Port/g;
        Test::More::like($body, qr/$re/s, "$name - response body");

    } elsif (defined $block->response_body_unlike) {
        my $re = $nth->('response_body_unlike');
        Test::More::unlike($body, qr/$re/s, "$name - response body");
    }
}


sub check_logs ($$) {
    my ($block, $round) = @_;

    check_grep($block, $round);
    check_patterns($block, 'error', 'error_log', " (req $round)");
    check_no_patterns($block, 'error', 'no_error_log', " (req $round)");
    $LogPos = -s "$Root/logs/error.log" // 0 if !$AccumLog;

    check_patterns($block, 'access', 'access_log', " (req $round)");
    check_no_patterns($block, 'access', 'no_access_log', " (req $round)");
}


sub patterns_of ($) {
    my $patterns = shift // return;

    return $patterns if ref $patterns eq 'Regexp';
    return grep { defined } @$patterns if ref $patterns;
    return grep { length } split /\n+/, $patterns;
}


sub log_text ($) {
    my $log = shift;

    open my $in, '<:raw', "$Root/logs/$log.log" or return '';
    seek $in, $LogPos, 0 if $log eq 'error' && !$AccumLog;
    local $/;
    return <$in> // '';
}


# The line of the log that matches: a string is looked for as it is.
sub find_line ($$) {
    my ($text, $pattern) = @_;
    my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;

    for my $line (split /^/, $text) {
        return $line if $line =~ $re;
    }

    return;
}


sub check_patterns ($$$$) {
    my ($block, $log, $section, $what) = @_;

    for my $pattern (patterns_of($block->$section)) {
        my $found = wait_for($Timeout, sub {
            defined find_line(log_text($log), $pattern)
        });
        Test::More::ok($found, $block->name
            . " - \"$pattern\" matches a line in $log.log$what")
            or Test::More::diag(log_text($log));
    }
}


sub check_no_patterns ($$$$) {
    my ($block, $log, $section, $what) = @_;
    my @patterns = patterns_of($block->$section) or return;
    my $text = log_text($log);

    for my $pattern (@patterns) {
        my $line = find_line($text, $pattern);
        Test::More::ok(!defined $line, $block->name
            . " - \"$pattern\" matches no line in $log.log$what")
            or Test::More::diag($line);
    }
}


sub check_grep ($$) {
    my ($block, $round) = @_;
    my $pattern = $block->grep_error_log // return;
    my $expected = $block->grep_error_log_out;

    $pattern = $pattern->[$round] if ref $pattern eq 'ARRAY';
    $expected = $expected->[$round] if ref $expected eq 'ARRAY';
    my $re = ref $pattern ? $pattern : qr/\Q$pattern\E/;
    my $out;

    wait_for($Timeout, sub {
        $out = join '', map { /$re/ ? "$&\n" : () } split /^/,
                        log_text('error');
        return ref $expected ? $out =~ $expected : $out eq $expected;
    });

    ref $expected
        ? Test::More::like($out, $expected, $block->name . ' - grep')
        : Test::More::is($out, $expected, $block->name . ' - grep');
}

1;
