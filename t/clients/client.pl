#!/usr/bin/perl

# A socket by Protocol::WebSocket for Perl, which makes and reads bytes; the
# connection is ours.  The lines are those of client.py.

use strict;
use warnings;

use Digest::MD5 ();
use IO::Select ();
use IO::Socket::INET ();

use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Client;
use Protocol::WebSocket::Request;

$| = 1;

my ($url, @headers) = @ARGV;
my ($host, $port) = $url =~ m{^ws://([^:/]+):(\d+)} or die "url: $url\n";
my $sock = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port)
           or die "connect: $!\n";

my $request = Protocol::WebSocket::Request->new(
    headers => [ map { split /: /, $_, 2 } @headers ]);
my $handshake = Protocol::WebSocket::Handshake::Client->new(
    url => $url, req => $request);
my $frames = Protocol::WebSocket::Frame->new(max_payload_size => 2 ** 30);

my ($opened, $input, $lines) = (0, '', '');

write_all($handshake->to_string);


sub write_all {
    my $bytes = shift;

    while (length $bytes) {
        my $n = syswrite($sock, $bytes) // die "write: $!\n";
        substr $bytes, 0, $n, '';
    }
}


sub send_frame {
    write_all(Protocol::WebSocket::Frame->new(
        masked => 1, max_payload_size => 2 ** 30, @_)->to_bytes);
}


sub obey {
    my ($word, $rest) = split / /, shift, 2;

    if ($word eq 'text') {
        send_frame(type => 'text', buffer => $rest);

    } elsif ($word eq 'fragments') {
        my @parts = split / /, $rest;
        for my $i (0 .. $#parts) {
            send_frame(type => $i ? 'continuation' : 'text',
                       fin => $i == $#parts ? 1 : 0, buffer => $parts[$i]);
        }

    } elsif ($word eq 'binary') {
        send_frame(type => 'binary', buffer => pack 'H*', $rest);

    } elsif ($word eq 'ping') {
        send_frame(type => 'ping', buffer => 'ping');

    } elsif ($word eq 'close') {
        my ($code, $reason) = split / /, $rest, 2;
        send_frame(type => 'close',
                   buffer => pack('n', $code) . ($reason // ''));
    }
}


sub frame {
    my ($opcode, $bytes) = @_;

    if ($opcode == 8) {
        my ($code, $reason) = length $bytes ? unpack('na*', $bytes)
                                            : (1005, '');
        print "close $code $reason\n";
        send_frame(type => 'close', buffer => substr $bytes, 0, 2);
        exit 0;

    } elsif ($opcode == 9) {
        send_frame(type => 'pong', buffer => $bytes);

    } elsif ($opcode == 10) {
        print "pong\n";

    } else {
        print $opcode == 1 ? 'text' : 'binary', ' ', length $bytes, ' ',
              Digest::MD5::md5_hex($bytes), "\n";
    }
}


my $select = IO::Select->new($sock, \*STDIN);

while (my @ready = $select->can_read) {
    for my $from (@ready) {
        my $n = sysread $from, my $data, 65536;

        if ($from != $sock) {
            $select->remove($from) if !$n;
            $lines .= $data;
            obey($1) while $lines =~ s/^(.*)\n//;
            next;
        }

        if (!$n) {
            print "close 1006\n";
            exit 0;
        }

        $input .= $data;

        if (!$opened) {
            next if $input !~ /\r\n\r\n/;
            if ($input =~ m{^HTTP/1\.1 (?!101)(\d+)}) {
                print "refused $1\n";
                exit 0;
            }
            $handshake->parse($input) or die $handshake->error, "\n";
            $opened = 1;
            print "open\n";
        }

        $frames->append($input);
        $input = '';
        while (defined(my $bytes = $frames->next_bytes)) {
            frame($frames->opcode, $bytes);
        }
    }
}
