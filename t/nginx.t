# nginx's own modules around ours: each as its documentation says.

use lib 't/lib';
use NotifyTest 'no_plan';

run_tests();

__DATA__

=== TEST 1: a socket after a request on the same connection
--- config
    location /client { notify_socket; }
--- raw_request eval
"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
. ::handshake('/client?user_id=42') . ::client_frame(9, 'early')
. ::close_frame(1000)
--- ignore_response
--- access_log
GET /index.html HTTP/1.1" 200
GET /client?user_id=42 HTTP/1.1" 101



=== TEST 2: a handshake whose headers need large buffers
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42', 'X-Long' => 'x' x 6000,
            Cookie => 'y' x 3000)
. ::client_frame(9, 'early') . ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(10, 'early') . ::server_frame(8, pack 'n', 1000)



=== TEST 3: auth_basic keeps strangers out
--- config
    location /client {
        auth_basic "site";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        notify_socket;
        notify_user $remote_user;
    }
--- user_files
>>> passwords
alice:{PLAIN}secret
--- raw_request eval
::handshake('/client', Connection => 'Upgrade, close')
--- error_code: 401
--- response_headers
WWW-Authenticate: Basic realm="site"



=== TEST 4: auth_basic says who it is
--- config
    location /client {
        auth_basic "site";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        notify_socket;
        notify_user $remote_user;
    }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client", { headers = {
                "Authorization: Basic " .. ngx.encode_base64("alice:secret")
            } })
            notify.push("/new/alice", "hello")
            notify.say(ws)
        }
    }
--- user_files
>>> passwords
alice:{PLAIN}secret
--- request
GET /t
--- response_body
200 {"id":"*","user":"alice","sockets":1}
text "hello"



=== TEST 5: the session of an application behind a proxy
--- config
    location = /app {
        if ($cookie_sid = "s1") {
            add_header X-User 42;
            return 204;
        }
        return 401;
    }
    location = /session {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/app;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
    }
    location /client {
        auth_request /session;
        auth_request_set $uid $upstream_http_x_user;
        notify_socket;
        notify_user $uid;
    }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client", { headers = {
                "Cookie: sid=s1", "X-User: 1"
            } })
            notify.push("/new/42", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 6: no session, no socket
--- config
    location = /session { internal; return 401; }
    location /client {
        auth_request /session;
        auth_request_set $uid $upstream_http_x_user;
        notify_socket;
        notify_user $uid;
    }
--- raw_request eval
::handshake('/client', 'X-User' => 1, Connection => 'Upgrade, close')
--- error_code: 401



=== TEST 7: satisfy any: the password is one way in
--- config
    location /client {
        satisfy any;
        deny all;
        auth_basic "site";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        notify_socket;
        notify_user $remote_user;
    }
--- user_files
>>> passwords
alice:{PLAIN}secret
--- raw_request eval
::handshake('/client', Authorization => 'Basic YWxpY2U6c2VjcmV0')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 8: satisfy any: the address is the other
--- config
    location /new/ {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        auth_basic "site";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        notify_push from=any;
    }
--- user_files
>>> passwords
alice:{PLAIN}secret
--- request
POST /new/42
hello
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 9: a password for pushes
--- config
    location /new/ {
        auth_basic "site";
        auth_basic_user_file $TEST_NGINX_SERVER_ROOT/html/passwords;
        notify_push from=any;
    }
--- user_files
>>> passwords
django:{PLAIN}secret
--- request
POST /new/42
hello
--- more_headers
Authorization: Basic ZGphbmdvOndyb25n
--- error_code: 401
--- error_log eval
qr/\[error\].*password mismatch/



=== TEST 10: limit_conn counts sockets as long as they are open
--- http_config
    limit_conn_zone $binary_remote_addr zone=sockets:1m;
--- config
    location /client { notify_socket; limit_conn sockets 2; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local client = require "nginx.websocket.client"
            local uri = "ws://127.0.0.1:" .. ngx.var.server_port
                        .. "/client?user_id=42"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            local three = client:new({ timeout = 5000 })
            ngx.say(three:connect(uri) and three:recv_frame() and "opened"
                    or "refused")
            notify.push("/new/42", "hello")
            notify.say(one)
            notify.say(two)
            one:send_close(1000)
            notify.say(one)

            -- Its place is free when the server has seen its end.
            for _ = 1, 500 do
                local head = select(3, notify.request("HEAD", "/new/42"))
                if head:match("Notify%-Sockets: 1") then break end
                ngx.sleep(0.005)
            end
            local four = notify.open("/client?user_id=42")
            notify.push("/new/42", "again")
            notify.say(two)
            notify.say(four)
        }
    }
--- request
GET /t
--- response_body
refused
200 {"id":"*","user":"42","sockets":2}
text "hello"
text "hello"
close 1000 ""
200 {"id":"*","user":"42","sockets":2}
text "again"
text "again"
--- error_log eval
qr/\[error\].*limiting connections by zone "sockets"/



=== TEST 11: limit_req slows pushes down
--- http_config
    limit_req_zone $remote_addr zone=pushes:1m rate=1r/m;
--- config
    location /new/ { notify_push; limit_req zone=pushes; }
--- pipelined_requests eval
["POST /new/42\none", "POST /new/42\ntwo"]
--- error_code eval
[200, 503]
--- error_log eval
qr/\[error\].*limiting requests/



=== TEST 12: a socket that limit_conn counts, from its first bytes to its line
--- http_config
    limit_conn_zone $binary_remote_addr zone=sockets:1m;
    log_format notify '$status $notify_transport $notify_user $request_uri';
--- config
    access_log logs/access.log notify;
    location /client { notify_socket; limit_conn sockets 2; }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'early')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(10, 'early') . ::server_frame(8, pack 'n', 1000)
--- access_log
101 websocket 42 /client?user_id=42



=== TEST 13: mirror beside a socket
--- config
    location /client { mirror /copy; notify_socket; }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/copied;
    }
    location = /copied { return 204; }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'early')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(10, 'early') . ::server_frame(8, pack 'n', 1000)
--- access_log
GET /copied?user_id=42 HTTP/1.0" 204



=== TEST 14: mirror beside a push
--- config
    location /new/ { mirror /copy; notify_push; }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/copied;
    }
    location = /copied { return 204; }
--- request
POST /new/42
hello
--- response_body_like chomp
"user":"42","sockets":0
--- access_log
POST /copied HTTP/1.0" 204



=== TEST 15: a push by mirror
--- config
    location /client { notify_socket; }
    location /save {
        mirror /new/42;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/saved;
    }
    location /saved { return 200 "saved"; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            ngx.say((select(2, notify.request("POST", "/save", nil, "hello"))))
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
saved
text "hello"



=== TEST 16: stub_status counts sockets, and no more when they are gone
--- config
    location /client { notify_socket; }
    location /stub { stub_status; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local function active()
                local _, body = notify.request("GET", "/stub")
                return tonumber(body:match("Active connections: (%d+)")),
                       tonumber(body:match("Reading: (%d+)")),
                       tonumber(body:match("Waiting: (%d+)"))
            end
            local before, reading, waiting = active()
            local sockets = {}
            for i = 1, 10 do
                sockets[i] = notify.open("/client?user_id=42")
            end
            local now, now_reading, now_waiting = active()
            ngx.say(now - before, " ", now_reading - reading, " ",
                    now_waiting - waiting)
            for i = 1, 10 do
                sockets[i]:send_close(1000)
                sockets[i]:recv_frame()
                sockets[i]:close()
            end
            for _ = 1, 500 do
                now = active()
                if now == before then break end
                ngx.sleep(0.005)
            end
            ngx.say(now - before)
        }
    }
--- request
GET /t
--- response_body
10 0 10
0



=== TEST 17: nested locations
--- config
    location /app {
        location /app/client { notify_socket; }
        location /app/new/ { notify_push; }
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/app/client?user_id=42")
            notify.push("/app/new/42", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 18: a nested location does not take the role of the one around it
--- config
    location /client {
        notify_socket;
        location /client/page { return 200 "page\n"; }
        location /client/none { root html; }
    }
--- pipelined_requests eval
["GET /client/page", "GET /client/none/x"]
--- error_code eval
[200, 404]
--- response_body_like eval
["page\n", "404 Not Found"]
--- error_log eval
qr/\[error\].*No such file/



=== TEST 19: a regex location
--- config
    location ~ ^/(?<who>\w+)/socket$ { notify_socket; notify_user $who; }
    location ~ ^/(?<who>\w+)/push$ { notify_push; notify_user $who; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/42/socket")
            notify.push("/42/push", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 20: a named location
--- config
    location /x { try_files /nothing @socket; }
    location @socket { notify_socket; }
    location /y/ { error_page 418 = @push; return 418; }
    location @push { notify_push; notify_user $arg_to; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/x?user_id=42")
            notify.push("/y/?to=42", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 21: an exact location
--- config
    location = /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 22: "if" in a socket location keeps its role and its settings
--- config
    location /client {
        notify_socket;
        notify_origins https://example.com;
        if ($http_x_test) { add_header X-Seen yes always; }
    }
--- raw_request eval
::handshake('/client?user_id=42', 'X-Test' => 1,
            Origin => 'https://example.com')
. ::close_frame(1000)
--- error_code: 101
--- response_headers
X-Seen: yes
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 23: "if" in a push location keeps its role and its user
--- config
    location /new/ {
        notify_push;
        if ($http_x_test) { add_header X-Seen yes; }
    }
    location = /to {
        notify_push;
        notify_user $arg_to;
        if ($http_x_test) { add_header X-Seen yes; }
    }
--- pipelined_requests eval
["POST /new/42\nhello", "POST /to?to=7\nhello"]
--- more_headers
X-Test: 1
--- response_headers eval
["X-Seen: yes", "X-Seen: yes"]
--- response_body_like eval
['"user":"42","sockets":0', '"user":"7","sockets":0']
--- error_code eval
[200, 200]



=== TEST 24: "if" may answer by itself
--- config
    location /client {
        notify_socket;
        if ($arg_closed) { return 410 "gone\n"; }
    }
--- request
GET /client?closed=1
--- error_code: 410
--- response_body
gone



=== TEST 25: limit_except
--- config
    location /new/ {
        notify_push from=any;
        limit_except GET { deny all; }
    }
--- pipelined_requests eval
["GET /new/42", "POST /new/42\nhello"]
--- error_code eval
[200, 403]
--- response_body_like eval
['"user":"42","sockets":0', '403 Forbidden']
--- error_log eval
qr/\[error\].*access forbidden by rule/



=== TEST 26: a rewrite may make the handshake's arguments
--- config
    location /ws/ { rewrite ^/ws/(\w+)$ /client?user_id=$1 last; }
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/ws/42")
            notify.push("/new/42", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 27: filters of responses leave sockets alone
--- http_config
    gzip on;
    gzip_types *;
    gzip_min_length 0;
    gzip_http_version 1.0;
    ssi on;
    sub_filter hello changed;
    sub_filter_types *;
    postpone_output 1460;
    expires 1h;
    charset utf-8;
--- config
    location /client { notify_socket; limit_rate 10; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42",
                                   { headers = { "Accept-Encoding: gzip" } })
            local body = string.rep("hello <!--# echo var='uri' -->", 1000)
            notify.request("POST", "/new/42", nil, body)
            local data, kind = ws:recv_frame()
            ngx.say(kind, " ", #data, " ", data == body)
        }
    }
--- request
GET /t
--- response_body
text 30000 true
--- timeout: 10



=== TEST 28: nginx's timeouts are for requests, not for sockets
--- config
    client_header_timeout 2s;
    client_body_timeout 2s;
    send_timeout 2s;
    keepalive_timeout 2s;
    lingering_timeout 2s;
    reset_timedout_connection on;
    location /client { notify_socket; notify_ping_interval 5s; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            for i = 1, 2 do
                notify.say(ws)
                ws:send_pong()
            end
            notify.push("/new/42", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body_like chomp
^ping \w*
ping \w*
200 \{"id":"\*","user":"42","sockets":1\}
text "hello"
$
--- timeout: 30



=== TEST 29: keepalive_timeout 0
--- config
    keepalive_timeout 0;
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'ping')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(10, 'ping') . ::server_frame(8, pack 'n', 1000)



=== TEST 30: realip's address is in the log, also of the socket's end
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    location /client { notify_socket; notify_user $arg_u; }
--- raw_request eval
::handshake('/client?u=42', 'X-Real-IP' => '192.0.2.7')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)
--- error_log eval
qr/\[info\].*websocket closed: 1000.*client: 192\.0\.2\.7, user: "42"/
--- access_log
192.0.2.7 -



=== TEST 31: the realm may be the host
--- http_config
    notify_realm $host;
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", "for localhost")
            local sock = ngx.socket.tcp()
            sock:connect("127.0.0.1", ngx.var.server_port)
            sock:send("POST /new/42 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                      .. "Connection: close\r\nContent-Length: 5\r\n\r\n"
                      .. "hello")
            sock:receive("*a")
            notify.say(ws)
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":0}
text "hello"
nothing



=== TEST 32: a debug log of one client
--- main_config
    error_log logs/error.log info;
--- config
    location /client { notify_socket; error_log logs/error.log debug; }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'x')
. ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(10, 'x') . ::server_frame(8, pack 'n', 1000)
--- error_log
[debug]



=== TEST 33: another user name in another server
--- http_config
    server {
        listen $TEST_NGINX_RAND_PORT_1;
        location /new/ { notify_push; }
    }
--- config
    location /client { notify_socket; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.request("POST", "/new/42", nil, "hello", "127.0.0.1",
                           $TEST_NGINX_RAND_PORT_1)
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
text "hello"



=== TEST 34: a push by a subrequest of Lua
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local res = ngx.location.capture("/new/42", {
                method = ngx.HTTP_POST, body = "hello"
            })
            ngx.say(res.status)
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200
text "hello"
