# Checks the message on standard input with Mail::DKIM; the DNS record is the first argument.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS;

{
    package OneRecord;
    sub new { my ($class, $record) = @_; return bless { record => $record }, $class }

    sub query {
        my ($self, $name, $type) = @_;
        my $packet = Net::DNS::Packet->new($name, $type);
        my @strings = $self->{record} =~ /(.{1,200})/g;
        $packet->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => \@strings));
        return $packet;
    }
    sub send { my $self = shift; return $self->query(@_) }
    sub bgsend { my ($self, @question) = @_; return \@question }
    sub bgbusy { return 0 }
    sub bgread { my ($self, $question) = @_; return $self->query(@$question) }
    sub udp_timeout { return 1 }
    sub tcp_timeout { return 1 }
    sub udppacketsize { return 0 }
    sub errorstring { return '' }
}

Mail::DKIM::DNS::resolver(OneRecord->new($ARGV[0]));
binmode STDIN;
my $verifier = Mail::DKIM::Verifier->new();
$verifier->PRINT($_) while <STDIN>;
$verifier->CLOSE;
print $verifier->result_detail;
