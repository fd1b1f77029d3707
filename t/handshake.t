# The handshake (RFC 6455, 4): who gets a socket, and how all others are
# refused.  A block that gets one closes it at once: the server's answer to
# the close frame is what follows the headers.

use lib 't/lib';
use NotifyTest 'no_plan';

run_tests();

__DATA__

=== TEST 1: two lines of configuration make a socket
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(1000)
--- error_code: 101
--- raw_response_headers_like chomp
^HTTP/1\.1 101 Switching Protocols\r\n
--- response_headers
Upgrade: websocket
Connection: upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
! Sec-WebSocket-Protocol
! Sec-WebSocket-Extensions
! Content-Length
! Transfer-Encoding
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 2: the accept key is made of the client's key
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Key' => 'AQIDBAUGBwgJCgsMDQ4PEA==')
. ::close_frame(1000)
--- error_code: 101
--- response_headers eval
'Sec-WebSocket-Accept: ' . ::accept_key('AQIDBAUGBwgJCgsMDQ4PEA==')
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 3: a request that is no upgrade is told to upgrade
--- config
    location /client { notify_socket; }
--- request
GET /client?user_id=42
--- error_code: 426
--- response_headers
Upgrade: websocket
Content-Type: application/json
--- response_body_like chomp
^\{"error":".+","field":"Upgrade"\}



=== TEST 4: the names of Upgrade and Connection have no case, and are lists
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Upgrade => 'h2c, WebSocket',
            Connection => 'keep-alive, UPGRADE')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 5: Upgrade may come as several lines
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Upgrade => ['h2c', 'websocket'])
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 6: Connection may come as several lines
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Connection => ['keep-alive', 'Upgrade'])
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 7: Connection: close beside Connection: Upgrade does not harm
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Connection => ['Upgrade', 'close'])
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 8: another protocol is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Upgrade => 'websocket/12, h2c',
            Connection => 'Upgrade, close')
--- error_code: 426
--- response_headers
Upgrade: websocket
--- response_body_like chomp
"field":"Upgrade"



=== TEST 9: without Connection: Upgrade it is no upgrade
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Connection => 'close')
--- error_code: 426
--- response_headers
Upgrade: websocket
--- response_body_like chomp
"field":"Connection"



=== TEST 10: a word that only begins with upgrade is another one
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Connection => 'upgraded, close')
--- error_code: 426
--- response_body_like chomp
"field":"Connection"



=== TEST 11: another version is told which one we speak
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Sec-WebSocket-Version' => 8,
            Connection => 'Upgrade, close')
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13
--- response_body_like chomp
"field":"Sec-WebSocket-Version"



=== TEST 12: a version must be there
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Sec-WebSocket-Version' => undef,
            Connection => 'Upgrade, close')
--- error_code: 426
--- response_headers
Sec-WebSocket-Version: 13
--- response_body_like chomp
"field":"Sec-WebSocket-Version"



=== TEST 13: a key must be there
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Sec-WebSocket-Key' => undef,
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body_like chomp
^\{"error":".+","field":"Sec-WebSocket-Key"\}



=== TEST 14: a key of 15 bytes is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Key' => 'AQIDBAUGBwgJCgsMDQ4P',
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"Sec-WebSocket-Key"



=== TEST 15: a key that is not base64 is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Key' => 'AQIDBAUGBwgJCgsMDQ4.EA==',
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"Sec-WebSocket-Key"



=== TEST 16: two keys are refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Key' => ['dGhlIHNhbXBsZSBub25jZQ==',
                                    'AQIDBAUGBwgJCgsMDQ4PEA=='],
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"Sec-WebSocket-Key"



=== TEST 17: HTTP/1.0 cannot upgrade
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', version => 'HTTP/1.0')
--- error_code: 426
--- response_body_like chomp
"error":"



=== TEST 18: a handshake is a GET
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', method => 'PUT',
            Connection => 'Upgrade, close')
--- error_code: 405
--- response_headers
Allow: GET
--- response_body_like chomp
"field":"method"



=== TEST 19: a handshake with a body is refused: it would be read as frames
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Content-Length' => 5,
            Connection => 'Upgrade, close') . 'hello'
--- error_code: 400
--- response_body_like chomp
"field":"body"



=== TEST 20: a handshake with a chunked body is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Transfer-Encoding' => 'chunked',
            Connection => 'Upgrade, close') . "0\r\n\r\n"
--- error_code: 400
--- response_body_like chomp
"field":"body"



=== TEST 21: a Content-Length of 0 is no body
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Content-Length' => 0)
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 22: a subprotocol that we do not speak is not chosen
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Sec-WebSocket-Protocol' => 'chat, wamp')
. ::close_frame(1000)
--- error_code: 101
--- response_headers
! Sec-WebSocket-Protocol
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 23: subprotocols may come as several lines
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Protocol' => ['chat', 'wamp, mqtt'])
. ::close_frame(1000)
--- error_code: 101
--- response_headers
! Sec-WebSocket-Protocol
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 24: a malformed list of subprotocols is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Sec-WebSocket-Protocol' => 'chat wamp',
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"Sec-WebSocket-Protocol"



=== TEST 25: a malformed second line of subprotocols is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Protocol' => ['chat', '"wamp"'],
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"Sec-WebSocket-Protocol"



=== TEST 26: an extension is not accepted
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'Sec-WebSocket-Extensions' =>
    'permessage-deflate; client_max_window_bits; server_max_window_bits="10"')
. ::close_frame(1000)
--- error_code: 101
--- response_headers
! Sec-WebSocket-Extensions
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 27: a malformed list of extensions is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            'Sec-WebSocket-Extensions' => 'permessage-deflate; =10',
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"Sec-WebSocket-Extensions"



=== TEST 28: the site's own pages may connect
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Host => 'Example.com:8080',
            Origin => 'https://example.COM')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 29: another site's pages are told both names and the line to write
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Host => 'example.com',
            Origin => 'https://evil.example', Connection => 'Upgrade, close')
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like chomp
"error":".*https://evil\.example.*example\.com.*notify_origins .*","field":"Origin"
--- error_log
notify_origins



=== TEST 30: a site whose name only ends as ours is another one
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Host => 'example.com',
            Origin => 'https://notexample.com',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"Origin"



=== TEST 31: a sandboxed page is no page of the site
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'null',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"Origin"



=== TEST 32: a malformed Origin is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'http://localhost/',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"Origin"



=== TEST 33: the second of two Origins counts as well
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42',
            Origin => ['http://localhost', 'https://evil.example'],
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"Origin"



=== TEST 34: a pattern lets the sites below a name in
--- config
    location /client {
        notify_socket;
        notify_origins *.example.com;
    }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'https://app.example.com:8443')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 35: a pattern replaces "same"
--- config
    location /client {
        notify_socket;
        notify_origins https://example.com *.example.com;
    }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'http://localhost',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"Origin"



=== TEST 36: "same" may stand beside patterns
--- config
    location /client {
        notify_socket;
        notify_origins same https://example.com;
    }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'http://localhost')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 37: a pattern's scheme counts
--- config
    location /client {
        notify_socket;
        notify_origins https://example.com;
    }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'http://example.com',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"Origin"



=== TEST 38: any Origin may be let in
--- config
    location /client {
        notify_socket;
        notify_origins any;
    }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'https://evil.example')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 39: without a user in the argument the request is at fault
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client', Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
^\{"error":".*user.*","field":"user_id"\}



=== TEST 40: a written user that is empty is one who has not logged in
--- config
    location /client {
        notify_socket;
        notify_user $remote_user;
    }
--- raw_request eval
::handshake('/client', Connection => 'Upgrade, close')
--- error_code: 401
--- response_body_like chomp
"field":"notify_user"



=== TEST 41: a written argument that is empty is the request's fault
--- config
    location /client {
        notify_socket;
        notify_user $arg_u;
    }
--- raw_request eval
::handshake('/client', Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"



=== TEST 42: a user that is no UTF-8 is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=a%ffb', Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"error":".*UTF-8.*"



=== TEST 43: a user with NUL is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=a%00b', Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"error":".*NUL.*"



=== TEST 44: a user of 255 bytes is taken
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=' . 'u' x 255) . ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 45: a user of 256 bytes is refused
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=' . 'u' x 256, Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"error":".*255.*"



=== TEST 46: the default user is believed to local peers only
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'X-Forwarded-For' => '203.0.113.7',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"error":".*notify_user.*"
--- error_log
user comes from the query string, write notify_user



=== TEST 47: behind realip, it is the client who must be local
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'X-Real-IP' => '203.0.113.7',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"error":".*notify_user.*"
--- error_log
user comes from the query string, write notify_user



=== TEST 48: a written user is taken from anywhere
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    location /client {
        notify_socket;
        notify_user $arg_user_id decode;
    }
--- raw_request eval
::handshake('/client?user_id=42', 'X-Real-IP' => '203.0.113.7')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)
--- error_log
any client can set



=== TEST 49: frames that came with the handshake are not lost
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'early')
. ::client_frame(9, 'bird') . ::close_frame(1001, 'bye')
--- error_code: 101
--- response_body eval
::server_frame(10, 'early') . ::server_frame(10, 'bird')
. ::server_frame(8, pack 'n', 1001)



=== TEST 50: error_page has the last word about a refusal
--- config
    error_page 403 = /sorry;
    location /client { notify_socket; }
    location = /sorry { return 403 "sorry\n"; }
--- raw_request eval
::handshake('/client?user_id=42', Origin => 'https://evil.example',
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body
sorry



=== TEST 51: add_header is heard in the handshake
--- config
    location /client {
        notify_socket;
        add_header X-Worker "$pid" always;
    }
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(1000)
--- error_code: 101
--- response_headers_like
X-Worker: \d+
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 52: a refused handshake leaves the connection to the next request
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client') . "GET / HTTP/1.1\r\nHost: localhost\r\n"
. "Connection: close\r\n\r\n"
--- error_code: 400
--- response_body_like chomp
"field":"user".*It works!
--- ignore_response
--- access_log
GET / HTTP/1.1" 200



=== TEST 53: one line in the log for each closed socket
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=4%402') . ::close_frame(1001)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1001)
--- error_log eval
qr/\[info\].* closed: 1001 by client, [0-9]{1,2}s, 0 messages .*user: "4\@2"/
--- log_level: info
