# Every wrong use of a directive is refused when nginx starts, by a message
# that says what to write; what is right but risky is warned of.

use lib 't/lib';
use NotifyTest 'no_plan';

# A configuration that is taken answers to a plain request.
add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value('request', 'GET /')
        if !defined $block->must_die && !defined $block->request;
});

run_tests();

__DATA__

=== TEST 1: notify_zone wants a size
--- http_config
    notify_zone 32x;
--- must_die
--- error_log
[emerg]
invalid value "32x" in "notify_zone", write a size such as 32m



=== TEST 2: notify_zone has a least size
--- http_config
    notify_zone 1k;
--- must_die
--- error_log
[emerg]
invalid value "1k" in "notify_zone", write a size such as 32m



=== TEST 3: notify_zone is written once
--- http_config
    notify_zone 32m;
    notify_zone 32m;
--- must_die
--- error_log
[emerg]
"notify_zone" directive is duplicate



=== TEST 4: notify_zone belongs to http
--- config
    notify_zone 32m;
--- must_die
--- error_log
[emerg]
"notify_zone" directive is not allowed here



=== TEST 5: notify_reserve wants a number or a share
--- http_config
    notify_reserve some;
--- must_die
--- error_log
[emerg]
invalid value "some" in "notify_reserve", write a number of connections such as 100, or a share such as 25%



=== TEST 6: notify_reserve cannot be all
--- http_config
    notify_reserve 100%;
--- must_die
--- error_log
[emerg]
invalid value "100%" in "notify_reserve", write a number



=== TEST 7: notify_reserve is written once
--- http_config
    notify_reserve 10;
    notify_reserve 20%;
--- must_die
--- error_log
[emerg]
"notify_reserve" directive is duplicate



=== TEST 8: notify_socket has no parameters
--- config
    location /client { notify_socket on; }
--- must_die
--- error_log
[emerg]
invalid number of arguments in "notify_socket" directive



=== TEST 9: notify_socket belongs to a location
--- config
    notify_socket;
--- must_die
--- error_log
[emerg]
"notify_socket" directive is not allowed here



=== TEST 10: a location has one role
--- config
    location /client { notify_socket; notify_push; }
--- must_die
--- error_log
[emerg]
"notify_push" and "notify_socket" are in one location, write a location for each



=== TEST 11: a role is written once
--- config
    location /client { notify_socket; notify_socket; }
--- must_die
--- error_log
[emerg]
"notify_socket" directive is duplicate



=== TEST 12: another module's handler before ours
--- config
    location /client { proxy_pass http://127.0.0.1:1; notify_socket; }
--- must_die
--- error_log
[emerg]
"notify_socket" and another directive that answers requests, such as proxy_pass, are in one location, write a location for each



=== TEST 13: another module's handler behind ours
--- config
    location /new/ { notify_push; proxy_pass http://127.0.0.1:1; }
--- must_die
--- error_log
[emerg]
"notify_push" and another directive that answers requests, such as proxy_pass, are in one location, write a location for each



=== TEST 14: notify_push knows where pushes may come from
--- config
    location /new/ { notify_push from=everywhere; }
--- must_die
--- error_log
[emerg]
invalid value "from=everywhere" in "notify_push", write from=local or from=any



=== TEST 15: notify_push in a regex location must name the user
--- config
    location ~ ^/new/(.+)$ { notify_push; }
--- must_die
--- error_log
[emerg]
"notify_push" cannot tell where the user begins
write "notify_user $name;" in it



=== TEST 16: notify_push in a named location must name the user
--- config
    location /x { try_files /nothing @push; }
    location @push { notify_push; }
--- must_die
--- error_log
[emerg]
"notify_push" cannot tell where the user begins
write "notify_user $name;" in it



=== TEST 17: notify_user of the server does not name a push's user
--- config
    notify_user $remote_user;
    location ~ ^/new/(.+)$ { notify_push; }
--- must_die
--- error_log
[emerg]
"notify_push" cannot tell where the user begins
write "notify_user $name;" in it



=== TEST 18: notify_user wants a value
--- config
    notify_user "";
--- must_die
--- error_log
[emerg]
invalid value "" in "notify_user", write a variable that names the user



=== TEST 19: notify_user knows one parameter
--- config
    notify_user $arg_u raw;
--- must_die
--- error_log
[emerg]
invalid parameter "raw" in "notify_user", write decode or nothing



=== TEST 20: notify_user is written once
--- config
    location /client { notify_socket; notify_user $remote_user; notify_user a; }
--- must_die
--- error_log
[emerg]
"notify_user" directive is duplicate



=== TEST 21: notify_user of a variable that is not there
--- config
    location /client { notify_socket; notify_user $no_such; }
--- must_die
--- error_log
[emerg]
unknown "no_such" variable



=== TEST 22: notify_origins tells a bad pattern what is wrong
--- config
    notify_origins https://example.com/path;
--- must_die
--- error_log
[emerg]
invalid pattern "https://example.com/path" in "notify_origins":
write same, any, https://example.com, example.com or *.example.com



=== TEST 23: notify_origins any stands alone
--- config
    notify_origins any example.com;
--- must_die
--- error_log
[emerg]
"any" in "notify_origins" lets in what stands beside it, write "any" or the others



=== TEST 24: notify_origins is written once
--- config
    notify_origins same;
    notify_origins any;
--- must_die
--- error_log
[emerg]
"notify_origins" directive is duplicate



=== TEST 25: notify_origins wants something
--- config
    notify_origins;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "notify_origins" directive



=== TEST 26: notify_ping_interval wants a time
--- config
    notify_ping_interval 5x;
--- must_die
--- error_log
[emerg]
invalid value "5x" in "notify_ping_interval", write a time such as 30s



=== TEST 27: notify_ping_interval 0 would never end
--- config
    notify_ping_interval 0;
--- must_die
--- error_log
[emerg]
invalid value "0" in "notify_ping_interval", write a time such as 30s



=== TEST 28: notify_ping_interval is written once
--- config
    notify_ping_interval 5s;
    notify_ping_interval 5s;
--- must_die
--- error_log
[emerg]
"notify_ping_interval" directive is duplicate



=== TEST 29: notify_send_buffer wants a size
--- config
    notify_send_buffer much;
--- must_die
--- error_log
[emerg]
invalid value "much" in "notify_send_buffer", write a size such as 64k



=== TEST 30: notify_send_buffer is written once
--- config
    notify_send_buffer 64k;
    notify_send_buffer 64k;
--- must_die
--- error_log
[emerg]
"notify_send_buffer" directive is duplicate



=== TEST 31: notify_slow knows two words
--- config
    notify_slow wait;
--- must_die
--- error_log
[emerg]
invalid value "wait" in "notify_slow", write close or drop



=== TEST 32: notify_slow is written once
--- config
    notify_slow drop;
    notify_slow drop;
--- must_die
--- error_log
[emerg]
"notify_slow" directive is duplicate



=== TEST 33: notify_client_messages knows three words
--- config
    notify_client_messages forward;
--- must_die
--- error_log
[emerg]
invalid value "forward" in "notify_client_messages", write ignore, close or relay



=== TEST 34: notify_client_messages is written once
--- config
    notify_client_messages ignore;
    notify_client_messages relay;
--- must_die
--- error_log
[emerg]
"notify_client_messages" directive is duplicate



=== TEST 35: notify_client_max_size wants a size
--- config
    notify_client_max_size 0;
--- must_die
--- error_log
[emerg]
invalid value "0" in "notify_client_max_size", write a size such as 4k



=== TEST 36: notify_client_max_size is written once
--- config
    notify_client_max_size 1k;
    notify_client_max_size 1k;
--- must_die
--- error_log
[emerg]
"notify_client_max_size" directive is duplicate



=== TEST 37: notify_realm has a bound
--- config eval
"notify_realm " . 'r' x 256 . ";"
--- must_die
--- error_log
[emerg]
in "notify_realm", write at most 255 bytes



=== TEST 38: notify_realm is written once
--- config
    notify_realm a;
    notify_realm b;
--- must_die
--- error_log
[emerg]
"notify_realm" directive is duplicate



=== TEST 39: notify_status has no parameters
--- config
    location /status { notify_status json; }
--- must_die
--- error_log
[emerg]
invalid number of arguments in "notify_status" directive



=== TEST 40: set_notify_online wants a variable and a user
--- config
    set_notify_online $online;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "set_notify_online" directive



=== TEST 41: set_notify_online wants a variable first
--- config
    set_notify_online online 42;
--- must_die
--- error_log
[emerg]
invalid variable name "online"



=== TEST 42: all directives with good values
--- http_config
    notify_zone 256k;
    notify_reserve 10%;
    notify_realm live;
    notify_user $remote_user;
    notify_origins same *.example.com https://example.com:8443 null;
    notify_ping_interval 1d;
    notify_send_buffer 1m;
    notify_slow drop;
    notify_client_messages relay;
    notify_client_max_size 64k;
    notify_deflate 1m;
--- config
    location /client {
        notify_socket;
        notify_realm "$host";
        notify_user $remote_user decode;
        notify_origins any;
        notify_ping_interval 1500ms;
        notify_send_buffer 1k;
        notify_slow close;
        notify_client_messages ignore;
        notify_client_max_size 1;
        notify_deflate 1;
    }
    location /off { notify_socket; notify_deflate off; }
    location /new/ { notify_push from=local; }
    location /any/ { notify_push from=any; }
    location /status { notify_status; }



=== TEST 43: a user that the browser can set is warned of: header
--- config
    location /client { notify_socket; notify_user $http_x_user; }
--- error_log eval
[qr/\[warn\].*any client can set "\$http_x_user" and be whom it likes/]



=== TEST 44: a user that the browser can set is warned of: cookie
--- config
    location /client { notify_socket; notify_user "u-${cookie_uid}"; }
--- error_log eval
[qr/\[warn\].*any client can set "\$cookie_uid" and be whom it likes/]



=== TEST 45: a user that the browser can set is warned of: argument
--- config
    notify_user $arg_user decode;
    location /client { notify_socket; }
--- error_log eval
[qr/\[warn\].*any client can set "\$arg_user" and be whom it likes/]



=== TEST 46: a user that the site sets is not warned of
--- config
    location = /auth { return 204; }
    location /client {
        auth_request /auth;
        auth_request_set $uid $upstream_http_x_user;
        notify_socket;
        notify_user $uid;
    }
--- no_error_log
[warn]



=== TEST 47: the default user is not warned of: it is for local peers only
--- config
    location /client { notify_socket; }
--- no_error_log
[warn]



=== TEST 48: a zone of one size for two servers
--- http_config
    server { listen $TEST_NGINX_RAND_PORT_1; location / { notify_socket; } }
--- config
    location /new/ { notify_push; }
--- no_error_log
[warn]



=== TEST 49: a push location whose users would begin with a slash
--- config
    location /new { notify_push; }
--- error_log
[warn]
a push to "/new/42" is for the user "/42", write "location /new/" for "42"



=== TEST 50: notify_handover wants on or off
--- http_config
    notify_handover maybe;
--- must_die
--- error_log
[emerg]
invalid value "maybe" in "notify_handover" directive



=== TEST 51: notify_drain wants a time
--- config
    notify_drain soon;
--- must_die
--- error_log
[emerg]
invalid value "soon" in "notify_drain", write a time such as 60s, from 1s to 1d, or off



=== TEST 52: notify_lifetime wants a time
--- config
    notify_lifetime 31d;
--- must_die
--- error_log
[emerg]
invalid value "31d" in "notify_lifetime", write a time such as 12h, from 1s to 30d, or off



=== TEST 53: notify_client_rate wants a rate
--- config
    notify_client_rate 10;
--- must_die
--- error_log
[emerg]
invalid value "10" in "notify_client_rate", write a rate such as 10r/s or 30r/m



=== TEST 54: notify_history wants a number
--- config
    notify_history many;
--- must_die
--- error_log
[emerg]
invalid value "many" in "notify_history", write a number of messages from 1 to 1024



=== TEST 55: notify_history is written once
--- config
    notify_history 10;
    notify_history off;
--- must_die
--- error_log
[emerg]
"notify_history" directive is duplicate



=== TEST 56: notify_expires is written once
--- config
    notify_expires $arg_a;
    notify_expires $arg_b;
--- must_die
--- error_log
[emerg]
"notify_expires" directive is duplicate



=== TEST 57: notify_max_sockets wants a number
--- config
    notify_max_sockets many;
--- must_die
--- error_log
[emerg]
invalid value "many" in "notify_max_sockets", write a number of sockets from 1 to 1024 and, if you like, refuse, or off



=== TEST 58: notify_max_sockets has a bound
--- config
    notify_max_sockets 1025;
--- must_die
--- error_log
[emerg]
invalid value "1025" in "notify_max_sockets", write a number of sockets from 1 to 1024



=== TEST 59: notify_max_sockets is no negative number
--- config
    notify_max_sockets -1;
--- must_die
--- error_log
[emerg]
invalid value "-1" in "notify_max_sockets", write a number of sockets from 1 to 1024



=== TEST 60: notify_max_sockets knows one word behind the number
--- config
    notify_max_sockets 5 replace;
--- must_die
--- error_log
[emerg]
invalid value "replace" in "notify_max_sockets", write a number of sockets from 1 to 1024



=== TEST 61: notify_max_sockets cannot refuse beyond no limit
--- config
    notify_max_sockets off refuse;
--- must_die
--- error_log
[emerg]
invalid value "refuse" in "notify_max_sockets", write a number of sockets from 1 to 1024



=== TEST 62: notify_max_sockets is written once
--- config
    notify_max_sockets 5;
    notify_max_sockets off;
--- must_die
--- error_log
[emerg]
"notify_max_sockets" directive is duplicate



=== TEST 63: notify_max_sockets has two arguments at most
--- config
    notify_max_sockets 5 refuse now;
--- must_die
--- error_log
[emerg]
invalid number of arguments in "notify_max_sockets" directive



=== TEST 64: notify_max_sockets belongs to http, server, and location
--- main_config
    notify_max_sockets 5;
--- must_die
--- error_log
[emerg]
"notify_max_sockets" directive is not allowed here



=== TEST 65: notify_max_sockets is inherited, and can be taken back
--- http_config
    notify_max_sockets 1024;
--- config
    notify_max_sockets 1 refuse;
    location /client { notify_socket; }
    location /off { notify_socket; notify_max_sockets off; }
    location /zero { notify_socket; notify_max_sockets 0; }
--- no_error_log
[warn]



=== TEST 66: notify_deflate wants a size
--- config
    notify_deflate on;
--- must_die
--- error_log
[emerg]
invalid value "on" in "notify_deflate", write a size such as 1k, from 1 to 1m, or off



=== TEST 67: notify_deflate is written once
--- config
    notify_deflate off;
    notify_deflate 1k;
--- must_die
--- error_log
[emerg]
"notify_deflate" directive is duplicate



=== TEST 68: notify_push in an exact location must name the user
--- config
    location = /new/42 { notify_push; }
--- must_die
--- error_log
[emerg]
"notify_push" cannot tell where the user begins
write "notify_user $name;" in it
