#!/usr/bin/perl

# How the module is built: by both compilers without a warning, again only
# what has changed, for a plain tree, as a part of nginx, installed; and what
# it exports.

use strict;
use warnings;

use lib 't/lib';

use Cwd ();
use File::Path ();
use Test::More;
use Time::HiRes ();

use NotifyClient ();
use NotifyEnv ();
use NotifyNginx ();

my $top = NotifyEnv::top();
my $dir = NotifyEnv::work_dir();
my $debian = '/usr/share/nginx/src';
my $ndk = '/usr/share/nginx-ndk/src';
my $so = 'ngx_http_notify_module.so';

# A copy, whose files may be touched.
my $copy = "$dir/copy";
run("mkdir $copy && cp -r $top/Makefile $top/config $top/src $copy")
    or die 'no copy';

# A whole nginx and a whole NDK, where somebody has them.
my ($whole, $whole_ndk) = map { $_ && Cwd::abs_path($_) }
                          @ENV{qw( NGINX_SRC NDK_SRC )};

# What was set for the whole run is not for these builds.
delete @ENV{qw( MAKEFLAGS MFLAGS MAKELEVEL BUILD CC NGINX_SRC NDK_SRC
                CFLAGS LDFLAGS )};


sub run {
    my $command = shift;

    my $out = `($command) 2>&1`;
    our $said = $out;
    return 1 if $? == 0;
    diag("$command\n$out") if $out !~ /error: the notify module needs/;
    return 0;
}


sub mtimes {
    my $build = shift;
    return map { $_ => (Time::HiRes::stat($_))[9] }
           glob "$build/nginx/addon/src/*.o $build/$so";
}


# A compiler that does not find a library.
sub without {
    my $library = shift;

    open my $cc, '>', "$dir/cc" or die "cc: $!";
    print $cc "#!/bin/sh\ncase \"\$*\" in *-l$library*) exit 1;; esac\n",
              "exec cc \"\$@\"\n";
    close $cc or die "write $dir/cc: $!";
    chmod 0755, "$dir/cc";

    ok(!run("make -C $copy BUILD=$dir/b1 CC=$dir/cc build"),
       "without $library it does not build");
}


sub changed {
    my ($before, $after) = @_;
    my @names = map { m{([^/]+)$} }
                grep { ($before->{$_} // 0) != ($after->{$_} // 0) }
                keys %$after;
    return @names;
}


# gcc and clang, all of whose warnings are errors.
for my $cc ('gcc', 'clang') {
    ok(run("make -C $copy BUILD=$dir/$cc CC=$cc build"), "$cc builds it");
    unlike($main::said, qr/warning/i, '... without a warning');
    ok(-s "$dir/$cc/$so", '... and the module is there');

    open my $makefile, '<', "$dir/$cc/nginx/Makefile" or die "Makefile: $!";
    my ($flags) = grep { /^CFLAGS/ } <$makefile>;
    like($flags, qr/-W(?:extra)? /, '... with -Wextra');
    like($flags, qr/-Wall /, '... with -Wall');
    like($flags, qr/-Werror /, '... with -Werror');
}


# As Debian hardens what it builds, whoever the compiler is.
for my $cc ('gcc', 'clang') {
    my $module = "$dir/$cc/$so";
    my $dynamic = `readelf -dW $module`;
    my $segments = `readelf -lW $module`;
    my $needs = `nm -D --undefined-only $module`;

    like($dynamic, qr/\bBIND_NOW\b/, "$cc: all symbols are bound at once");
    unlike($dynamic, qr/\bTEXTREL\b/, '... and none in the code');
    like($segments, qr/^ *GNU_RELRO /m, '... and then read only');
    like($segments, qr/^ *GNU_STACK .* RW /m, 'no code on the stack');
    unlike($segments, qr/^ *LOAD .* RWE /m, '... or in what can be written');
    like($needs, qr/ __stack_chk_fail\b/, 'the stack has canaries');
    like($needs, qr/ __\w+_chk\b/, 'glibc checks sizes');

    open my $settings, '<', "$dir/$cc/settings" or die "settings: $!";
    my $flags = <$settings>;
    like($flags, qr/ -D_FORTIFY_SOURCE=2 /, '... because it is told to');
    like($flags, qr/ -Werror=format-security /, 'formats are constant');

    SKIP: {
        skip "$cc has no such flags here", 2 if `uname -m` ne "x86_64\n";

        like($flags, qr/ -fstack-clash-protection /, 'large frames touch'
                                                     . ' each page');
        like(`readelf -n $dir/$cc/nginx/addon/src/notify_id.o`,
             qr/x86 feature: IBT, SHSTK/,
             'jumps have landing pads');
    }
}


# Again only what has changed.
{
    my %before = mtimes("$dir/gcc");
    ok(run("make -C $copy BUILD=$dir/gcc CC=gcc build"), 'once more');
    my %after = mtimes("$dir/gcc");
    is_deeply([ changed(\%before, \%after) ], [], 'nothing is compiled');

    run("touch $copy/src/notify_id.c");
    ok(run("make -C $copy BUILD=$dir/gcc CC=gcc build"), 'a source is touched');
    %after = mtimes("$dir/gcc");
    is_deeply([ grep { !/\.so$/ } changed(\%before, \%after) ],
              [ 'notify_id.o' ], 'that one is compiled');

    %before = %after;
    run("touch $copy/src/notify_id.h");
    ok(run("make -C $copy BUILD=$dir/gcc CC=gcc build"), 'a header is touched');
    %after = mtimes("$dir/gcc");
    my @names = changed(\%before, \%after);
    cmp_ok(scalar @names, '>', 10, 'what may include it is compiled');
}


# A plain tree: Debian's without what makes it Debian's.
{
    my $plain = "$dir/plain";
    run("cp -rL $debian $plain && rm $plain/conf_flags") or die 'no tree';
    my $before = `find $plain | sort`;

    ok(run("make -C $copy BUILD=$dir/tree NGINX_SRC=$plain CFLAGS=-O1 build"),
       'a plain source tree');
    ok(-s "$dir/tree/$so", '... gives a module');
    is(`find $plain | sort`, $before, '... and is left as it was');

    ok(!run("make -C $copy BUILD=$dir/none NGINX_SRC=$dir/nowhere build"),
       'a tree that is not there');
    like($main::said, qr/no nginx source in \Q$dir\E\/nowhere/,
         '... is said not to be there');
}


# As a part of nginx: nginx-dev has no sources of nginx itself, so that only
# our own are compiled.
{
    my $objs = "$dir/static";
    my $configure = 'bash -c \'cd ' . $debian . ' && . ./conf_flags && '
                . 'env -u CFLAGS ./configure "${NGX_CONF_FLAGS[@]}" '
                . '--add-module=' . $ndk
                . " --add-module=$copy --builddir=$objs'";
    ok(run($configure), 'configured as a part of nginx');

    my @objects = map { m{([^/]+)\.c$} ? "$objs/addon/src/$1.o" : () }
                  glob "$copy/src/*.c";
    ok(run("make -j2 -C $debian -f $objs/Makefile @objects"), 'it compiles');

    open my $modules, '<', "$objs/ngx_modules.c" or die "ngx_modules.c: $!";
    my @lines = <$modules>;
    is(grep({ /&ngx_http_notify_module,/ } @lines), 1, 'nginx has it');
    open my $makefile, '<', "$objs/Makefile" or die "Makefile: $!";
    @lines = <$makefile>;
    is(grep({ /-Bsymbolic/ } @lines), 0, 'and is not linked as a module');
    cmp_ok(grep({ /-ljansson/ } @lines), '>=', 1, 'but with jansson');
}


# All of nginx, where its sources and the NDK's are at hand, and a socket of
# it: NGINX_SRC=dir NDK_SRC=dir prove t/build.t
SKIP: {
    skip 'no whole nginx and NDK: set NGINX_SRC and NDK_SRC', 6
        if !$whole || !-e "$whole/src/core/nginx.c"
           || !$whole_ndk || !-e "$whole_ndk/src/ndk.c";

    my $tree = "$dir/whole";
    run("cp -rL $whole $tree") or die 'no tree';
    ok(run("cd $tree && ./configure --with-cc-opt='-g -O1'"
           . " --with-compat --with-threads --with-http_ssl_module"
           . " --with-http_v2_module --with-http_realip_module"
           . " --add-module=$whole_ndk --add-module=$copy"
           . ' && make -j2'), 'all of nginx');

    local $ENV{TEST_NGINX_BINARY} = "$tree/objs/nginx";
    my $nginx = NotifyNginx->new(modules => [], config =>
        'location /client { notify_socket; } location /new/ { notify_push; }'
        )->start;
    my $ws = NotifyClient->open($nginx->port, '/client?user_id=42');

    is(NotifyClient::http($nginx->port, 'POST', '/new/42', body => 'hello')
       ->{code}, 200, '... takes a push');
    is($ws->message, 'hello', '... and delivers it');

    $nginx->reload;
    NotifyNginx::wait_for('the old worker to go',
                          sub { !$nginx->old_workers });
    NotifyClient::http($nginx->port, 'POST', '/new/42', body => 'again');
    is($ws->message, 'again', '... also after a reload');
    $ws->close;
    $nginx->stop;

    my $exported = `nm -D --defined-only $tree/objs/nginx | grep -c notify_`;
    cmp_ok($exported, '>', 0, '... of which it is a part');
}


# What is missing is named.
{
    without('jansson');
    like($main::said, qr/needs the jansson library\.\nInstall libjansson-dev/,
         '... and says what to install');

    without('z');
    like($main::said, qr/needs the zlib library\.\nInstall zlib1g-dev/,
         '... and says what to install');

    without('crypto');
    like($main::said, qr/OpenSSL 1.1.1 or later\.\nInstall libssl-dev/,
         '... and says what to install');

    ok(!run("bash -c 'cd $debian && . ./conf_flags && ./configure"
            . ' "${NGX_CONF_FLAGS[@]}"'
            . " --add-dynamic-module=$copy --builddir=$dir/b2'"),
       'without the NDK it does not build');
    like($main::said, qr/development kit \(NDK\)\.\nInstall libnginx-mod-http/,
         '... and says what to install');
}


# Installed, it loads.
{
    ok(run("make -C $copy BUILD=$dir/gcc CC=gcc DESTDIR=$dir/root install"),
       'it installs');
    my $installed = "$dir/root/usr/lib/nginx/modules/$so";
    ok(-s $installed, '... into the modules');

    open my $snippet, '<',
        "$dir/root/usr/share/nginx/modules-available/mod-http-notify.conf"
        or die "snippet: $!";
    is(<$snippet>, "load_module modules/$so;\n", '... with what loads it');

    open my $conf, '>', "$dir/nginx.conf" or die "nginx.conf: $!";
    print $conf "load_module /usr/lib/nginx/modules/ndk_http_module.so;\n",
                "load_module $installed;\n",
                "error_log $dir/error.log; pid $dir/nginx.pid; events { }\n",
                "http { access_log off; server { listen 1;\n",
                "location /client { notify_socket; }\n",
                "location /new/ { notify_push; } } }\n";
    close $conf;

    ok(run("/usr/sbin/nginx -t -c $dir/nginx.conf -p $dir"),
       'the packaged nginx takes it');
}


# nginx loads modules into one namespace.
{
    my @names = map { (split)[-1] }
                `nm -D --defined-only $dir/gcc/$so`;
    cmp_ok(scalar @names, '>', 3, 'it exports something');

    my %tables = map { $_ => 1 } qw( ngx_modules ngx_module_names
                                     ngx_module_order );
    is(grep({ $tables{$_} } @names), 3, "nginx's three tables");
    is_deeply([ grep { !/^(?:ngx_http_)?notify_/ && !$tables{$_} } @names ],
              [], 'and nothing else that is not ours by name');
}

# A changed configuration is one from scratch.
{
    run("touch $copy/config");
    ok(run("make -C $copy BUILD=$dir/gcc CC=gcc $dir/gcc/nginx/Makefile"),
       'config is touched');
    like($main::said, qr/^configuring /m, 'nginx is configured again');
    is_deeply([ glob "$dir/gcc/nginx/addon/src/*.o" ], [],
              'and all is to be compiled');
}

File::Path::remove_tree($dir) if Test::More->builder->is_passing;

done_testing();
