# Signed tokens: whom they name, where they may be, and what is no token.

use lib 't/lib';
use NotifyTest 'no_plan';
use NotifyEnv ();
use NotifyToken ();

NotifyToken::make_keys(NotifyEnv::work_dir());

$ENV{NOTIFY_TEST_KEY} = NotifyToken::secret('secret');
$ENV{NOTIFY_TEST_PEM} =
    NotifyToken::slurp(NotifyEnv::work_dir() . '/rsa.pub');
delete $ENV{NOTIFY_TEST_UNSET};

# A handshake of somebody who is not here, with a token in the query; it ends
# at once, when it is refused and when it is not.
sub ask {
    my ($token, %set) = @_;

    my $uri = delete $set{uri} // "/client?token=$token";
    my $open = delete $set{open} // 1;

    return NotifyWire::handshake($uri, 'X-Forwarded-For' => '203.0.113.7',
               $open ? () : (Connection => 'Upgrade, close'), %set)
           . ($open ? NotifyWire::close_frame(1000) : '');
}

# The same that is to be refused.
sub refused { return ask(@_, open => 0) }

sub token { return NotifyToken::token(@_) }

# What the example's Django makes for the user 42.
sub djangos_token {
    my $app = NotifyEnv::top() . '/docs/examples/django';
    my $out = `PYTHONPATH=$app PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c '
import os
from types import SimpleNamespace
from django.conf import settings
settings.configure(NOTIFY_TOKEN_KEY=os.environ["NOTIFY_TEST_KEY"])
from notifications.tokens import notify_token
print(notify_token(SimpleNamespace(pk=42)), end="")
'`;
    die "no token of Django\n" if $? != 0;
    return $out;
}

sub closed { return NotifyWire::server_frame(8, pack 'n', 1000) }

# A configuration that is to be refused says why, one that is not answers.
add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value('request', 'GET /')
        if !defined $block->must_die && !defined $block->request
           && !defined $block->raw_request;
});

run_tests();

__DATA__

=== TEST 1: a token names the user, wherever the peer is
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => 'a@b.c'))
--- error_code: 101
--- response_headers
X-User: a@b.c
! WWW-Authenticate
--- response_body eval
::closed()



=== TEST 2: a number names a user, too
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => 42))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 3: a token in Authorization
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask('', uri => '/client',
      Authorization => 'Bearer ' . ::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 4: another scheme of Authorization has no token
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42'), Authorization => 'Basic am9lOmpvZQ==')
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 5: a token among the subprotocols is not sent back
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::ask('', uri => '/client', 'Sec-WebSocket-Protocol' =>
      'notify.v1, notify.token.' . ::token(sub => '42'))
--- error_code: 101
--- response_headers
Sec-WebSocket-Protocol: notify.v1
--- response_body_like chomp
^..\{"hello":\{"id":"[0-9-]+","user":"42","gap":false\}\}



=== TEST 6: nor when no other subprotocol is there
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask('', uri => '/client', 'Sec-WebSocket-Protocol' =>
      [ 'chat', 'notify.token.' . ::token(sub => '42') ])
--- error_code: 101
--- response_headers
X-User: 42
! Sec-WebSocket-Protocol
--- response_body eval
::closed()



=== TEST 7: a token in a cookie
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                     from=cookie:__Host-notify;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask('', uri => '/client',
      Cookie => 'a=b; __Host-notify=' . ::token(sub => '42') . '; c=d')
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 8: where a place is written, the others are not looked at
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                     from=cookie:notify;
    }
--- raw_request eval
::refused(::token(sub => '42'),
          Authorization => 'Bearer ' . ::token(sub => '42'),
          'Sec-WebSocket-Protocol' => 'notify.v1, notify.token.'
                                      . ::token(sub => '42'))
--- error_code: 401
--- response_body chomp
{"error":"there is no token","field":"token"}



=== TEST 9: an argument may have another name
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                     from=header from=query:t;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask('', uri => '/client?token=x&t=' . ::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 10: the first token that is found counts, not the first good one
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42'), Authorization => 'Bearer a.b.c')
--- error_code: 401
--- response_body_like chomp
"field":"token"



=== TEST 11: without a token, 401 says that one is wanted
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused('', uri => '/client?user_id=42')
--- error_code: 401
--- response_headers
Content-Type: application/json
WWW-Authenticate: Bearer
--- response_body chomp
{"error":"there is no token","field":"token"}
--- error_log
[info]
there is no token



=== TEST 12: no peer is near enough to need none
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused('', uri => '/client?user_id=42', 'X-Forwarded-For' => undef)
--- error_code: 401
--- response_body_like chomp
"there is no token"



=== TEST 13: RS256
--- config
    location /client {
        notify_socket;
        notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -alg => 'RS256', -key => 'rsa'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 14: ES256
--- config
    location /client {
        notify_socket;
        notify_token ES256 key=$TEST_NGINX_NOTIFY_DIR/ec.pub;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -alg => 'ES256', -key => 'ec'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 15: EdDSA
--- config
    location /client {
        notify_socket;
        notify_token EdDSA key=$TEST_NGINX_NOTIFY_DIR/ed.pub;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -alg => 'EdDSA', -key => 'ed'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 16: a token without a signature
--- config
    location /client {
        notify_socket;
        notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
    }
--- raw_request eval
::refused(::token(sub => '42', -alg => 'none', -signature => ''))
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer error="invalid_token"
--- response_body_like chomp
"token is not three parts with dots between them"



=== TEST 17: alg none with a signature
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', -alg => 'None', -signature => 'x' x 32))
--- error_code: 401
--- response_body_like chomp
"token alg is not that of a key"



=== TEST 18: the public key is no secret
--- config
    location /client {
        notify_socket;
        notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
    }
--- raw_request eval
::refused(::token(sub => '42', -key => \$ENV{NOTIFY_TEST_PEM}))
--- error_code: 401
--- response_body_like chomp
"token alg is not that of a key"



=== TEST 19: nor where there are secrets too
--- config
    location /client {
        notify_socket;
        notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', -key => \$ENV{NOTIFY_TEST_PEM}))
--- error_code: 401
--- response_body_like chomp
"token signature is wrong"



=== TEST 20: a token of another's key
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', -key => 'third'))
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer error="invalid_token"
--- response_body chomp
{"error":"token signature is wrong","field":"token"}
--- error_log
token signature is wrong



=== TEST 21: a claim that was changed
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
my ($head, $claims, $signature) = split /\./, ::token(sub => '42', exp => 4e9);
my (undef, $forged) = split /\./, ::token(sub => '1', exp => 4e9);
::refused("$head.$forged.$signature")
--- error_code: 401
--- response_body_like chomp
"token signature is wrong"



=== TEST 22: while keys change, tokens of the new one are good
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                           key=$TEST_NGINX_NOTIFY_DIR/old.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 23: and those of the old one
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                           key=$TEST_NGINX_NOTIFY_DIR/old.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -key => 'old'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 24: but of no other
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                           key=$TEST_NGINX_NOTIFY_DIR/old.key;
    }
--- raw_request eval
::refused(::token(sub => '42', -key => 'third'))
--- error_code: 401
--- response_body_like chomp
"token signature is wrong"



=== TEST 25: a kid chooses among the keys
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key kid=2025
                           key=$TEST_NGINX_NOTIFY_DIR/old.key kid=2024;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -key => 'old', -header => { kid => '2024' }))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 26: a kid that names another key
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key kid=2025
                           key=$TEST_NGINX_NOTIFY_DIR/old.key kid=2024;
    }
--- raw_request eval
::refused(::token(sub => '42', -key => 'old', -header => { kid => '2025' }))
--- error_code: 401
--- response_body_like chomp
"token signature is wrong"



=== TEST 27: a kid that names none
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key kid=2025;
    }
--- raw_request eval
::refused(::token(sub => '42', -header => { kid => '../2025' }))
--- error_code: 401
--- response_body_like chomp
"token kid is that of no key"



=== TEST 28: keys of several algorithms
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        notify_token ES256 key=$TEST_NGINX_NOTIFY_DIR/ec.pub;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -alg => 'ES256', -key => 'ec'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 29: of several, the one that came furthest says what is wrong
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        notify_token ES256 key=$TEST_NGINX_NOTIFY_DIR/ec.pub;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/old.key;
    }
--- raw_request eval
::refused(::token(sub => '42', exp => 1, -alg => 'ES256', -key => 'ec'))
--- error_code: 401
--- response_body_like chomp
"token expired"



=== TEST 30: a token that expired
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', exp => time - 1))
--- error_code: 401
--- response_body_like chomp
"token expired"



=== TEST 31: a token that does not say when it expires
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', exp => undef))
--- error_code: 401
--- response_body_like chomp
"token has no exp"



=== TEST 32: a token that is for later
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', nbf => time + 3000))
--- error_code: 401
--- response_body_like chomp
"token is not valid yet"



=== TEST 33: a leeway is for clocks that differ, and $notify_token_exp has it
--- config
    location /vars {
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key leeway=1h;
        return 200 $notify_token_exp;
    }
--- raw_request eval
$::exp = time - 60;
"GET /vars?token=" . ::token(sub => '42', exp => $::exp, nbf => time + 60)
. " HTTP/1.0\r\n\r\n"
--- response_body eval
$::exp + 3600



=== TEST 34: issuer and audience
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                     iss=https://example.com aud=notify;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', iss => 'https://example.com',
              aud => [ 'mail', 'notify' ]))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 35: another issuer
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                     iss=https://example.com aud=notify;
    }
--- raw_request eval
::refused(::token(sub => '42', iss => 'https://evil.example',
                  aud => 'notify'))
--- error_code: 401
--- response_body_like chomp
"token iss is not the one expected"



=== TEST 36: another audience
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key
                     iss=https://example.com aud=notify;
    }
--- raw_request eval
::refused(::token(sub => '42', iss => 'https://example.com', aud => 'mail'))
--- error_code: 401
--- response_body_like chomp
"token aud is not the one expected"



=== TEST 37: a token for somebody, where nobody in particular is asked for
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', aud => 'mail'))
--- error_code: 401
--- response_body_like chomp
"token has an aud, and none is expected"



=== TEST 38: a token that names nobody
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token())
--- error_code: 401
--- response_body_like chomp
"token sub is not 1 to 255 bytes of printable text, nor an integer"



=== TEST 39: a key from the environment
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=env:NOTIFY_TEST_KEY;
        notify_token RS256 key=env:NOTIFY_TEST_PEM;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42', -alg => 'RS256', -key => 'rsa'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 40: what is in a token can be read
--- config
    location /vars {
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        return 200 "$notify_token_sub $notify_token_groups $notify_token_exp";
    }
--- raw_request eval
"GET /vars?token=" . ::token(sub => '42', groups => [ 'staff', 'eu' ],
                             exp => 4000000000) . " HTTP/1.0\r\n\r\n"
--- response_body chomp
42 staff,eu 4000000000



=== TEST 41: what is in a bad one cannot
--- config
    location /vars {
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        return 200 "[$notify_token_sub$notify_token_groups$notify_token_exp]";
    }
--- raw_request eval
"GET /vars?token=" . ::token(sub => '42', groups => [ 'staff' ],
                             -key => 'old') . " HTTP/1.0\r\n\r\n"
--- response_body chomp
[]



=== TEST 42: nor where tokens are off
--- http_config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- config
    location /vars {
        notify_token off;
        return 200 "[$notify_token_sub$notify_token_groups$notify_token_exp]";
    }
--- raw_request eval
"GET /vars?token=" . ::token(sub => '42') . " HTTP/1.0\r\n\r\n"
--- response_body chomp
[]



=== TEST 43: what one location takes, another does not
--- config
    location /one {
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        set $one $notify_token_sub;
        rewrite ^ /two last;
    }
    location /two {
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/old.key;
        return 200 "$one [$notify_token_sub]";
    }
--- raw_request eval
"GET /one HTTP/1.0\r\nAuthorization: Bearer " . ::token(sub => '42')
. "\r\n\r\n"
--- response_body chomp
42 []



=== TEST 44: a new URI has another token
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    location /one {
        set $one $notify_token_sub;
        rewrite ^ /two?token=$arg_second? last;
    }
    location /two {
        return 200 "$one $notify_token_sub";
    }
--- raw_request eval
"GET /one?token=" . ::token(sub => '1') . '&second=' . ::token(sub => '2')
. " HTTP/1.0\r\n\r\n"
--- response_body chomp
1 2



=== TEST 45: notify_user may say more than the token
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        notify_user acme/$notify_token_sub;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: acme/42
--- response_body eval
::closed()



=== TEST 46: but a token must be there nevertheless
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        notify_user acme/$notify_token_sub;
    }
--- raw_request eval
::refused('', uri => '/client')
--- error_code: 401
--- response_body_like chomp
"there is no token"



=== TEST 47: written around, it holds inside
--- http_config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- config
    location /client {
        notify_socket;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 48: keys written inside replace those around
--- http_config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/old.key;
    }
--- raw_request eval
::refused(::token(sub => '42'))
--- error_code: 401
--- response_body_like chomp
"token signature is wrong"



=== TEST 49: a token written inside names the user, not notify_user around it
--- http_config
    notify_user $remote_user;
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 50: notify_user written inside names the user, not a token around it
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    location /client {
        notify_socket;
        notify_user joe;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::token(sub => '42'))
--- error_code: 101
--- response_headers
X-User: joe
--- response_body eval
::closed()



=== TEST 51: off, the default is for this machine only, as ever
--- http_config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- config
    location /client {
        notify_socket;
        notify_token off;
    }
--- raw_request eval
::refused(::token(sub => '42'), uri => '/client?user_id=42')
--- error_code: 403
--- response_body_like chomp
user comes from the query string, write notify_user
--- error_log
user comes from the query string, write notify_user



=== TEST 52: no token is asked of a push, whose user is in its path
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- response_body_like chomp
"user":"42","sockets":0\}



=== TEST 53: not even where it is written
--- config
    location /new/ {
        notify_push;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- request
POST /new/42
hello
--- response_body_like chomp
"user":"42","sockets":0\}



=== TEST 54: "if" in a location asks for it, too
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        if ($arg_x) { add_header X-If yes; }
    }
--- raw_request eval
::refused('', uri => '/client?x=1')
--- error_code: 401
--- response_body_like chomp
"there is no token"



=== TEST 55: error_page has the last word
--- config
    error_page 401 /login;
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
    location /login { return 401 "log in\n"; }
--- raw_request eval
::refused('', uri => '/client')
--- error_code: 401
--- response_body
log in



=== TEST 56: when the token ends, so does the socket
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local token = notify.token("$TEST_NGINX_NOTIFY_DIR/secret.key",
                '{"sub":"42","exp":' .. ngx.time() + 4 .. '}')
            notify.say(notify.open("/client?token=" .. token))
        }
    }
--- timeout: 20
--- request
GET /t
--- response_body
close 4401 "session expired"



=== TEST 57: also before the session does
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        notify_expires 4000000000;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local token = notify.token("$TEST_NGINX_NOTIFY_DIR/secret.key",
                '{"sub":"42","exp":' .. ngx.time() + 4 .. '}')
            notify.say(notify.open("/client?token=" .. token))
        }
    }
--- timeout: 20
--- request
GET /t
--- response_body
close 4401 "session expired"



=== TEST 58: a bad token leaves no error of OpenSSL to a connection with TLS
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
        ssl_certificate $TEST_NGINX_NOTIFY_DIR/cert.pem;
        ssl_certificate_key $TEST_NGINX_NOTIFY_DIR/rsa.key;
        location / {
            notify_socket;
            notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
            add_header X-User $notify_user always;
        }
    }
--- config
    location /client {
        notify_socket;
        notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("wss://127.0.0.1:$TEST_NGINX_RAND_PORT_1"
                                   .. "/?token=" .. ngx.var.arg_good)
            local status = notify.request("GET", "/client?token="
                .. ngx.var.arg_bad, { "Upgrade: websocket",
                "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" })
            ngx.say(status)
            ws:send_ping("still there?")
            notify.say(ws)
            ws:send_close(1000)
            notify.say(ws)
        }
    }
--- raw_request eval
my $good = ::token(sub => '42', -alg => 'RS256', -key => 'rsa');
my $bad = ::token(sub => '42', -alg => 'RS256', -signature => 'x' x 256);
"GET /t?good=$good&bad=$bad HTTP/1.0\r\n\r\n"
--- response_body
401
pong 7374696c6c2074686572653f
close 1000 ""



=== TEST 59: a token as Django makes it
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
        add_header X-User $notify_user always;
    }
--- raw_request eval
::ask(::djangos_token())
--- error_code: 101
--- response_headers
X-User: 42
--- response_body eval
::closed()



=== TEST 60: there must be an algorithm
--- config
    notify_token key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- must_die
--- error_log
[emerg]
secret.key" in "notify_token", write HS256, RS256, ES256, EdDSA or off in



=== TEST 61: one that there is
--- config
    notify_token none key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- must_die
--- error_log
[emerg]
invalid parameter "none" in "notify_token", write HS256, RS256, ES256, EdDSA or off



=== TEST 62: and a key
--- config
    notify_token HS256 aud=notify;
--- must_die
--- error_log
[emerg]
invalid parameter "HS256" in "notify_token", write key=file or key=env:NAME behind it



=== TEST 63: that can be read
--- config
    notify_token HS256 key=/nonexistent/notify.key;
--- must_die
--- error_log
[emerg]
key "/nonexistent/notify.key" cannot be read, write the path of a file that whoever starts nginx can read



=== TEST 64: a directory cannot
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR;
--- must_die
--- error_log
[emerg]
cannot be read, write the path of a file that whoever starts nginx can read



=== TEST 65: a key from a variable that is not there
--- config
    notify_token HS256 key=env:NOTIFY_TEST_UNSET;
--- must_die
--- error_log
[emerg]
invalid parameter "key=env:NOTIFY_TEST_UNSET" in "notify_token", write the name of a variable that nginx's environment has



=== TEST 66: a secret that can be guessed
--- config
    notify_token HS256 key=short.key;
--- user_files eval
[[ "$ENV{TEST_NGINX_SERVROOT}/conf/short.key", "secret\n" ]]
--- must_die
--- error_log
[emerg]
invalid parameter "key=short.key" in "notify_token", write a secret of 32 bytes or more, as "openssl rand -hex 32" makes



=== TEST 67: a public key for a secret
--- config
    notify_token HS256 key=env:NOTIFY_TEST_PEM;
--- must_die
--- error_log
[emerg]
invalid parameter "key=env:NOTIFY_TEST_PEM" in "notify_token", write a secret of 32 bytes or more



=== TEST 68: a secret for a public key
--- config
    notify_token RS256 key=env:NOTIFY_TEST_KEY;
--- must_die
--- error_log
[emerg]
invalid parameter "key=env:NOTIFY_TEST_KEY" in "notify_token", write a public key of RSA with 2048 bits or more in PEM, as "openssl pkey -in private.pem -pubout" makes



=== TEST 69: a private key for a public one
--- config
    notify_token ES256 key=$TEST_NGINX_NOTIFY_DIR/ec.key;
--- must_die
--- error_log
[emerg]
write a public key of P-256 in PEM, as "openssl pkey -in private.pem -pubout" makes



=== TEST 70: the key of another algorithm
--- config
    notify_token EdDSA key=$TEST_NGINX_NOTIFY_DIR/ec.pub;
--- must_die
--- error_log
[emerg]
write a public key of Ed25519 in PEM, as "openssl pkey -in private.pem -pubout" makes



=== TEST 71: a kid that names nothing
--- config
    notify_token HS256 kid=2025 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- must_die
--- error_log
[emerg]
invalid parameter "kid=2025" in "notify_token", write it behind the key= that it names



=== TEST 72: two names of one key
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key kid=1 kid=2;
--- must_die
--- error_log
[emerg]
invalid parameter "kid=2" in "notify_token", write a name, once



=== TEST 73: an audience without a name
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key aud=;
--- must_die
--- error_log
[emerg]
invalid parameter "aud=" in "notify_token", write a name, once



=== TEST 74: a leeway that is too long
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key leeway=1d;
--- must_die
--- error_log
[emerg]
invalid parameter "leeway=1d" in "notify_token", write a time such as leeway=5s, up to 1h



=== TEST 75: a place that there is not
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key from=body;
--- must_die
--- error_log
[emerg]
invalid parameter "from=body" in "notify_token", write from=header, from=protocol, from=query:name or from=cookie:name



=== TEST 76: a cookie without a name
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key from=cookie:;
--- must_die
--- error_log
[emerg]
invalid parameter "from=cookie:" in "notify_token", write from=header



=== TEST 77: a parameter that there is not
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key alg=RS256;
--- must_die
--- error_log
[emerg]
invalid parameter "alg=RS256" in "notify_token", write key=, kid=, aud=, iss=, leeway= or from=



=== TEST 78: off beside a key
--- config
    notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    notify_token off;
--- must_die
--- error_log
[emerg]
invalid parameter "off" in "notify_token", write off alone, or the others



=== TEST 79: off with a key
--- config
    notify_token off key=$TEST_NGINX_NOTIFY_DIR/secret.key;
--- must_die
--- error_log
[emerg]
invalid parameter "off" in "notify_token", write off alone, or the others



=== TEST 80: off twice
--- config
    notify_token off;
    notify_token off;
--- must_die
--- error_log
[emerg]
"notify_token" directive is duplicate



=== TEST 81: nothing at all
--- config
    notify_token;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "notify_token" directive



=== TEST 82: a claim that was changed, under a public key
--- config
    location /client {
        notify_socket;
        notify_token RS256 key=$TEST_NGINX_NOTIFY_DIR/rsa.pub;
    }
--- raw_request eval
my ($head, $claims, $signature) = split /\./,
    ::token(sub => '42', exp => 4e9, -alg => 'RS256', -key => 'rsa');
my (undef, $forged) = split /\./, ::token(sub => '1', exp => 4e9);
::refused("$head.$forged.$signature")
--- error_code: 401
--- response_body_like chomp
"token signature is wrong"



=== TEST 83: a header that wants something understood
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', -header => { crit => [ 'b64' ] }))
--- error_code: 401
--- response_body_like chomp
"token header has crit, which nothing here understands"



=== TEST 84: a name that would end a header
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => "42\r\nX-Evil: 1"))
--- error_code: 401
--- response_body_like chomp
"token sub is not 1 to 255 bytes of printable text



=== TEST 85: a group that would
--- config
    location /client {
        notify_socket;
        notify_token HS256 key=$TEST_NGINX_NOTIFY_DIR/secret.key;
    }
--- raw_request eval
::refused(::token(sub => '42', groups => [ "staff\xc2\x85" ]))
--- error_code: 401
--- response_body_like chomp
"token groups is not an array of names without commas"
