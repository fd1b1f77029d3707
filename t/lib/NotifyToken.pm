package NotifyToken;

# Makes signed tokens, by Perl's own HMAC and the openssl command: what the
# module must take has not been made by what it checks with.
#
#   NotifyToken::make_keys($dir);
#   my $token = NotifyToken::token(sub => 42, groups => [ 'staff' ]);
#   my $other = NotifyToken::token(sub => 42, -alg => 'RS256', -key => 'rsa');
#
# Keys: secret, old, third (HS256), rsa (RS256), ec (ES256), ed (EdDSA); each
# is the file name.key, and of the pairs name.pub is the public half.
# cert.pem is a certificate of rsa's.

use strict;
use warnings;

use Digest::SHA ();
use JSON::PP ();
use MIME::Base64 ();

my $Dir;
my $json = JSON::PP->new->canonical;


sub make_keys {
    $Dir = shift;

    for my $name (qw( secret old third )) {
        run("openssl rand -hex 32 > $Dir/$name.key");
    }

    run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048"
        . " -out $Dir/rsa.key");
    run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"
        . " -out $Dir/ec.key");
    run("openssl genpkey -algorithm ED25519 -out $Dir/ed.key");
    run("openssl req -x509 -new -key $Dir/rsa.key -subj /CN=localhost"
        . " -out $Dir/cert.pem");
    run("openssl pkey -in $Dir/$_.key -pubout -out $Dir/$_.pub")
        for qw( rsa ec ed );
}


sub run {
    my $command = shift;

    my $out = `$command 2>&1`;
    die "$command\n$out" if $? != 0;
}


sub slurp {
    my $file = shift;

    open my $in, '<:raw', $file or die "open $file: $!";
    local $/;
    return scalar <$in>;
}


# A secret as the module has it.
sub secret {
    my $name = shift;

    (my $text = slurp("$Dir/$name.key")) =~ s/\n\z//;
    return $text;
}


# Claims by name; exp is in an hour unless given, undef leaves a claim out.
# -alg (HS256), -key (secret: a name, or the secret itself as a reference),
# -header (more of it, a hash), -signature (it, as it is to be).
sub token {
    my (%claims) = @_;

    my %set = map { /^-/ ? ($_ => delete $claims{$_}) : () } keys %claims;
    my $alg = $set{-alg} // 'HS256';
    my $key = $set{-key} // 'secret';

    $claims{exp} = time + 3600 if !exists $claims{exp};
    delete $claims{$_} for grep { !defined $claims{$_} } keys %claims;

    my $text = join '.', map { encode($json->encode($_)) }
               { alg => $alg, %{ $set{-header} || {} } }, \%claims;
    my $signature = $set{-signature} // sign($alg, $key, $text);

    return "$text." . encode($signature);
}


sub encode {
    return MIME::Base64::encode_base64url(shift);
}


sub sign {
    my ($alg, $key, $text) = @_;

    return Digest::SHA::hmac_sha256($text, ref $key ? $$key : secret($key))
        if $alg eq 'HS256';

    open my $out, '>:raw', "$Dir/text" or die "open $Dir/text: $!";
    print $out $text;
    close $out or die "write $Dir/text: $!";

    run($alg eq 'EdDSA'
        ? "openssl pkeyutl -sign -rawin -inkey $Dir/$key.key"
          . " -in $Dir/text -out $Dir/signature"
        : "openssl dgst -sha256 -sign $Dir/$key.key"
          . " -out $Dir/signature $Dir/text");

    my $signature = slurp("$Dir/signature");
    return $alg eq 'ES256' ? raw($signature) : $signature;
}


# What DER has as two integers, as 64 bytes.
sub raw {
    my ($r, $s) = unpack 'x2 x C/a x C/a', shift;

    return join '', map { substr "\0" x 32 . $_, -32 } $r, $s;
}

1;
