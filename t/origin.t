# Which Origin may open a socket: patterns, addresses, ports, names that are
# no ASCII, what is no Origin at all; and what the 403 tells to write.  The
# plain cases are in t/handshake.t.

use lib 't/lib';
use NotifyTest 'no_plan';

# What every block asks, with some origins, and what it gets.
sub ask {
    my ($origin, %set) = @_;
    return NotifyWire::handshake('/client?user_id=42', Origin => $origin,
                                 %set) . NotifyWire::close_frame(1000);
}

sub refused { return ask(@_, Connection => 'Upgrade, close') }

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', 'location /client { notify_socket; '
                                . ($block->origins // '') . ' }');
    $block->set_value('raw_request', $block->let_in // $block->kept_out);

    if (defined $block->let_in) {
        $block->set_value('error_code', 101);
        $block->set_value('response_body',
                          NotifyWire::server_frame(8, pack 'n', 1000));

    } else {
        $block->set_value('error_code', 403);
        $block->set_value('response_body_like', '"field":"Origin"');
    }
});

# The stand-in is told of sections that are not its own.
no warnings 'once';
$Test::Nginx::Socket::SECTIONS{$_} = 1 for qw( origins let_in kept_out );

run_tests();

__DATA__

=== TEST 1: a pattern for what is below a name needs the dot
--- origins
notify_origins *.example.com;
--- kept_out eval
::refused('https://evilexample.com')



=== TEST 2: nor does it take the name itself
--- origins
notify_origins *.example.com;
--- kept_out eval
::refused('https://example.com')



=== TEST 3: a name is not found in front of another one
--- origins
notify_origins example.com;
--- kept_out eval
::refused('https://example.com.evil.example')



=== TEST 4: a name without a port takes any
--- origins
notify_origins example.com;
--- let_in eval
::ask('http://example.com:8080')



=== TEST 5: a port counts where it is written
--- origins
notify_origins example.com:8443;
--- kept_out eval
::refused('https://example.com')



=== TEST 6: and lets that port in
--- origins
notify_origins example.com:8443;
--- let_in eval
::ask('https://example.com:8443')



=== TEST 7: a port that the scheme has anyway may be written
--- origins
notify_origins example.com:443;
--- let_in eval
::ask('https://example.com')



=== TEST 8: where the scheme is written, its port is meant
--- origins
notify_origins https://example.com;
--- kept_out eval
::refused('https://example.com:8443')



=== TEST 9: also when the browser writes it
--- origins
notify_origins https://example.com;
--- let_in eval
::ask('https://example.com:443')



=== TEST 10: scheme, port and what is below a name together
--- origins
notify_origins https://*.example.com:8443;
--- let_in eval
::ask('https://a.b.example.com:8443')



=== TEST 11: "same" is for the host, whatever the port
--- let_in eval
::ask('http://localhost:3000', Host => 'localhost:8080')



=== TEST 12: an IPv6 host has many spellings
--- let_in eval
::ask('http://[0:0:0:0:0:0:0:1]:3000', Host => '[::1]:8080')



=== TEST 13: another IPv6 host
--- kept_out eval
::refused('http://[::2]', Host => '[::1]')



=== TEST 14: an IPv6 pattern
--- origins
notify_origins [2001:db8::1];
--- let_in eval
::ask('https://[2001:DB8:0::1]:8443')



=== TEST 15: and one that it is not
--- origins
notify_origins [2001:db8::1];
--- kept_out eval
::refused('https://[2001:db8::2]')



=== TEST 16: a name that is no ASCII comes as punycode, in any case
--- origins
notify_origins https://XN--Bcher-Kva.example;
--- let_in eval
::ask('https://xn--bcher-kva.EXAMPLE')



=== TEST 17: punycode is the host's, too
--- let_in eval
::ask('https://xn--bcher-kva.example', Host => 'XN--bcher-kva.example')



=== TEST 18: as it is spoken it is no Origin
--- origins
notify_origins xn--bcher-kva.example;
--- kept_out eval
::refused("https://b\xc3\xbccher.example")



=== TEST 19: schemes have no case
--- origins
notify_origins HTTPS://Example.com;
--- let_in eval
::ask('https://EXAMPLE.com')



=== TEST 20: a sandboxed page may be let in
--- origins
notify_origins same null;
--- let_in eval
::ask('null')



=== TEST 21: a pattern of names does not take it
--- origins
notify_origins *.example.com;
--- kept_out eval
::refused('null')



=== TEST 22: nor is NULL what browsers send
--- origins
notify_origins same null;
--- kept_out eval
::refused('NULL')



=== TEST 23: two Origins are refused, even if each would be let in
--- origins
notify_origins same example.com;
--- kept_out eval
::refused(['http://localhost', 'https://example.com'])
--- error_log
there is more than one Origin



=== TEST 24: several in one line are none
--- kept_out eval
::refused('http://localhost https://evil.example')



=== TEST 25: an empty one is none
--- kept_out eval
::refused('')



=== TEST 26: the page of a browser's extension is another site
--- kept_out eval
::refused('chrome-extension://abcdefghijklmnop')



=== TEST 27: and may be let in
--- origins
notify_origins same chrome-extension://abcdefghijklmnop;
--- let_in eval
::ask('chrome-extension://abcdefghijklmnop')



=== TEST 28: the log tells what to add
--- kept_out eval
::refused('https://app.example.com:8443', Host => 'example.com')
--- error_log
origin "https://app.example.com:8443" is not that of host "example.com"; to let it in, write "notify_origins same https://app.example.com:8443;" in this location



=== TEST 29: what is no Origin is not to be written into a configuration
--- kept_out eval
::refused('a; return 200 "x"')
--- error_log
origin "a; return 200 "x"" is not one that a browser sends, host is "localhost"
--- no_error_log
write "notify_origins



=== TEST 30: nor what ends a line of the log
--- kept_out eval
::refused("https://a\x1b[2J\x7f")
--- error_log
origin "https://a?[2J?" is not one
