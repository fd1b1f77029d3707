package NotifyDocs;

# Configurations as they stand in the documentation, made to run: a recipe is
# tested by its own text.
#
#   my $recipe = NotifyDocs->new('identity.md', "Django's session", 1);
#   $recipe->put('127.0.0.1:8000' => "127.0.0.1:$port");
#   my $nginx = NotifyNginx->new($recipe->settings, workers => 1)->start;
#   my $port = $recipe->port(443);

use strict;
use warnings;

use NotifyEnv ();


# The n-th (from 1) nginx configuration between a heading and the next one.
sub new {
    my ($class, $page, $heading, $n) = @_;

    my $file = NotifyEnv::top() . "/docs/$page";
    open my $in, '<', $file or die "$file: $!";
    my $text = do { local $/; <$in> };

    # What stands in a block is no heading.
    my (@blocks, $here);

    while ($text =~ /^(?:```(\w*)\n(.*?)^```|#+ ([^\n]*))$/gms) {
        if (defined $3) {
            $here = $3 eq $heading;

        } elsif ($here && $1 eq 'nginx') {
            push @blocks, $2;
        }
    }

    die "$page has no block $n below \"$heading\"\n" if !$blocks[$n - 1];
    return bless { text => $blocks[$n - 1], ports => {} }, $class;
}


# Puts something in the place of something that must be there.
sub put {
    my ($self, %put) = @_;

    for my $what (sort keys %put) {
        $self->{text} =~ s/\Q$what\E/$put{$what}/g
            or die "the recipe has no \"$what\"\n";
    }

    return $self;
}


# What NotifyNginx->new() takes.  Ports to listen on become free ones of
# 127.0.0.1, which port() tells.
sub settings {
    my ($self, %more) = @_;
    my $text = $self->{text};

    $text =~ s{(?<=listen\ )(?:[\d.]+:)?(\d+)(?=[ ;])}
              {$self->{ports}{$1} //= NotifyEnv::free_port();
               "127.0.0.1:$self->{ports}{$1}"}gex;

    return (%more, http => ($more{http} // '') . $text)
        if $text =~ s/\A(?:\s*\S[^{}]*;)?\s*http \{\n(.*)^\}\n\z/$1/ms
           || $text =~ /^server \{/m;

    return (%more, config => ($more{config} // '') . $text);
}


sub port {
    my ($self, $written) = @_;
    return $self->{ports}{$written} // die "nothing listens on $written\n";
}

1;
