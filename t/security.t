# What docs/security.md promises and no other file of blocks shows: peers that
# are not what they seem, hostile names in logs, bounds.
# t/security-mutants.t shows that each promise has a test that can fail.

use lib 't/lib';
use NotifyTest 'no_plan';

run_tests();

__DATA__

=== TEST 1: another address of this machine is another peer
--- config
    location /new/ { notify_push; }
    location /near/ {
        proxy_bind 127.0.0.2;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/new/;
    }
--- request
POST /near/42
hello
--- error_code: 403
--- response_body_like chomp
push refused: peer 127\.0\.0\.2 is not local; write \\"notify_push from=any; allow 127\.0\.0\.2; deny all;\\"



=== TEST 2: realip makes no peer local
--- config
    set_real_ip_from 127.0.0.2;
    real_ip_header X-Client;
    location /new/ { notify_push; }
    location /near/ {
        proxy_bind 127.0.0.2;
        proxy_set_header X-Client 127.0.0.1;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/new/;
    }
--- request
POST /near/42
hello
--- error_code: 403
--- response_body_like chomp
push refused: peer 127\.0\.0\.2 is not local



=== TEST 3: realip makes a local peer another one
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Client;
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
X-Client: 203.0.113.7
--- error_code: 403
--- response_body_like chomp
push refused: peer 203\.0\.113\.7 is not local



=== TEST 4: the PROXY protocol tells of peers behind a local one
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 proxy_protocol;
        location /new/ { notify_push; }
    }
--- config
    location /t {
        content_by_lua_block {
            local sock = ngx.socket.tcp()
            sock:connect("127.0.0.1", $TEST_NGINX_RAND_PORT_1)
            sock:send("PROXY TCP4 203.0.113.7 192.0.2.1 40000 80\r\n"
                      .. "POST /new/42 HTTP/1.1\r\nHost: localhost\r\n"
                      .. "Connection: close\r\nContent-Length: 1\r\n\r\nx")
            ngx.say((sock:receive("*a")))
        }
    }
--- request
GET /t
--- response_body_like chomp
^HTTP/1\.1 403 .*peer 203\.0\.113\.7 is not local



=== TEST 5: a default socket is for local peers: another address
--- config
    location /client { notify_socket; }
    location /near {
        proxy_bind 127.0.0.2;
        proxy_http_version 1.1;
        proxy_set_header Upgrade websocket;
        proxy_set_header Connection Upgrade;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/client;
    }
--- raw_request eval
::handshake('/near?user_id=42', Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
peer 127\.0\.0\.2 is not local



=== TEST 6: who may not push may not count, close or wake either
--- config
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            for _, method in ipairs { "HEAD", "DELETE", "GET", "PUT" } do
                ngx.say((notify.request(method, "/new/42", { "Via: 1.1 p" })))
            end
        }
    }
--- request
GET /t
--- response_body
403
403
403
403



=== TEST 7: with the session ends its socket
--- config
    location /client {
        notify_socket;
        notify_user $arg_u;
        notify_expires $arg_end;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            notify.say(notify.open("/client?u=42&end=" .. ngx.time() + 4))
        }
    }
--- timeout: 20
--- request
GET /t
--- response_body
close 4401 "session expired"
--- error_log
any client can set



=== TEST 8: a session that has ended gets no socket
--- config
    location /client {
        notify_socket;
        notify_expires 1700000000;
    }
--- raw_request eval
::handshake('/client?user_id=42', Connection => 'Upgrade, close')
--- error_code: 401
--- response_body_like chomp
"field":"notify_expires"



=== TEST 9: nor does one that ends at no time
--- config
    location /client {
        notify_socket;
        notify_expires soon;
    }
--- raw_request eval
::handshake('/client?user_id=42', Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"field":"notify_expires"



=== TEST 10: who sends more than it may is closed
--- config
    location /client {
        notify_socket;
        notify_client_rate 1r/m;
    }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'one')
. ::client_frame(1, 'two')
--- error_code: 101
--- response_body_like eval
qr/^\x88.\x03\xf0/s
--- shutdown



=== TEST 11: pings are counted, too
--- config
    location /client {
        notify_socket;
        notify_client_rate 1r/m;
    }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'one')
. ::client_frame(9, 'two')
--- error_code: 101
--- response_body_like eval
qr/^\x8a\x03one\x88.\x03\xf0/s
--- shutdown



=== TEST 12: a message of nothing but fragments ends
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, '', fin => 0)
. ::client_frame(0, '', fin => 0) x 1024 . ::close_frame(1000)
--- error_code: 101
--- response_body_like eval
qr/^\x88.\x03\xf0/s
--- shutdown



=== TEST 13: what the zone cannot hold reaches nobody
--- http_config
    notify_zone 256k;
    notify_history off;
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; client_body_buffer_size 1m; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", string.rep("x", 500000))
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
507 {"error":"the zone cannot hold this message","field":"zone"}
nothing
--- error_log eval
qr/\[error\].*zone "notify" is full, raise notify_zone/



=== TEST 14: a key of a push that came before, and another body
--- config
    location /new/ { notify_push; }
--- pipelined_requests eval
["POST /new/42\none", "POST /new/42\ntwo"]
--- more_headers eval
['Idempotency-Key: k', 'Idempotency-Key: k']
--- error_code eval
[200, 422]
--- response_body_like eval
['"user":"42"', '"field":"Idempotency-Key"']



=== TEST 15: a user cannot write into the log
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=a%22%0d%0a%1b%5b%7f%5c%c2%9b%c3%a9')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)
--- error_log
client: 127.0.0.1, user: "a\x22\x0D\x0A\x1B[\x7F\x5C\xC2\x9Bé"
--- log_level: info



=== TEST 16: nor end the JSON that tells its own socket whose it is
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=a%22%0d%0a%5c',
            'Sec-WebSocket-Protocol' => 'notify.v1') . ::close_frame(1000)
--- error_code: 101
--- response_body_like chomp
"user":"a\\"\\r\\n\\\\","gap":false



=== TEST 17: nor what a header has to say
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Origin => "https://a\x1b[2Jb\xc2\x9b",
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"error":"origin \\"https://a\?\[2Jb\?\?\\"
--- error_log
origin "https://a?[2Jb??"



=== TEST 18: what is no UTF-8 does not break the JSON of a refusal
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', Origin => "https://a\xff\"b",
            Connection => 'Upgrade, close')
--- error_code: 403
--- response_body_like chomp
"error":"origin \\"https://a\?\\"b\\" is not one



=== TEST 19: a worker keeps connections for the site
--- http_config
    notify_reserve 127;
--- config
    location /client { notify_socket; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            ngx.say((notify.request("GET", "/client?user_id=42", {
                "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==" })))
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
503
nothing
--- error_log eval
qr/\[error\].*1 of 128 worker_connections are sockets, raise/



=== TEST 20: who does not answer a ping is dropped
--- config
    location /client { notify_socket; notify_ping_interval 1s; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local head
            for _ = 1, 400 do
                head = select(3, notify.request("HEAD", "/new/42"))
                if head:match("Notify%-Sockets: 0") then break end
                ngx.sleep(0.01)
            end
            ngx.say(head:match("Notify%-Sockets: %d"))
        }
    }
--- request
GET /t
--- timeout: 20
--- response_body
Notify-Sockets: 0



=== TEST 21: what waits for a peer that does not read is bounded
--- http_config
    notify_zone 64m;
    notify_history off;
--- config
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 sndbuf=16k;
    location /client { notify_socket; }
    location /new/ { notify_push; client_body_buffer_size 1m; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("ws://127.0.0.1:$TEST_NGINX_RAND_PORT_1"
                                   .. "/client?user_id=42")
            local body = string.rep("x", 1000000)
            local receipt
            for _ = 1, 30 do
                receipt = select(2, notify.request("POST", "/new/42", nil,
                                                   body))
                if receipt:match('"sockets":0') then break end
            end
            ngx.say(receipt:match('"sockets":%d'))
        }
    }
--- request
GET /t
--- timeout: 20
--- response_body
"sockets":0



=== TEST 22: of each user's messages so many are kept
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; notify_history 2; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local _, first = notify.request("POST", "/new/42", nil, "0")
            for n = 1, 4 do
                notify.request("POST", "/new/42", nil, tostring(n))
            end
            local ws = notify.open("/client?user_id=42&last_id="
                                   .. first:match('"id":"([^"]+)"'))
            notify.say(ws)
            notify.say(ws)
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
text "3"
text "4"
nothing



=== TEST 23: a last id that is none
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42&last_id=1-2-3',
            Connection => 'Upgrade, close')
--- error_code: 400
--- response_body_like chomp
"field":"last_id"



=== TEST 24: a key of a push has a bound
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers eval
'Idempotency-Key: ' . 'x' x 256
--- error_code: 400
--- response_body_like chomp
"field":"Idempotency-Key"



=== TEST 25: a name of another site that leads here finds nothing
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 default_server;
        return 444;
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        server_name localhost 127.0.0.1;
        location /client { notify_socket; }
        location /new/ { notify_push; }
    }
--- config
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            ngx.say((notify.request("GET", "/new/42", nil, nil, "127.0.0.1",
                                    $TEST_NGINX_RAND_PORT_1)))
            local sock = ngx.socket.tcp()
            sock:connect("127.0.0.1", $TEST_NGINX_RAND_PORT_1)
            sock:send("GET /new/42 HTTP/1.1\r\nHost: rebound.example\r\n\r\n")
            ngx.say("\"", sock:receive("*a"), "\"")
        }
    }
--- request
GET /t
--- response_body
200
""



=== TEST 26: a compressed message is bounded by what it becomes
--- config
    location /client { notify_socket; notify_deflate 1; }
--- raw_request eval
use Compress::Raw::Zlib;
my ($z) = Compress::Raw::Zlib::Deflate->new(-WindowBits => -15,
                                            -AppendOutput => 1);
my $bomb = '';
$z->deflate('x' x 1000000, $bomb);
$z->flush($bomb, Z_SYNC_FLUSH);
::handshake('/client?user_id=42',
            'Sec-WebSocket-Extensions' => 'permessage-deflate')
. ::client_frame(1, substr($bomb, 0, -4), rsv => 4)
--- error_code: 101
--- response_body_like eval
qr/^\x88.\x03\xf1inflated message is too big/s
--- shutdown



=== TEST 27: a user has so many sockets and no more
--- config
    location /client { notify_socket; notify_max_sockets 1 refuse; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            ngx.say((notify.request("GET", "/client?user_id=42", {
                "Connection: Upgrade", "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==" })))
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
429
nothing
