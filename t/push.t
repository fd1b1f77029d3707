# The push: one request to one user, its answer, and what the user's sockets
# get.

use lib 't/lib';
use NotifyTest 'no_plan';

run_tests();

__DATA__

=== TEST 1: a push to a user without sockets is accepted and reaches nobody
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- response_headers
Content-Type: application/json
--- response_body_like chomp
^\{"id":"\d{13}-\d+","user":"42","sockets":0\}\n?$



=== TEST 2: a body becomes one text message, byte for byte
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", "caf\195\169 \240\159\148\148")
            notify.say(ws)
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body eval
"200 {\"id\":\"*\",\"user\":\"42\",\"sockets\":1}\n"
. "text \"caf\xc3\xa9 \xf0\x9f\x94\x94\"\n" . "nothing\n"



=== TEST 3: all of a user's sockets get it, and nobody else's
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            local other = notify.open("/client?user_id=4")
            notify.push("/new/42", "hello")
            notify.say(one)
            notify.say(two)
            notify.say_nothing(other)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":2}
text "hello"
text "hello"
nothing



=== TEST 4: PUT does the same
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", "hello", nil, "PUT")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 5: GET sends an empty text
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", nil, nil, "GET")
            notify.say(ws)
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text ""
nothing



=== TEST 6: an empty POST sends an empty text
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", "")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text ""



=== TEST 7: octets become a binary message
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            notify.push("/new/42", "\0\255\128",
                        { "Content-Type: application/octet-stream" })
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
binary 00ff80



=== TEST 8: any other type must be UTF-8
--- config
    location /new/ { notify_push; }
--- raw_request eval
"POST /new/42 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Content-Type: image/png\r\nContent-Length: 4\r\n\r\nab\xffc"
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body_like chomp
^\{"error":".*UTF-8.*","field":"(?:body|message)"\}



=== TEST 9: a body that is cut inside of a character is no UTF-8
--- config
    location /new/ { notify_push; }
--- raw_request eval
"POST /new/42 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Content-Length: 4\r\n\r\nab\xe2\x82"
--- error_code: 400
--- response_body_like chomp
UTF-8



=== TEST 10: DELETE closes the user's sockets with 4403
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            local other = notify.open("/client?user_id=4")
            notify.push("/new/42", "before")
            notify.push("/new/42", nil, nil, "DELETE")
            notify.say(one)
            notify.say(one)
            notify.say(two)
            notify.say(two)
            notify.say_nothing(other)
        }
    }
--- request
GET /t
--- response_body_like chomp
^200 \{"id":"\*","user":"42","sockets":2\}
200 \{.*"user":"42","sockets":2\}
text "before"
close 4403 ".*"
text "before"
close 4403 ".*"
nothing
$



=== TEST 11: HEAD counts the user's sockets
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            local status, body, head = notify.request("HEAD", "/new/42")
            ngx.say(status, " ", head:match("Notify%-Sockets: (%d+)"), body)
            notify.say_nothing(one)
        }
    }
--- request
GET /t
--- response_body
200 2
nothing



=== TEST 12: HEAD of a user without sockets
--- config
    location /new/ { notify_push; }
--- request
HEAD /new/42
--- response_headers
Notify-Sockets: 0
--- response_body eval
""



=== TEST 13: other methods are told which ones there are
--- config
    location /new/ { notify_push; }
--- request
PATCH /new/42
--- error_code: 405
--- response_headers
Allow: GET, HEAD, POST, PUT, DELETE
Content-Type: application/json
--- response_body_like chomp
"field":"method"



=== TEST 14: without a user in the URI
--- config
    location /new/ { notify_push; }
--- request
POST /new/
hello
--- error_code: 400
--- response_body_like chomp
^\{"error":".*user.*","field":"user"\}



=== TEST 15: the user is decoded once
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=a%40b.c%2525")
            notify.push("/new/a%40b.c%2525", "hello")
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"a@b.c%25","sockets":1}
text "hello"



=== TEST 16: a slash in a user stays what it is
--- config
    location /new/ { notify_push; }
--- request
POST /new/a%2Fb
hello
--- response_body_like chomp
"user":"a/b","sockets":0



=== TEST 17: what nginx would merge or resolve stays in the user
--- config
    location /new/ { notify_push; }
--- request
POST /new/a//b/../c/./d
hello
--- response_body_like chomp
"user":"a//b/\.\./c/\./d","sockets":0



=== TEST 18: arguments are no part of the user
--- config
    location /new/ { notify_push; }
--- request
POST /new/42?x=1
hello
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 19: a plus sign is a plus sign
--- config
    location /new/ { notify_push; }
--- request
POST /new/a+b
hello
--- response_body_like chomp
"user":"a\+b","sockets":0



=== TEST 20: a user is escaped in the receipt
--- config
    location /new/ { notify_push; }
--- request
POST /new/%22%5C%0A%7F
hello
--- response_body_like eval
qr/"user":"\\"\\\\\\n\x7f","sockets":0/



=== TEST 21: a user with NUL is refused
--- config
    location /new/ { notify_push; }
--- request
POST /new/a%00b
hello
--- error_code: 400
--- response_body_like chomp
"error":".*NUL.*","field":"user"|400 Bad Request



=== TEST 22: a user that is no UTF-8 is refused
--- config
    location /new/ { notify_push; }
--- request
POST /new/%c3%28
hello
--- error_code: 400
--- response_body_like chomp
"error":".*UTF-8.*","field":"user"



=== TEST 23: a user of 256 bytes is refused
--- config
    location /new/ { notify_push; }
--- request eval
"POST /new/" . 'u' x 256 . "\nhello"
--- error_code: 400
--- response_body_like chomp
"error":".*255.*","field":"user"



=== TEST 24: a path that does not begin as the location is refused
--- config
    location /new/ { notify_push; }
--- request
POST /%6eew/42
hello
--- error_code: 400
--- response_body_like chomp
"field":"user"



=== TEST 25: after an internal redirect the new URI counts
--- config
    location /old/ { rewrite ^/old/(.*)$ /new/$1 last; }
    location /new/ { notify_push; }
--- request
POST /old/4%202
hello
--- response_body_like chomp
"user":"4 2","sockets":0



=== TEST 26: a regex location names its user
--- config
    location ~ ^/users/(\w+)/new$ {
        notify_push;
        notify_user $1;
    }
--- request
POST /users/42/new
hello
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 27: a user may come from the request's header, as the operator says
--- config
    location = /new {
        notify_push;
        notify_user $http_x_user;
    }
--- request
POST /new
hello
--- more_headers
X-User: 42
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 28: a written user that is empty
--- config
    location = /new {
        notify_push;
        notify_user $http_x_user;
    }
--- request
POST /new
hello
--- error_code: 401
--- response_body_like chomp
"field":"notify_user"



=== TEST 29: notify_user of the server is for sockets, not for pushes
--- config
    notify_user $cookie_uid;
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
Cookie: uid=7
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 30: a body in a temp file arrives whole
--- config
    location /client { notify_socket; }
    location /new/ {
        notify_push;
        client_body_in_file_only clean;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local body = string.rep("0123456789abcdef", 4096)
            notify.push("/new/42", body)
            local data, kind = ws:recv_frame()
            ngx.say(kind, " ", #data, " ", data == body)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text 65536 true



=== TEST 31: a body that was larger than the buffer arrives whole
--- config
    location /client { notify_socket; }
    location /new/ {
        notify_push;
        client_body_buffer_size 1k;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local body = string.rep("0123456789abcde\n", 65536)
            notify.push("/new/42", body)
            local data, kind = ws:recv_frame()
            ngx.say(kind, " ", #data, " ", data == body)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
text 1048576 true



=== TEST 32: a temp file is checked for UTF-8 as well
--- config
    location /new/ {
        notify_push;
        client_body_in_file_only clean;
    }
--- raw_request eval
"POST /new/42 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Content-Length: 10000\r\n\r\n" . 'x' x 9999 . "\xc3"
--- error_code: 400
--- response_body_like chomp
UTF-8



=== TEST 33: a chunked body arrives whole
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local sock = ngx.socket.tcp()
            sock:connect("127.0.0.1", ngx.var.server_port)
            sock:send("POST /new/42 HTTP/1.1\r\nHost: localhost\r\n"
                      .. "Connection: close\r\n"
                      .. "Transfer-Encoding: chunked\r\n\r\n"
                      .. "3\r\none\r\n")
            sock:send("4;x=y\r\n two\r\n0\r\n\r\n")
            ngx.say((sock:receive()))
            notify.say(ws)
        }
    }
--- request
GET /t
--- response_body
HTTP/1.1 200 OK
text "one two"



=== TEST 34: pushes may be pipelined, and come in order
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local sock = ngx.socket.tcp()
            sock:connect("127.0.0.1", ngx.var.server_port)
            local text = {}
            for i = 1, 100 do
                local last = i == 100 and "Connection: close\r\n" or ""
                text[i] = "POST /new/42 HTTP/1.1\r\nHost: localhost\r\n"
                          .. last .. "Content-Length: 3\r\n\r\n"
                          .. string.format("%03d", i)
            end
            sock:send(table.concat(text))
            local all = sock:receive("*a")
            local _, answers = all:gsub('"user":"42","sockets":1', "")
            ngx.say(answers)
            for i = 1, 100 do
                local data, kind = ws:recv_frame()
                if data ~= string.format("%03d", i) then
                    ngx.say("expected ", i, " got ", data)
                end
            end
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
100
nothing



=== TEST 35: each push has a greater id
--- config
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local last_ms, last_seq, fine = 0, 0, 0
            for i = 1, 50 do
                local _, body = notify.request("POST", "/new/42", nil, "x")
                local ms, seq = body:match('"id":"(%d+)%-(%d+)"')
                ms, seq = tonumber(ms), tonumber(seq)
                if ms > last_ms or (ms == last_ms and seq > last_seq) then
                    fine = fine + 1
                end
                last_ms, last_seq = ms, seq
            end
            ngx.say(fine, " ", last_ms > 1700000000000)
        }
    }
--- request
GET /t
--- response_body
50 true



=== TEST 36: a body beyond client_max_body_size is nginx's to refuse
--- config
    location /new/ {
        notify_push;
        client_max_body_size 10;
    }
--- request
POST /new/42
hello, world
--- error_code: 413
--- error_log eval
qr/\[error\].*client intended to send too large body/



=== TEST 37: a peer that is not local is told what to write
--- config
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
X-Real-IP: 172.18.0.5
--- error_code: 403
--- response_body_like chomp
push refused: peer 172\.18\.0\.5 is not local; write \\?"notify_push from=any; allow 172\.18\.0\.5; deny all;\\?" in this location
--- error_log
push refused: peer 172.18.0.5 is not local; write "notify_push from=any; allow 172.18.0.5; deny all;" in this location



=== TEST 38: a forwarded request is not local: X-Forwarded-For
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
X-Forwarded-For: 127.0.0.1
--- error_code: 403
--- response_body_like chomp
push refused.*X-Forwarded-For.*from=any
--- error_log
push refused



=== TEST 39: a forwarded request is not local: Forwarded
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
Forwarded: for=127.0.0.1
--- error_code: 403
--- response_body_like chomp
push refused.*Forwarded
--- error_log
push refused



=== TEST 40: a forwarded request is not local: Via
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
Via: 1.1 proxy
--- error_code: 403
--- response_body_like chomp
push refused.*Via
--- error_log
push refused



=== TEST 41: a forwarded request is not local: X-Real-IP
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
X-Real-IP: 127.0.0.1
--- error_code: 403
--- response_body_like chomp
push refused.*X-Real-IP
--- error_log
push refused



=== TEST 42: a browser is not a local program: Origin
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- more_headers
Origin: http://localhost
--- error_code: 403
--- response_body_like chomp
push refused.*Origin
--- error_log
push refused



=== TEST 43: a browser is not a local program: Sec-Fetch-Site
--- config
    location /new/ { notify_push; }
--- request
GET /new/42
--- more_headers
Sec-Fetch-Site: same-origin
--- error_code: 403
--- response_body_like chomp
push refused.*Sec-Fetch-Site
--- error_log
push refused



=== TEST 44: with from=any the operator's own rules decide
--- config
    location /new/ { notify_push from=any; }
--- request
POST /new/42
hello
--- more_headers
X-Forwarded-For: 203.0.113.7
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 45: with from=any a page of the site may push
--- config
    location /new/ { notify_push from=any; }
--- request
POST /new/42
hello
--- more_headers
Origin: http://localhost
Sec-Fetch-Site: same-origin
--- response_body_like chomp
"user":"42","sockets":0



=== TEST 46: with from=any a page of another site still may not
--- config
    location /new/ { notify_push from=any; }
--- request
POST /new/42
hello
--- more_headers
Sec-Fetch-Site: cross-site
--- error_code: 403
--- response_body_like chomp
Sec-Fetch-Site



=== TEST 47: nginx's access rules come first
--- config
    location /new/ {
        notify_push from=any;
        deny all;
    }
--- request
POST /new/42
hello
--- error_code: 403
--- response_body_like chomp
403 Forbidden
--- error_log eval
qr/\[error\].*access forbidden by rule/



=== TEST 48: realms do not hear each other
--- config
    location /client { notify_socket; notify_realm staging; }
    location /live/client { notify_socket; }
    location /new/ { notify_push; notify_realm staging; }
    location /live/new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local staging = notify.open("/client?user_id=42")
            local live = notify.open("/live/client?user_id=42")
            notify.push("/new/42", "staging")
            notify.push("/live/new/42", "live")
            notify.say(staging)
            notify.say_nothing(staging)
            notify.say(live)
            notify.say_nothing(live)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"42","sockets":1}
200 {"id":"*","user":"42","sockets":1}
text "staging"
nothing
text "live"
nothing



=== TEST 49: a realm and a user cannot be mistaken for another pair
--- config
    location /client { notify_socket; notify_realm a; }
    location /new/ { notify_push; notify_realm aa; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=ab")
            notify.push("/new/b", "x")
            notify.say_nothing(ws)
        }
    }
--- request
GET /t
--- response_body
200 {"id":"*","user":"b","sockets":0}
nothing



=== TEST 50: a closed socket is counted no more
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            one:send_close(1000)
            notify.say(one)
            notify.push("/new/42", "hello")
            notify.say(two)
        }
    }
--- request
GET /t
--- response_body
close 1000 ""
200 {"id":"*","user":"42","sockets":1}
text "hello"



=== TEST 51: keep-alive after a push that was refused before its body was read
--- config
    location /new/ { notify_push; }
--- raw_request eval
"POST /new/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
. "POST /new/42 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "Content-Length: 5\r\n\r\nagain"
--- ignore_response
--- access_log
POST /new/ HTTP/1.1" 400
POST /new/42 HTTP/1.1" 200



=== TEST 52: error_page has the last word about a refusal
--- config
    error_page 400 = /sorry;
    location /new/ { notify_push; }
    location = /sorry { return 400 "sorry\n"; }
--- request
POST /new/
hello
--- error_code: 400
--- response_body
sorry
