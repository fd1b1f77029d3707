# The variables, in the log and elsewhere, and set_notify_online.

use lib 't/lib';
use NotifyTest 'no_plan';

run_tests();

__DATA__

=== TEST 1: a handshake's line in the access log
--- http_config
    log_format notify '$status u=$notify_user t=$notify_transport '
                      's=$notify_sockets';
    access_log logs/access.log notify;
--- config
    location /client { notify_socket; }
--- raw_request eval
::handshake('/client?user_id=a%40b') . ::close_frame(1000)
--- error_code: 101
--- response_body eval
::server_frame(8, pack 'n', 1000)
--- access_log
101 u=a@b t=websocket s=1



=== TEST 2: a push's line in the access log
--- http_config
    log_format notify '$status u=$notify_user t=$notify_transport '
                      's=$notify_sockets id=$notify_id';
    access_log logs/access.log notify;
--- config
    location /new/ { notify_push; }
--- request
POST /new/42
hello
--- access_log eval
qr/200 u=42 t=push s=0 id=\d{13}-\d+$/



=== TEST 3: a refused handshake has no transport
--- http_config
    log_format notify '$status t=$notify_transport';
    access_log logs/access.log notify;
--- config
    location /client { notify_socket; }
--- request
GET /client?user_id=42
--- error_code: 426
--- access_log
426 t=-



=== TEST 4: elsewhere there is no user, but the zone's last id
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /vars {
        return 200 "u=$notify_user t=$notify_transport s=$notify_sockets id=$notify_id";
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local _, receipt = notify.request("POST", "/new/42", nil, "x")
            local id = receipt:match('"id":"([^"]+)"')
            local _, body = notify.request("GET", "/vars")
            ngx.say(body == "u= t= s= id=" .. id)
        }
    }
--- request
GET /t
--- response_body
true



=== TEST 5: without any location of ours there is no id either
--- config
    location /vars { return 200 "id=$notify_id u=$notify_user\n"; }
--- request
GET /vars
--- response_body
id= u=



=== TEST 6: a proxied page learns the id from before its query
--- config
    location /new/ { notify_push; }
    location /page {
        proxy_set_header Notify-Id $notify_id;
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/site;
    }
    location /site { return 200 "$http_notify_id"; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local _, receipt = notify.request("POST", "/new/42", nil, "x")
            local _, body = notify.request("GET", "/page")
            ngx.say(receipt:match('"id":"([^"]+)"') == body)
        }
    }
--- request
GET /t
--- response_body
true



=== TEST 7: set_notify_online counts a user's sockets
--- config
    location /client { notify_socket; }
    location /online {
        set_notify_online $online $arg_user;
        return 200 $online;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local function online(user)
                local _, body = notify.request("GET", "/online?user=" .. user)
                ngx.say(body)
            end
            online("42")
            local one = notify.open("/client?user_id=42")
            online("42")
            local two = notify.open("/client?user_id=42")
            online("42")
            online("4")
            one:send_close(1000)
            notify.say(one)
            online("42")
        }
    }
--- request
GET /t
--- response_body
0
1
2
0
close 1000 ""
1



=== TEST 8: set_notify_online of what is no user
--- config
    location /client { notify_socket; }
    location /online {
        set_notify_online $online $arg_user;
        return 200 "$online\n";
    }
--- request
GET /online?user=
--- response_body
0



=== TEST 9: set_notify_online where nothing is
--- config
    location /online {
        set_notify_online $online 42;
        return 200 "$online\n";
    }
--- request
GET /online
--- response_body
0



=== TEST 10: set_notify_online in "if", by what follows
--- config
    location /client { notify_socket; }
    location /online {
        set_notify_online $online $arg_user;
        if ($online = 0) { return 404 "nobody\n"; }
        return 200 "somebody\n";
    }
--- request
GET /online?user=42
--- error_code: 404
--- response_body
nobody



=== TEST 11: set_notify_online counts in its location's realm
--- config
    location /client { notify_socket; notify_realm staging; }
    location /online { set_notify_online $online 42; return 200 $online; }
    location /staging {
        notify_realm staging;
        set_notify_online $online 42;
        return 200 $online;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            local _, live = notify.request("GET", "/online")
            local _, staging = notify.request("GET", "/staging")
            ngx.say(live, " ", staging)
        }
    }
--- request
GET /t
--- response_body
0 1



=== TEST 12: the user in a header of the answer
--- config
    location /new/ { notify_push; add_header X-User $notify_user; }
--- request
POST /new/4%202
hello
--- response_headers
X-User: 4 2



=== TEST 13: a user does not end the header that names it
--- config
    location /new/ { notify_push; add_header X-User $notify_user; }
--- request
POST /new/a%0d%0aX-Evil:%201%7f%c2%9b%c3%a9%25
hello
--- response_headers eval
"X-User: a%0D%0AX-Evil: 1%7F%C2%9B\xc3\xa9%\nX-Evil:"
