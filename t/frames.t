# The receiving side of a socket (RFC 6455, 5): what the server answers to
# frames, byte for byte.  All of a block's frames come with the handshake;
# t/unit/codec.c cuts them at every place.

use lib 't/lib';
use NotifyTest 'no_plan';

# Every block is about one socket, open to messages of 4 KB.
add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value('config', 'location /client { notify_socket; }')
        if !defined $block->config;
    $block->set_value('error_code', 101) if !defined $block->error_code;
});

run_tests();

__DATA__

=== TEST 1: a close is answered with its own code, and the connection ends
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(4000, 'enough')
--- response_body eval
::server_frame(8, pack 'n', 4000)



=== TEST 2: a close without a code is answered without one
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame()
--- response_body eval
::server_frame(8, '')



=== TEST 3: nothing is read after a close
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(1000)
. ::client_frame(9, 'late')
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 4: a ping is answered with its payload
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'x' x 125)
. ::close_frame(1000)
--- response_body eval
::server_frame(10, 'x' x 125) . ::server_frame(8, pack 'n', 1000)



=== TEST 5: an empty ping is answered with an empty pong
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, '')
. ::close_frame(1000)
--- response_body eval
::server_frame(10, '') . ::server_frame(8, pack 'n', 1000)



=== TEST 6: a pong that nobody asked for is ignored
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(10, 'beat')
. ::close_frame(1000)
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 7: a client's messages are ignored
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'hello')
. ::client_frame(2, "\x00\xff") . ::client_frame(1, '')
. ::close_frame(1000)
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 8: control frames may stand between fragments
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(1, 'one', fin => 0) . ::client_frame(9, 'a')
. ::client_frame(0, 'two', fin => 0) . ::client_frame(9, 'b')
. ::client_frame(0, 'three') . ::close_frame(1000)
--- response_body eval
::server_frame(10, 'a') . ::server_frame(10, 'b')
. ::server_frame(8, pack 'n', 1000)



=== TEST 9: a frame that is not masked is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'hello', mask => 0)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 10: reserved bits are an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'hello', rsv => 4)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 11: unknown opcodes are an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(3, 'hello')
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 12: unknown control opcodes are an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(11, '')
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 13: a ping of 126 bytes is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'x' x 126)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 14: a fragmented ping is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(9, 'x', fin => 0)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 15: a continuation of nothing is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(0, 'more')
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 16: a message inside of another is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'one', fin => 0)
. ::client_frame(1, 'two')
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 17: a length that has a shorter form is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'hello', form => 16)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 18: a close of one byte is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(8, "\x03")
--- response_body_like eval
qr/^\x88.\x03\xeaclose frame has half a code/s
--- shutdown



=== TEST 19: a close code that must not be sent is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(1005)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 20: a close code below 1000 is an error
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(999)
--- response_body_like eval
qr/^\x88.\x03\xea/s
--- shutdown



=== TEST 21: a close reason must be UTF-8
--- raw_request eval
::handshake('/client?user_id=42') . ::close_frame(1000, "\xff")
--- response_body_like eval
qr/^\x88.\x03\xef/s
--- shutdown



=== TEST 22: a text must be UTF-8
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, "caf\xe9")
--- response_body_like eval
qr/^\x88.\x03\xef/s
--- shutdown



=== TEST 23: a text is checked before it is all there
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(1, "caf\xff", length => 1000)
--- response_body_like eval
qr/^\x88.\x03\xef/s
--- shutdown



=== TEST 24: a character may be cut by fragments
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(1, "\xf0\x9f", fin => 0)
. ::client_frame(9, 'between') . ::client_frame(0, "\x94", fin => 0)
. ::client_frame(0, "\x94") . ::close_frame(1000)
--- response_body eval
::server_frame(10, 'between') . ::server_frame(8, pack 'n', 1000)



=== TEST 25: a character must not be cut by the end of the message
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(1, "\xf0\x9f", fin => 0) . ::client_frame(0, "\x94")
--- response_body_like eval
qr/^\x88.\x03\xef/s
--- shutdown



=== TEST 26: surrogates are no UTF-8
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, "\xed\xa0\x80")
--- response_body_like eval
qr/^\x88.\x03\xef/s
--- shutdown



=== TEST 27: a binary message is not looked into
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(2, "\xed\xa0\x80\xff")
. ::close_frame(1000)
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 28: a message of 4 KB is taken
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'x' x 4096)
. ::close_frame(1000)
--- response_body eval
::server_frame(8, pack 'n', 1000)



=== TEST 29: a larger message is refused by its length alone
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(2, '', length => 4097)
--- response_body_like eval
qr/^\x88.\x03\xf1/s
--- shutdown



=== TEST 30: a length of 2^62 is refused and not allocated
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(2, '', length => 2 ** 62)
--- response_body_like eval
qr/^\x88.\x03\xf1/s
--- shutdown



=== TEST 31: fragments count together
--- raw_request eval
::handshake('/client?user_id=42')
. ::client_frame(2, 'x' x 4000, fin => 0) . ::client_frame(0, 'x' x 97)
--- response_body_like eval
qr/^\x88.\x03\xf1/s
--- shutdown



=== TEST 32: notify_client_max_size is the limit
--- config
    location /client {
        notify_socket;
        notify_client_max_size 10;
    }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(1, 'x' x 10)
. ::client_frame(1, 'x' x 11)
--- response_body_like eval
qr/^\x88.\x03\xf1/s
--- shutdown



=== TEST 33: with "close" a client's message ends the socket
--- config
    location /client {
        notify_socket;
        notify_client_messages close;
    }
--- raw_request eval
::handshake('/client?user_id=42') . ::client_frame(10, '')
. ::client_frame(1, 'hello')
--- response_body_like eval
qr/^\x88.\x03\xeb/s
--- shutdown



=== TEST 34: with "relay" a client's message comes to all the user's sockets
--- config
    location /client {
        notify_socket;
        notify_client_messages relay;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            one:send_text("read 7")
            notify.say(one)
            notify.say(two)
            two:send_binary("\0\255")
            notify.say(one)
            notify.say(two)
        }
    }
--- request
GET /t
--- error_code: 200
--- response_body
text "read 7"
text "read 7"
binary 00ff
binary 00ff



=== TEST 35: a relayed message is put together from its fragments
--- config
    location /client {
        notify_socket;
        notify_client_messages relay;
    }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local ws = notify.open("/client?user_id=42")
            ws:send_frame(false, 1, "one ")
            ws:send_ping("between")
            ws:send_frame(false, 0, "")
            ws:send_frame(true, 0, "two")
            notify.say(ws)
            notify.say(ws)
        }
    }
--- request
GET /t
--- error_code: 200
--- response_body
pong 6265747765656e
text "one two"
