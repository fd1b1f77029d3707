package NotifyDeflate;

# The other side of permessage-deflate (RFC 7692, 7.2), by Perl's zlib.

use strict;
use warnings;

use Compress::Raw::Zlib qw( Z_BUF_ERROR Z_DEFAULT_COMPRESSION Z_FINISH
                            Z_OK Z_SYNC_FLUSH );
use Exporter 'import';

our @EXPORT = qw( deflated inflated );

my $TAIL = "\0\0\xff\xff";


# A message's payload.  Options: bits (of the window, 15), level, final (the
# block is a final one).
sub deflated {
    my ($text, %opt) = @_;

    my ($z, $status) = Compress::Raw::Zlib::Deflate->new(
        -AppendOutput => 1, -WindowBits => -($opt{bits} // 15),
        -Level => $opt{level} // Z_DEFAULT_COMPRESSION);
    die "deflate: $status\n" if !$z;

    my $out = '';
    $z->deflate($text, $out) == Z_OK or die "deflate\n";

    if ($opt{final}) {
        $z->flush($out, Z_FINISH) == Z_OK or die "deflate\n";
        return "$out\0";
    }

    $z->flush($out, Z_SYNC_FLUSH) == Z_OK or die "deflate\n";
    die "no flush\n" if substr($out, -4, 4, '') ne $TAIL;
    return $out;
}


# What a payload says to who has a window of so many bits and no more: what is
# inflated comes in small pieces, so that the window is all that zlib has.
sub inflated {
    my ($payload, $bits) = @_;

    my ($z, $status) = Compress::Raw::Zlib::Inflate->new(
        -AppendOutput => 1, -LimitOutput => 1, -Bufsize => 64,
        -WindowBits => -$bits);
    die "inflate: $status\n" if !$z;

    my $in = $payload . $TAIL;
    my $out = '';

    while (1) {
        my ($left, $length) = (length $in, length $out);

        $status = $z->inflate($in, $out);
        die "what came cannot be inflated: $status\n"
            if $status != Z_OK && $status != Z_BUF_ERROR;
        last if length $in == $left && length $out == $length;
    }

    die "bytes are left\n" if length $in;
    return $out;
}

1;
