#!/usr/bin/perl

# The recipes of docs/identity.md, and those beside them, by their own text:
# who gets which socket, and who gets none.

use strict;
use warnings;

use lib 't/lib';

use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use NotifyClient ();
use NotifyDocs ();
use NotifyEnv ();
use NotifyNginx ();
use NotifyToken ();
use NotifyWire ();

my $dir = NotifyEnv::work_dir();

NotifyToken::make_keys($dir);
make_certificates();
write_file('members', "joe:{PLAIN}secret\n");

my @Open;
my $JOE = 'Basic am9lOnNlY3JldA==';
my %FILES = (
    '/etc/ssl/certs/example.com.pem' => "$dir/cert.pem",
    '/etc/ssl/private/example.com.key' => "$dir/rsa.key",
);


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', "$dir/$name" or die "open $dir/$name: $!";
    print $out $text;
    close $out or die "write $dir/$name: $!";
}


# Two authorities, and certificates of people: with a name, without, and one
# that the wrong authority has signed.
sub make_certificates {
    for my $ca ('ours', 'theirs') {
        NotifyToken::run("openssl req -x509 -newkey rsa:2048 -nodes"
            . " -subj /CN=$ca -keyout $dir/$ca.key -out $dir/$ca.pem");
    }

    for my $client ([ 'joe', '/O=staff/CN=joe', 'ours' ],
                    [ 'nobody', '/O=staff', 'ours' ],
                    [ 'mallory', '/O=staff/CN=joe', 'theirs' ])
    {
        my ($name, $subject, $ca) = @$client;

        NotifyToken::run("openssl req -newkey rsa:2048 -nodes -subj $subject"
            . " -keyout $dir/$name.key -out $dir/$name.csr");
        NotifyToken::run("openssl x509 -req -in $dir/$name.csr -set_serial 1"
            . " -CA $dir/$ca.pem -CAkey $dir/$ca.key -out $dir/$name.pem");
    }
}


# A handshake, and what became of it: the user whose socket it is, or the
# status.  The user is in a header, which the server below adds.
my $WHO = 'add_header X-Who $notify_user always; ';


sub who {
    my ($port, $uri, %opt) = @_;

    my $ws = NotifyClient->try($port, $uri, %opt);
    my $code = $ws->{answer}{code} // 'closed';
    push @Open, $ws;

    return $code == 101 ? $ws->{answer}{headers}{'x-who'} : $code;
}


sub close_all {
    $_->close for splice @Open;
}


# A site: sessions by cookie, and what has been asked of it.
sub site {
    return NotifyNginx->new(
        http => "log_format asked '\$uri \$http_cookie';
                 map \$http_cookie \$user {
                     sessionid=s1 42;
                     sessionid=s2 7;
                     ~s3          ends;
                 }
                 map \$http_cookie \$end {
                     ~s3\\.(?<second>[0-9]+) \$second;
                 }",
        config => "access_log $dir/asked asked;
                   location / { return 200 'the site'; }
                   location ~ auth {
                       if (\$user = '') { return 401; }
                       if (\$http_host = other.example) { return 401; }
                       add_header X-User \$user;
                       add_header X-Expires \$end;
                       return 204;
                   }",
    )->start;
}


sub asked {
    open my $in, '<', "$dir/asked" or die "open $dir/asked: $!";
    return grep { /auth/ } <$in>;
}


# What the site was asked, when it has written that down: it answers before.
sub wait_asked {
    my $count = shift;
    my @lines;

    NotifyNginx::wait_for("$count lines of the site", sub {
        return $count <= (@lines = asked());
    });
    return @lines;
}


# Django's session, whose answer is cached for longer than this test takes.
{
    my $site = site();
    my $recipe = NotifyDocs->new('identity.md', q{Django's session}, 1)
                 ->put(%FILES, '127.0.0.1:8000' => '127.0.0.1:' . $site->port,
                       '/var/lib/nginx/notify_auth' => "$dir/notify_auth",
                       'inactive=10s' => 'inactive=1h', '204 2s' => '204 1h');
    my $nginx = NotifyNginx->new($recipe->settings(http => $WHO))->start;
    my $who = sub {
        return who($recipe->port(443), '/client',
                   sock => NotifyClient::tls($recipe->port(443)),
                   headers => { @_ });
    };

    is($who->(), 401, 'no session, no socket');
    is(scalar asked(), 0, '... and the site is not asked');
    is($who->(Cookie => 'sessionid=s1'), 42, 'a session is its user');
    is($who->(Cookie => 'sessionid=s1', 'X-User' => 1), 42,
       '... whatever the page says');
    is($who->(Cookie => 'a=b; sessionid=s1', Origin => 'https://localhost'),
       42, '... and is found among other cookies');
    is(scalar wait_asked(1), 1, 'the site was asked once');
    is($who->(Cookie => 'sessionid=s1', Host => 'other.example'), 401,
       "another site's answer is not taken for that of this one");
    is($who->(Cookie => 'sessionid=s2'), 7, 'another session is another user');
    is($who->(Cookie => 'sessionid=s9'), 401, 'one that is none is refused');
    is($who->(Cookie => 'sessionid=s9'), 401, '... each time');
    is_deeply([ wait_asked(5) ],
              [ map { "/_notify_auth sessionid=$_\n" } qw( s1 s1 s2 s9 s9 ) ],
              '... which is not cached, and the site saw the session alone');
    is($who->(Cookie => 'sessionid=s1', Origin => 'https://evil.example'),
       403, 'a page of another site has its cookie for nothing');

    my $answer = NotifyClient::http($recipe->port(443), 'GET',
        '/_notify_auth', sock => NotifyClient::tls($recipe->port(443)),
        headers => [ 'Cookie: sessionid=s1' ]);
    is($answer->{code}, 404, 'nobody asks the site but nginx');

    close_all();
    $nginx->stop;
    $site->stop;
}


# The tabs of a browser that come back together, to a site that takes its time.
{
    my $site = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100)
        or die "listen: $!\n";
    my $recipe = NotifyDocs->new('identity.md', q{Django's session}, 1)
                 ->put(%FILES, '127.0.0.1:8000' => '127.0.0.1:'
                                                   . $site->sockport,
                       '/var/lib/nginx/notify_auth' => "$dir/herd",
                       'inactive=10s' => 'inactive=1h', '204 2s' => '204 1h',
                       'proxy_cache_lock on;' => 'proxy_cache_lock on;
                        proxy_cache_lock_age 1h; proxy_cache_lock_timeout 1h;');
    my $nginx = NotifyNginx->new($recipe->settings(http => $WHO))->start;
    my @tabs = map { NotifyClient::tls($recipe->port(443)) } 1 .. 30;
    my $handshake = NotifyWire::handshake('/client',
                                          Cookie => 'sessionid=s1');

    print $_ $handshake for @tabs;

    my $asked = $site->accept;
    1 while <$asked> ne "\r\n";
    ok(!IO::Select->new($site)->can_read(0.5), 'one of them asks the site');
    print $asked "HTTP/1.0 204 No Content\r\nX-User: 42\r\n\r\n";
    close $asked;

    my @answers = map { { (bless { sock => $_, buf => '' }, 'NotifyClient')
                          ->head } } @tabs;
    is(grep({ $_->{code} != 101 || $_->{headers}{'x-who'} ne '42' } @answers),
       0, 'which answers them all');
    ok(!IO::Select->new($site)->can_read(0), '... and was asked once');

    close $_ for @tabs;
    $nginx->stop;
}


# A session that says when it ends.
{
    my $site = site();
    my $recipe = NotifyDocs->new('directives.md', 'notify_expires', 1)
                 ->put('127.0.0.1:8000' => '127.0.0.1:' . $site->port);
    my $nginx = NotifyNginx->new($recipe->settings)->start;
    my ($ws, $end, %headers);

    # It may end before it is asked for.
    NotifyNginx::wait_for('a socket', sub {
        $end = time + 3;
        %headers = (Cookie => "sessionid=s3.$end");
        $ws = NotifyClient->try($nginx->port, '/client',
                                headers => \%headers);
        return $ws->{answer}{code} == 101;
    });

    is($ws->wait_close, 4401, 'when the session ends, its socket does');
    $ws->close;

    # The second that it ends in is still its.
    sleep 1 while time <= $end;
    is(who($nginx->port, '/client', headers => \%headers), 401,
       'and no other one opens');
    $nginx->stop;
    $site->stop;
}


# Tokens: where each recipe looks for them.
{
    my %token = map { $_ => NotifyToken::token(sub => $_, -key => $_) }
                qw( secret old third );
    my %key = ('/etc/nginx/notify.key' => "$dir/secret.key");
    my %by = (
        query => sub { ("/client?token=$_[0]") },
        header => sub { ('/client', Authorization => "Bearer $_[0]") },
        protocol => sub { ('/client', 'Sec-WebSocket-Protocol' =>
                           "notify.v1, notify.token.$_[0]") },
        cookie => sub { ('/client', Cookie => "a=b; notify=$_[0]") },
    );

    my @recipes = (
        [ 'Tokens', 1, {}, 'query header protocol' ],
        [ 'Tokens', 2, {}, 'cookie' ],
        [ 'Tokens', 3, {}, 'header protocol' ],
        [ 'When a key changes', 1, { '/etc/nginx/old.key' => "$dir/old.key" },
          'query header protocol' ],
    );

    for my $recipe (@recipes) {
        my ($heading, $n, $put, $places) = @$recipe;
        my $docs = NotifyDocs->new('identity.md', $heading, $n)
                   ->put(%key, %$put);
        my $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
        my %takes = map { $_ => 1 } split ' ', $places;
        my $title = "$heading $n";

        for my $place (sort keys %by) {
            for my $key (sort keys %token) {
                my ($uri, @headers) = $by{$place}->($token{$key});
                my $good = $takes{$place} && ($key eq 'secret'
                           || $put->{"/etc/nginx/$key.key"});

                is(who($nginx->port, $uri, headers => { @headers }),
                   $good ? $key : 401, "$title: $place, $key");
            }
        }

        is(who($nginx->port, '/client?user_id=42'), 401, "$title: none");
        close_all();
        $nginx->stop;
    }
}


# The issuer's own tokens, of those that it makes for others, too.
{
    my $docs = NotifyDocs->new('identity.md',
                               'Where nginx must not be able to sign', 1)
               ->put('/etc/nginx/issuer.pem' => "$dir/rsa.pub");
    my $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
    my $who = sub {
        my %claims = (sub => 'joe', iss => 'https://login.example.com',
                      aud => 'notify', -alg => 'RS256', -key => 'rsa', @_);
        return who($nginx->port,
                   '/client?token=' . NotifyToken::token(%claims));
    };

    is($who->(), 'joe', 'a token of the issuer, for us');
    is($who->(aud => 'mail'), 401, 'one for the mail');
    is($who->(aud => undef), 401, 'one for nobody in particular');
    is($who->(iss => 'https://other.example'), 401, "another issuer's");
    close_all();
    $nginx->stop;
}


# Passwords, and how not to have them.
{
    my $docs = NotifyDocs->new('identity.md', 'Passwords of nginx', 1)
               ->put('/etc/nginx/members' => "$dir/members");
    my $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
    my $who = sub {
        my $password = shift;
        return who($nginx->port, '/client', headers =>
                   { $password ? (Authorization => $password) : () });
    };

    is($who->($JOE), 'joe', 'a password is its user');
    is($who->(), 401, 'without one');
    is($who->('Basic am9lOndyb25n'), 401, 'with a wrong one');
    close_all();
    $nginx->stop(expect => qr/password mismatch|no user\/password/);

    $docs = NotifyDocs->new('identity.md', 'Passwords of nginx', 2)
            ->put('/etc/nginx/members' => "$dir/members",
                  '10.0.0.0/8' => '127.0.0.0/8');
    $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
    is(who($nginx->port, '/wrong',
           headers => { Authorization => 'Basic am9lOndyb25n' }),
       'joe', 'what the page warns of is so');
    close_all();
    $nginx->stop(expect => qr/password mismatch/);
}


# Certificates.
{
    my $docs = NotifyDocs->new('identity.md', 'Certificates', 1)
               ->put(%FILES, '/etc/ssl/certs/clients.pem' => "$dir/ours.pem");
    my $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
    my $port = $docs->port(443);
    my $who = sub {
        my $name = shift;
        return who($port, '/client', sock => NotifyClient::tls($port, $name
            ? (SSL_use_cert => 1, SSL_cert_file => "$dir/$name.pem",
               SSL_key_file => "$dir/$name.key") : ()));
    };

    is($who->('joe'), 'joe', 'a certificate is who it names');
    is($who->('nobody'), 401, 'one without a name');
    is($who->('mallory'), 400, 'one that another authority has signed');
    is($who->(), 400, 'none');
    close_all();
    $nginx->stop;
}


# How many, how often: security.md.
{
    my $recipe = sub {
        return NotifyDocs->new('security.md', 'How many, how often', 1)
               ->put('/etc/nginx/members' => "$dir/members", @_);
    };
    my $who = sub {
        return who(@_, '/client', headers => { Authorization => $JOE });
    };

    my $docs = $recipe->();
    my $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
    my $taken = 0;

    $taken++ while $taken < 1000 && $who->($docs->port(80)) eq 'joe';
    cmp_ok($taken, '>=', 21, 'a burst of handshakes is taken');
    cmp_ok($taken, '<', 1000, '... and no more than that');
    close_all();
    $nginx->stop(expect => qr/limiting (?:requests|connections)/);

    $docs = $recipe->('sockets 50' => 'sockets 3');
    $nginx = NotifyNginx->new($docs->settings(http => $WHO))->start;
    is_deeply([ map { $who->($docs->port(80)) } 1 .. 4 ],
              [ ('joe') x 3, 503 ], 'sockets of one address are counted');
    close_all();
    $nginx->stop(expect => qr/limiting connections/);
}

done_testing();
