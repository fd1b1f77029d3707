#!/usr/bin/perl

# Whether the documentation says what the code does: directives with their
# defaults, contexts and arguments, variables, lines of the log, fields of the
# status, close codes, files; whether each configuration in it is one that
# nginx takes, and each link leads somewhere.

use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Basename qw(dirname);
use File::Path qw(make_path);
use Test::More;

use NotifyEnv;

binmode Test::More->builder->$_, ':encoding(UTF-8)'
    for qw(output failure_output todo_output);

my $top = NotifyEnv::top();
my $dir = NotifyEnv::work_dir();

my @pages = map { s{^\Q$top/}{}r }
            grep { -e } "$top/README.md", glob "$top/docs/*.md";

my %page = map { $_ => slurp("$top/$_") } @pages;

my $code = join '', map { slurp($_) } glob "$top/src/*.c";
$code =~ s{/\*.*?\*/}{ }gs;

my %defined = map { /^\s*#define\s+(\w+)\s+(.+?)\s*$/ ? ($1 => $2) : () }
              split /\n/, join '', $code, map { slurp($_) } glob "$top/src/*.h";

check_directives();
check_variables();
check_log();
check_status();
check_close_codes();
check_files();
check_links();
check_examples();

done_testing();


sub slurp {
    my ($file) = @_;

    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!";
    local $/;
    return scalar <$in>;
}


# The part of a page below a heading, up to the next one of its level.
sub section {
    my ($text, $heading) = @_;

    my ($marks) = $text =~ /^(#+) \Q$heading\E$/m or return '';

    my ($part) = $text =~ /^$marks \Q$heading\E\n(.*)/ms;

    $part =~ s/^#{1,${\length $marks}} .*//ms;
    return $part;
}


# --- directives

sub check_directives {
    my %command = commands();

    my $text = $page{'docs/directives.md'};
    my @described = $text =~ /^## (\w*notify_\w+)$/gm;

    is(join(' ', sort @described), join(' ', sort keys %command),
       'the directives described are those there are');

    for my $name (sort keys %command) {
        my $c = $command{$name};
        my $part = section($text, $name);
        my %form = $part =~ /^    (\w+): +(.*)$/gm;

        my ($syntax) = ($form{Syntax} // '') =~ /^$name ?(.*);$/;
        my ($default) = ($form{Default} // '') =~ /^$name (.*);$/;

        is($form{Context}, contexts($c->{flags}), "$name: context");

        is(arguments_written($syntax // ''), arguments_taken($c->{flags}),
           "$name: number of arguments");

        is($default ? value_of($default, $c) : $form{Default},
           default_of($name), "$name: default");

        like($part, qr/^```nginx$/m, "$name: an example");
    }
}


# The command table: flags, setter, member that the offset names, post.
sub commands {
    my ($table) = $code =~ /\bngx_command_t\s+\w+\[\] = \{(.*?)^\};/ms
        or die 'no command table';
    my %command;

    while ($table =~ /\{\s*ngx_string\("(\w+)"\),\s*([A-Z0-9_|\s]+),
                      \s*(\w+),\s*\w+,\s*([^{}]+?),\s*([^,{}]+?)\s*\}/gx)
    {
        $command{$1} = { flags => { map { $_ => 1 } split /[|\s]+/, $2 },
                         set => $3, offset => $4, post => $5 };
    }

    return %command;
}


sub contexts {
    my ($flag) = @_;

    return join ', ', grep { $_ } $flag->{NGX_HTTP_MAIN_CONF} && 'http',
                                  $flag->{NGX_HTTP_SRV_CONF} && 'server',
                                  $flag->{NGX_HTTP_LOC_CONF} && 'location',
                                  $flag->{NGX_HTTP_LIF_CONF} && 'if';
}


sub arguments_taken {
    my ($flag) = @_;

    return '1 or more' if $flag->{NGX_CONF_1MORE};

    my %takes = (NOARGS => [0], FLAG => [1], TAKE1 => [1], TAKE2 => [2],
                 TAKE3 => [3], TAKE12 => [1, 2], TAKE23 => [2, 3]);
    my @n = sort map { @{ $takes{$_} } }
            grep { $flag->{"NGX_CONF_$_"} } keys %takes;

    return "$n[0] to $n[-1]";
}


# How many arguments "value [decode]" or "same | any | pattern ..." stand for.
sub arguments_written {
    my ($syntax) = @_;
    my ($min, $max);

    my $optional = $syntax =~ s/ ?\[[^\]]*\]//g;

    for my $choice (split / \| /, $syntax) {
        my $more = $choice =~ s/ ?\.\.\.//;
        my $n = () = $choice =~ /\S+/g;

        $min = $n if !defined $min || $n < $min;
        $max = $more ? 1e9 : $n if !defined $max || $more || $n > $max;
    }

    $min //= 0;
    $max = ($max // 0) + $optional;

    return $max < 1e9 ? "$min to $max" : "$min or more";
}


# A default as it is written, in the words of the code.
sub value_of {
    my ($text, $command) = @_;

    if ($command->{set} eq 'ngx_http_notify_word') {
        my ($words) = $command->{post} =~ /^&(\w+)$/;

        return $code =~ /\b${words}_words\[\]\s*=\s*\{.*?
                         ngx_string\("\Q$text\E"\),\s*(\w+)/sx ? $1 : $text;
    }

    return $text eq 'on' ? 1 : 0 if $text =~ /^(?:on|off)$/;

    my %unit = $command->{set} =~ /_time|_msec_/
               ? (ms => 1, s => 1000, m => 60_000, h => 3_600_000)
               : $command->{set} =~ /_history$/ ? (s => 1, m => 60, h => 3600)
               : (k => 1 << 10, m => 1 << 20, g => 1 << 30);

    return join ' ', map { /^(\d+)([a-z]+)$/ && $unit{$2} ? $1 * $unit{$2}
                                                          : $_ }
                     split / /, $text;
}


sub default_of {
    my ($name) = @_;

    # members of another name
    my %member = (notify_zone => 'zone_size', notify_user => 'written',
                  notify_token => 'tokens',
                  notify_history => 'history history_ttl');

    # what the absence of a value means; ngx_http_notify_conf.h says it too
    my %null = (notify_realm => '""', notify_origins => 'same',
                notify_token => 0, notify_user => '—',
                notify_expires => '—');

    if ($name eq 'notify_reserve') {
        return $code =~ /nmcf->reserve\s=\s(\d+);
                         \s*nmcf->reserve_percent\s=\s1;/x ? "$1%" : undef;
    }

    my ($member) = $name =~ /^notify_(\w+)/ or return '—';

    return join ' ', map { merged($_) // $null{$name} }
                     split / /, $member{$name} // $member;
}


# What a member becomes when nothing is written: undef for NULL; a dash for one
# that is not inherited.
sub merged {
    my ($member) = @_;

    my ($value) = $code =~ /ngx_conf_(?:merge_\w+\(conf->$member,
                            \s*prev->$member|init_\w+\(nmcf->$member),
                            \s*(.*?)\);/sx;

    return '—' if !defined $value;
    return undef if $value eq 'NULL';

    $value = $defined{$value} // $value;

    return $value =~ /^[\d\s*()]+$/ ? eval $value : $value;
}


# --- variables

sub check_variables {
    my ($table) = $code =~ /\bngx_http_variable_t\s+\w+\[\] = \{(.*?)^\};/ms;
    my @there = sort $table =~ /ngx_string\("(\w+)"\)/g;

    my $part = section($page{'docs/directives.md'}, 'Variables');
    my @described = sort $part =~ /^- `\$(\w+)`:/gm;

    is("@described", "@there", 'the variables described are those there are');
}


# --- log

# The texts that go to the log, each with its level.
sub texts {
    my @texts;
    my $literal = qr/"(?:\\.|[^"\\])*"/;

    while ($code =~ /\b(?:ngx_log_error|ngx_conf_log_error
                     |ngx_http_notify_(?:log_at|refuse|remote
                     |handshake_426|handshake_required))\s*\(/gx)
    {
        my $arguments = arguments(substr $code, pos $code, 2000);

        my $level = $arguments =~ /\bNGX_LOG_(\w+)/ ? lc $1 : 'info';
        $level =~ s/^err$/error/;

        # literals in a row are one text, with what a macro between them has

        for my $text ($arguments =~ /($literal(?:\s*[A-Z_]*\s*$literal)*)/g) {
            $text = join '', map { substr $_, 1, -1 }
                             map { $defined{$_} // $_ }
                             $text =~ /($literal|[A-Z_]+)/g;
            $text =~ s/\\(.)/$1/g;

            # not names of fields, nor what only wraps another text
            push @texts, { level => $level, text => $text }
                if $text =~ /[a-z]{2}.* /;
        }
    }

    return @texts;
}


# Up to the parenthesis that closes the call.
sub arguments {
    my ($text) = @_;
    my $depth = 1;

    while ($text =~ /("(?:\\.|[^"\\])*")|([()])/g) {
        next if defined $1;
        $depth += $2 eq '(' ? 1 : -1;
        return substr $text, 0, pos($text) - 1 if $depth == 0;
    }

    return $text;
}


# Whether a line of the log, as it is quoted, was made from a text.
sub made_from {
    my ($line, $text) = @_;

    my $pattern = join '', map { $_ eq '%%' ? '%' : /^%/ ? '.+?' : quotemeta }
                  split /(%(?:%|\*?s|u?[idDLOz]|[vVcMT]))/, $text;

    # nginx adds what it was doing, for whom
    return $line =~ /^$pattern(?: while .*|, client: .*)?$/;
}


sub check_log {
    my @texts = texts();
    my %explained;

    for my $page (@pages) {
        while ($page{$page} =~ /(?:`|^    )\[(emerg|alert|crit|error|warn
                                |notice|info)\]\ ([^`\n]+)/gmx)
        {
            my ($level, $line) = ($1, $2);

            my @from = grep { $_->{level} eq $level
                              && made_from($line, $_->{text}) } @texts;

            ok(@from, "$page: [$level] $line");
            $explained{$_->{text}} = 1 for @from;
        }
    }

    for my $text (grep { $_->{level} =~ /^(?:emerg|error|warn)$/ } @texts) {
        ok($explained{$text->{text}}, "explained: $text->{text}");
    }
}


# --- status

sub check_status {
    my %json = (closes => 1);
    my %prometheus = ('notify_closes_total{code="…"}' => 1);

    while ($code =~ /\{\s*NOTIFY_N_\w+,\s*"(\w+)",\s*"(\w+)",\s*"(\w+)",
                     \s*(?:NULL|"(\w+)"),/gx)
    {
        $json{"$1.$2"} = 1;
        $prometheus{"notify_$3" . ($4 ? "{$4=\"$2\"}" : '')} = 1;
    }

    my %object = (root => '', zone => 'zone.', worker => 'workers[].');

    while ($code =~ /(?:status_put|json_object_set_new)\(\s*(\w+),
                     \s*"(\w+)"/gx)
    {
        $json{$object{$1} . $2} = 1 if $2 !~ /^(?:zone|workers|closes)$/;
    }

    $prometheus{"notify_$_"} = 1
        for $code =~ /\{ "(\w+)", "[^"]+",\s+n->\w+ \}/g,
            $code =~ /"(last_message_timestamp_\w+|worker_\w*sockets)"/g;

    my (%said_json, %said_prometheus);

    for my $row ($page{'docs/status.md'} =~ /^\|(.*\|.*\|.*)\|$/gm) {
        my ($left, $right) = split /\|/, $row;

        $said_json{$_} = 1 for $left =~ /`([a-z_\[\].]+)`/g;
        $said_prometheus{$_} = 1 for $right =~ /`(notify_[^`]+)`/g;
    }

    delete $said_json{'workers[]'};

    is(join(' ', sort keys %said_json), join(' ', sort keys %json),
       'the fields of JSON described are those there are');
    is(join(' ', sort keys %said_prometheus), join(' ', sort keys %prometheus),
       'the metrics described are those there are');
}


# --- close codes

sub check_close_codes {
    my %there = map { $_ => 1 }
                slurp("$top/src/notify_codec.h")
                =~ /^\s*NOTIFY_CLOSE_\w+ = (\d+)/gm;

    my $part = section($page{'docs/http.md'}, 'Close codes');

    ok($part =~ /\b$_\b/, "close code $_ is explained") for sort keys %there;
}


# --- files

sub check_files {
    my %there = map { m{([^/]+)\.[ch]$} ? ($1 => 1) : () }
                glob "$top/src/*.[ch]";

    my $part = section($page{'docs/design.md'} // '', 'Files');
    my @listed = $part =~ /^\| `(\w+)` \|/gm;

    is(join(' ', sort @listed), join(' ', sort keys %there),
       'the files described are those there are');
}


# --- links

sub check_links {
    my %anchors;

    for my $page (@pages) {
        (my $text = $page{$page}) =~ s/^```.*?^```$//gms;
        $text =~ s/^    .*$//gm;

        for my $link ($text =~ /\]\(([^)\s]+)\)/g) {
            next if $link =~ m{^https?://};

            my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
            my $file = $path eq '' ? $page
                       : dirname($page) eq '.' ? $path
                       : dirname($page) . "/$path";

            1 while $file =~ s{[^/]+/\.\./}{};

            ok(-e "$top/$file", "$page: $link is there") or next;
            next if !defined $anchor;

            $anchors{$file} ||= { map { $_ => 1 } anchors("$top/$file") };
            ok($anchors{$file}{$anchor}, "$page: $link has its heading");
        }
    }
}


# As GitHub and others make them from headings.
sub anchors {
    my ($file) = @_;

    return map { my $anchor = lc; $anchor =~ s/[^\w\s-]//g;
                 $anchor =~ s/\s/-/g; $anchor }
           slurp($file) =~ /^#+ (.*)$/gm;
}


# --- examples

sub check_examples {
    make_path("$dir/conf");

    for my $command ('req -x509 -newkey rsa:2048 -nodes '
                     . '-subj /CN=example.com '
                     . "-keyout '$dir/key.pem' -out '$dir/cert.pem'",
                     "pkey -in '$dir/key.pem' -pubout -out '$dir/public.pem'",
                     "rand -hex -out '$dir/secret.key' 32")
    {
        my $said = `openssl $command 2>&1`;
        die $said if $? != 0;
    }

    for my $page (@pages) {
        my $n = 0;

        while ($page{$page} =~ /^```nginx\n(.*?)^```$/gms) {
            my ($text, $line) = ($1, 1 + substr($page{$page}, 0, $-[0])
                                         =~ tr/\n//);
            my $file = "$dir/conf/" . ($page =~ tr{/}{-}r) . '-' . ++$n;

            open my $out, '>:encoding(UTF-8)', $file or die "$file: $!";
            print $out whole($text);
            close $out or die "$file: $!";

            my $said = test_conf($file);
            is($?, 0, "$page:$line: nginx takes it") or diag($said);
        }
    }
}


sub test_conf {
    my ($file) = @_;

    my @command = (NotifyEnv::preload(), NotifyEnv::nginx(), '-t',
                   '-p', "$dir/", '-e', "$dir/error.log", '-c', $file);
    my $command = join ' ', map { "'$_'" } @command;

    return scalar `$command 2>&1 </dev/null`;
}


# Makes a part of a configuration a whole one, which touches nothing outside
# of this test's directory and no port that somebody else may want.
sub whole {
    my ($text) = @_;

    my $outer = $text;
    1 while $outer =~ s/\{[^{}]*\}/;/g;
    my %outer = map { $_ => 1 } $outer =~ /(?:^|;)\s*(?:#[^\n]*\n\s*)*(\w+)/g;

    if (!$outer{http}) {

        if (!grep { $outer{$_} } qw(server map limit_req_zone log_format
                                    proxy_cache_path notify_zone))
        {
            $text = "server {\nlisten 80;\n$text}\n";
        }

        $text = "http {\n$text}\n";
    }

    $text .= "events { }\n" if !$outer{events};
    $text =~ s/^\s*(?:load_module|user) .*;$//gm;
    $text =~ s/^http \{$/"http {\n" . temp_paths()/me;

    $text =~ s{listen (?:[\d.]+:)?\d+}
              {'listen 127.0.0.1:' . NotifyEnv::free_port()}ge;
    $text =~ s{/etc/ssl/certs/[\w.-]+}{$dir/cert.pem}g;
    $text =~ s{/etc/ssl/private/[\w.-]+}{$dir/key.pem}g;
    $text =~ s{/etc/nginx/[\w.-]+\.pem}{$dir/public.pem}g;
    $text =~ s{/etc/nginx/[\w.-]+\.key}{$dir/secret.key}g;
    $text =~ s{(?<!\w)/(?:var|run)/(?:[\w.-]+/)*([\w.-]+)}{$dir/$1}g;

    return join('', map { "load_module $_;\n" } NotifyEnv::modules())
           . ($text =~ /^pid /m ? '' : "pid $dir/nginx.pid;\n") . $text;
}


sub temp_paths {
    return join '', map { "${_}_temp_path $dir/$_;\n" }
                    qw(client_body proxy fastcgi scgi uwsgi);
}
