package NotifyWire;

# What goes over the wire (RFC 6455), written down byte by byte and on
# purpose without a library: the blocks send what no library would.

use strict;
use warnings;

use Digest::SHA ();
use Exporter 'import';
use MIME::Base64 ();

our @EXPORT = qw( accept_key client_frame close_frame handshake
                  server_frame );

# The key of RFC 6455, 1.3, and what the server must answer to it.
my $KEY = 'dGhlIHNhbXBsZSBub25jZQ==';


sub accept_key {
    my $key = shift // $KEY;

    return MIME::Base64::encode_base64(Digest::SHA::sha1(
        $key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'), '');
}


# A handshake for a URI.  Named headers replace the usual ones, or leave one
# out when the value is undef; a list of values makes several lines.
# method and version are the request line's.
sub handshake {
    my ($uri, %set) = @_;

    my $method = delete $set{method} // 'GET';
    my $version = delete $set{version} // 'HTTP/1.1';
    my @headers = (
        [ 'Host', 'localhost' ],
        [ 'Upgrade', 'websocket' ],
        [ 'Connection', 'Upgrade' ],
        [ 'Sec-WebSocket-Key', $KEY ],
        [ 'Sec-WebSocket-Version', '13' ],
    );

    for my $header (@headers) {
        $header->[1] = delete $set{$header->[0]}
            if exists $set{$header->[0]};
    }

    push @headers, map { [ $_, $set{$_} ] } sort keys %set;

    my $text = "$method $uri $version\r\n";

    for my $header (@headers) {
        my ($name, $value) = @$header;
        next if !defined $value;
        $text .= "$name: $_\r\n" for ref $value ? @$value : $value;
    }

    return "$text\r\n";
}


sub head {
    my ($opcode, $length, %opt) = @_;

    my $byte = $opcode | (exists $opt{fin} && !$opt{fin} ? 0 : 0x80)
               | ($opt{rsv} // 0) << 4;
    my $mask = $opt{mask} ? 0x80 : 0;
    my $form = $opt{form} // ($length < 126 ? 7 : $length < 65536 ? 16 : 64);

    return $form == 7 ? pack('CC', $byte, $mask | $length)
         : $form == 16 ? pack('CCn', $byte, $mask | 126, $length)
         : pack('CCQ>', $byte, $mask | 127, $length);
}


# A frame as a client sends it.  Options: fin (1), rsv (0), mask (four
# bytes, or 0 for a frame that is not masked), form (7, 16 or 64: the bits
# of the length), length (what the head claims).
sub client_frame {
    my ($opcode, $payload, %opt) = @_;

    my $mask = exists $opt{mask} ? $opt{mask} : "\x37\xfa\x21\x3d";
    my $frame = head($opcode, $opt{length} // length $payload, %opt,
                     mask => $mask ? 1 : 0);

    return $frame . $payload if !$mask;

    my $pad = substr $mask x (1 + length($payload) / 4), 0, length $payload;
    return $frame . $mask . ("$payload" ^ $pad);
}


sub server_frame {
    my ($opcode, $payload) = @_;

    return head($opcode, length $payload) . $payload;
}


# A client's close frame, which makes the server end the connection.
sub close_frame {
    my ($code, $reason) = @_;

    return client_frame(8, defined $code
                           ? pack('n', $code) . ($reason // '') : '');
}

1;
