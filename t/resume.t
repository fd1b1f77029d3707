#!/usr/bin/perl

# What a socket that comes back gets: exactly what it missed, or the word that
# it missed something.  Raw sockets and notify.v1, each form of last_id, each
# way to lose history, pushes that come again, slow readers, full zones.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use NotifyClient ();
use NotifyHandover ();
use NotifyNginx ();

my $KB = 1024;

my $nginx = NotifyNginx->new(
    workers => 2, listen => 'reuseport sndbuf=16k',
    http => 'client_max_body_size 8m; client_body_buffer_size 8m;
             add_header X-Worker $pid always;',
    config => 'location /client { notify_socket; }
               location /deaf { notify_socket; notify_history off; }
               location /new/ { notify_push; }
               location /few/ { notify_push; notify_history 3; }
               location /many/ { notify_push; notify_history 1024; }
               location /none/ { notify_push; notify_history off; }
               location /id { return 200 $notify_id; }
               location /status { notify_status; }',
)->start;


sub http { return NotifyClient::http($nginx->port, @_) }
sub status { return JSON::PP::decode_json(http('GET', '/status')->{body}) }
sub last_id { return http('GET', '/id')->{body} }


# Pushes by POST, and returns the receipt.
sub push_to {
    my ($user, $body, %opt) = @_;

    my $prefix = delete $opt{to} // '/new/';
    my $answer = http('POST', "$prefix$user", body => $body, %opt);
    die "push: $answer->{code} $answer->{body}\n" if $answer->{code} != 200;
    return JSON::PP::decode_json($answer->{body});
}


# Sockets: of a user, with some arguments more.
sub raw {
    my ($user, $more, %opt) = @_;
    return NotifyClient->open($nginx->port, "/client?user_id=$user"
                                            . ($more // ''), %opt);
}


sub v1 {
    my ($user, $more, %opt) = @_;

    my $path = delete $opt{path} // '/client';
    my $ws = NotifyClient->open($nginx->port,
        "$path?user_id=$user" . ($more // ''),
        headers => { 'Sec-WebSocket-Protocol' => 'notify.v1',
                     %{ delete $opt{headers} // {} } }, %opt);
    $ws->{hello} = JSON::PP::decode_json($ws->message)->{hello};
    return $ws;
}


# The next message of notify.v1: its id and its data.
sub pair {
    my $frame = JSON::PP::decode_json($_[0]->message);
    return "$frame->{id} $frame->{data}";
}


sub gap { return $_[0]{hello}{gap} ? 'gap' : 'no gap' }


sub narrow { return sock => NotifyClient::narrow($nginx->port) }


# --- what a socket is told

{
    my $before = last_id();
    my $ws = NotifyClient->open($nginx->port, '/client?user_id=a%22b',
        headers => { 'Sec-WebSocket-Protocol' => 'chat, notify.v1' });

    is($ws->{answer}{headers}{'sec-websocket-protocol'}, 'notify.v1',
       'the subprotocol is chosen');
    is($ws->message, '{"hello":{"id":"' . $before
       . '","user":"a\"b","gap":false}}', 'hello comes first');

    my @forms = (
        [ 'JSON', '{"unread": [3,"\u00e9"]}', 'application/json',
          '{"unread": [3,"\u00e9"]}' ],
        [ 'a number', '3', 'application/json; charset=utf-8', '3' ],
        [ 'a number of no type', '{"n": 12345678901234567890}',
          'application/json', '{"n": 12345678901234567890}' ],
        [ 'text', "\"q\"\n\\ \xc3\xa9", 'text/plain',
          "\"\\\"q\\\"\\n\\\\ \xc3\xa9\"" ],
        [ 'JSON that is none', '{"unread"', 'application/json',
          '"{\"unread\""' ],
        [ 'JSON with a zero behind it', "8\0", 'application/json',
          '"8\u0000"' ],
        [ 'JSON that is not said to be', '{}', 'text/plain', '"{}"' ],
        [ 'nothing', '', 'text/plain', '""' ],
        [ 'bytes', "\xff\x00\xfe", 'application/octet-stream',
          '"/wD+","encoding":"base64"' ],
    );

    for my $form (@forms) {
        my ($name, $body, $type, $data) = @$form;
        my $id = push_to('a%22b', $body,
                         headers => [ "Content-Type: $type" ])->{id};
        is($ws->message, "{\"id\":\"$id\",\"data\":$data}", "$name");
    }

    http('GET', '/new/a%22b');
    like($ws->message, qr/^\{"id":"[\d-]+","data":""\}$/, 'an empty push');
    $ws->close;
}

{
    my $ws = NotifyClient->open($nginx->port, '/client?user_id=other',
        headers => { 'Sec-WebSocket-Protocol' => 'chat' });

    is($ws->{answer}{headers}{'sec-websocket-protocol'}, undef,
       'another subprotocol is not chosen');
    push_to('other', "\xff", headers => [
        'Content-Type: application/octet-stream' ]);
    is_deeply([ $ws->frame ], [ 2, "\xff" ], 'it gets bytes');
    $ws->close;
}


# --- resume

{
    my @ids = map { push_to(42, "message $_")->{id} } 0 .. 5;
    my @all = map { "$ids[$_] message $_" } 0 .. 5;

    for my $from (0 .. 5) {
        my $ws = v1(42, "&last_id=$ids[$from]");
        is_deeply($ws->{hello}, { id => $ids[$from], user => '42',
                                  gap => JSON::PP::false },
                  "after message $from");
        is_deeply([ map { pair($ws) } $from + 1 .. $#all ],
                  [ @all[$from + 1 .. $#all] ], 'what came behind it');
        ok($ws->is_quiet, 'and nothing else');

        my $id = push_to(42, 'live')->{id};
        is(pair($ws), "$id live", 'then what comes');
        $ws->close;
        push @ids, $id;
        push @all, "$id live";
    }
}

{
    my @ids = map { push_to('raw', "message $_")->{id} } 0 .. 3;
    my $ws = raw('raw', "&last_id=$ids[1]");

    is($ws->message, 'message 2', 'a raw socket resumes');
    is($ws->message, 'message 3', '... with the bytes alone');
    ok($ws->is_quiet, '... once each');

    my $other = raw('raw');
    ok($other->is_quiet, 'without a last id nothing is repeated');
    push_to('raw', 'live');
    is($_->message, 'live', 'both are live') for $ws, $other;
    $_->close for $ws, $other;

    $ws = raw('raw', '', headers => { 'Last-Event-ID' => $ids[2] });
    is($ws->message, 'message 3', 'Last-Event-ID is the same');
    $ws->close;

    $ws = raw('raw', '&last_id=');
    ok($ws->is_quiet, 'an empty last_id is none');
    $ws->close;
}

# What the page embeds: the id of its own request.
{
    push_to('page', 'before');
    my $id = last_id();
    push_to('else', 'to somebody else');
    push_to('page', 'between');
    my $ws = v1('page', "&last_id=$id");
    is(gap($ws), 'no gap', 'from the id of the page on');
    like(pair($ws), qr/ between$/, 'all that came since');
    ok($ws->is_quiet, 'and nothing else');
    $ws->close;
}

# A message of a megabyte, and one of each length form.
{
    my $start = last_id();
    my @sent = map { my $n = $_; join '', map { chr 97 + $_ * $n % 26 }
                                         1 .. $n }
               125, 126, 65535, 65536, $KB * $KB;
    push_to('long', $_) for @sent;

    my $ws = raw('long', "&last_id=$start");
    is(grep({ $ws->message ne $_ } @sent), 0, 'long messages, byte for byte');
    $ws->close;

    $ws = v1('long', "&last_id=$start");
    is(grep({ pair($ws) !~ / \Q$_\E$/ } @sent), 0, 'in notify.v1 too');
    $ws->close;
}


# --- times

{
    my $id = push_to('time', 'now')->{id};
    my ($ms) = $id =~ /^(\d+)-/;
    my $ws = v1('time', "&last_id=$ms");
    is(gap($ws), 'no gap', 'a time is a last id');
    is(pair($ws), "$id now", 'its millisecond is included');
    $ws->close;

    # 3 s: of a clock that is ahead
    my $now = sub { return int(Time::HiRes::time() * 1000) };
    for ([ 1, 'no gap' ], [ 3000, 'no gap' ], [ 60000, 'gap' ]) {
        my ($ahead, $gap) = @$_;
        $ws = v1('time', '&last_id=' . ($now->() + $ahead));
        is(gap($ws), $gap, "a time in $ahead ms: $gap");
        ok($ws->is_quiet, '... nothing is repeated');
        my $new = push_to('time', "after $ahead")->{id};
        is(pair($ws), "$new after $ahead", '... and what comes is not missed');
        $ws->close;
    }

    for my $last ($now->() + 2000 . '-0', '0', '1', '1500000000000-7') {
        $ws = v1('time', "&last_id=$last");
        is(gap($ws), 'gap', "$last: a gap");
        $ws->close;
    }

    for my $bad ('x', '1-', '-1', '1-x', '01', '1-01', '+1', '1.5', '1-2-3',
                 '99999999999999999999', '1-1048576')
    {
        my $answer = NotifyClient->try($nginx->port,
            "/client?user_id=time&last_id=$bad")->{answer};
        is($answer->{code}, 400, "\"$bad\" is refused");
    }

    my $answer = NotifyClient->try($nginx->port, '/client?user_id=time',
        headers => { 'Last-Event-ID' => 'abc' });
    is($answer->{answer}{code}, 400, 'so it is in the header');
    $answer->fill while $answer->{buf} !~ /\}/;
    like($answer->{buf}, qr/"field":"Last-Event-ID"/, 'which is named');
}


# --- gaps

{
    my @ids = map { push_to('few', "message $_", to => '/few/')->{id} } 0 .. 5;
    my $ws = v1('few', "&last_id=$ids[1]");
    is(gap($ws), 'gap', 'more than the history has: a gap');
    is($ws->{hello}{id}, $ids[2], 'hello says where it goes on');
    is_deeply([ map { pair($ws) } 3 .. 5 ],
              [ map { "$ids[$_] message $_" } 3 .. 5 ], 'with what is there');
    ok($ws->is_quiet, 'and no more');
    $ws->close;

    $ws = v1('few', "&last_id=$ids[2]");
    is(gap($ws), 'no gap', 'exactly what the history has: none');
    $ws->close;
}

{
    my $before = last_id();
    my $id = push_to('none', 'gone', to => '/none/')->{id};
    my $ws = v1('none', "&last_id=$before");
    is(gap($ws), 'gap', 'a push that was not kept, to nobody: a gap');
    ok($ws->is_quiet, 'it does not come');
    $ws->close;

    $ws = v1('none', "&last_id=$id");
    is(gap($ws), 'no gap', 'none behind it');

    # who was there has it
    my $live = push_to('none', 'live', to => '/none/')->{id};
    is(pair($ws), "$live live", 'a push that is not kept, to somebody');
    $ws->close;
    is(gap(v1('none', "&last_id=$live")), 'no gap', 'who has it has no gap');
    is(gap(v1('none', "&last_id=$id")), 'gap', 'who does not has one');
}

{
    my $before = last_id();
    push_to('deaf', 'kept');
    my $ws = v1('deaf', "&last_id=$before", path => '/deaf');
    is(gap($ws), 'gap', 'a location without history: a gap');
    ok($ws->is_quiet, 'nothing is repeated there');
    $ws->close;
    $ws = v1('deaf', '', path => '/deaf');
    is(gap($ws), 'no gap', 'no last id: none');
    $ws->close;

    http('DELETE', '/new/delete');
    $ws = v1('delete', "&last_id=$before");
    is(gap($ws), 'no gap', 'DELETE is no message');
    $ws->close;
}


# --- pushes that come again

{
    my $key = 'Idempotency-Key: one';
    my $start = last_id();
    my $ws = v1('once');
    my $first = push_to('once', 'body', headers => [ $key ]);
    is($first->{sockets}, 1, 'a push with a key');
    is(pair($ws), "$first->{id} body", 'is delivered');
    my $second = raw('once');

    for (1 .. 3) {
        is_deeply(push_to('once', 'body', headers => [ $key ]), $first,
                  'again: the same receipt');
    }
    ok($_->is_quiet, 'it is delivered once') for $ws, $second;

    my $again = sub {
        my ($user, $body, $headers, $to) = @_;
        return http('POST', ($to // '/new/') . $user, body => $body,
                    headers => $headers);
    };
    my $answer = $again->('once', 'bodY', [ $key ]);
    is($answer->{code}, 422, 'with another body: 422');
    like($answer->{body}, qr/"field":"Idempotency-Key"/, '... says why');
    is($again->('once', 'body!', [ $key ])->{code}, 422, 'a longer one: 422');
    is($again->('once', 'body', [ $key, 'Content-Type: '
                                        . 'application/octet-stream' ])
       ->{code}, 422, 'of another kind: 422');
    ok($ws->is_quiet, 'nothing of it is delivered');

    cmp_ok(push_to('twice', 'body', headers => [ $key ])->{id}, 'gt',
           $first->{id}, 'of another user it is another key');
    isnt(push_to('once', 'body', to => '/few/', headers => [ $key ])->{id},
         $first->{id}, 'and at another location');
    pair($ws);

    is($again->('once', 'body', [ $key ], '/none/')->{code}, 400,
       'without history there are none: 400');
    is($again->('once', 'body', [ 'Idempotency-Key: ' . 'x' x 256 ])->{code},
       400, 'more than 255 bytes: 400');
    is($again->('once', 'body', [ 'Idempotency-Key:' ])->{code}, 400,
       'none: 400');
    is($again->('once', 'x', [ 'Idempotency-Key: ' . 'x' x 255 ])->{code},
       200, '255 bytes are a key');
    $_->close for $ws, $second;

    push_to('few-again', 'x', to => '/few/', headers => [ $key ])
        for 1 .. 2;
    my $count = status()->{history}{repeated};
    push_to('few-again', $_, to => '/few/') for 1 .. 3;
    push_to('few-again', 'x', to => '/few/', headers => [ $key ]);
    is(status()->{history}{repeated}, $count,
       'a key is forgotten with its message');
    is($count, 4, 'what came again is counted');
}

# Two at once, in different workers: the connections that these have.
{
    my %at;
    until (keys %at == 2) {
        my $sock = NotifyClient::connect_to($nginx->port);
        my $answer = http('GET', '/id', sock => $sock);
        $at{$answer->{headers}{'x-worker'}} //= $sock;
    }
    my @socks = values %at;
    my $ws = v1('race');
    my $wrong = 0;

    for my $n (1 .. 100) {
        my $body = $n % 4 ? "message $n" : "message $n " x 10000;
        for my $sock (@socks) {
            print $sock "POST /new/race HTTP/1.1\r\nHost: localhost\r\n"
                        . "Idempotency-Key: $n\r\nContent-Length: "
                        . length($body) . "\r\n\r\n$body";
            $sock->flush;
        }
        my @ids = map {
            my $answer = bless { sock => $_, buf => '' }, 'NotifyClient';
            my %head = $answer->head;
            my $length = $head{headers}{'content-length'};
            $answer->fill while length $answer->{buf} < $length;
            JSON::PP::decode_json($answer->{buf})->{id};
        } @socks;
        $wrong++ if $ids[0] ne $ids[1] || pair($ws) ne "$ids[0] $body";
    }

    is($wrong, 0, 'of 100 pairs each is one message with one receipt');
    ok($ws->is_quiet, 'and no more');
    $ws->close;
}


# --- slow readers

sub text {
    my ($n, $length) = @_;
    my $line = "message $n of $length bytes ";
    return substr $line x (1 + $length / length $line), 0, $length;
}

for my $kind ('raw', 'v1') {
    my $open = $kind eq 'raw' ? \&raw : \&v1;
    my $reads = status()->{deliveries}{slow_reads};
    my $slow = $open->("slow$kind", '', narrow());
    my @sent = map { text($_, 10 * $KB) } 1 .. 60;

    is(grep({ push_to("slow$kind", $_)->{sockets} != 1 } @sent), 0,
       "$kind: a slow socket stays");
    cmp_ok(status()->{deliveries}{slow_reads}, '>', $reads,
           'it reads the history');
    is(grep({ my $sent = $_;
              ($kind eq 'raw' ? $slow->message : pair($slow))
              !~ /(?:^| )\Q$sent\E$/ } @sent), 0,
       'and gets all, in order');
    push_to("slow$kind", 'live');
    like($slow->message, qr/live/, 'and then what comes');
    ok($slow->is_quiet, 'and no more');
    $slow->close;
}

# Its place is evicted: 1013, and a gap when it comes back.
{
    my $slow = v1('late', '', narrow());
    my @sent = map { text($_, 10 * $KB) } 1 .. 150;
    my @ids = map { push_to('late', $_)->{id} } @sent;
    my ($n, $code) = 0;

    while (my ($opcode, $payload) = $slow->frame) {
        if ($opcode == 8) {
            $code = unpack 'n', $payload;
            last;
        }
        my $frame = JSON::PP::decode_json($payload);
        last if $frame->{id} ne $ids[$n] || $frame->{data} ne $sent[$n];
        $n++;
    }

    is($code, 1013, 'whose place in the history is gone is closed');
    cmp_ok($n, '>', 0, 'behind what it got, in order');
    cmp_ok($n, '<', 150 - 64, 'which is not what the history has');
    $slow->close;

    my $ws = v1('late', "&last_id=$ids[$n - 1]");
    is(gap($ws), 'gap', 'it is told when it comes back');
    is(grep({ pair($ws) ne "$ids[$_] $sent[$_]" } 150 - 64 .. 149), 0,
       'and gets what is there');
    $ws->close;
}

# A history that a narrow socket asks for is not queued.
{
    my $start = last_id();
    my @sent = map { text($_, 100 * $KB) } 1 .. 60;
    push_to('backlog', $_) for @sent;

    my $memory = sub {
        my $sum = 0;
        for my $pid ($nginx->workers) {
            $sum += $nginx->memory($pid);
        }
        return $sum;
    };
    my $before = $memory->();
    my @slow = map { raw('backlog', "&last_id=$start", narrow()) } 1 .. 20;
    push_to('backlog', 'live');
    my $grown = $memory->() - $before;
    cmp_ok($grown, '<', 10 * $KB, '20 backlogs of 6 MB take no memory');

    for my $ws (@slow[0, 7, 19]) {
        is(grep({ $ws->message ne $_ } @sent, 'live'), 0, 'they arrive');
    }
    $_->close for @slow;
}


# --- log-outs

# Freezes the worker of the socket, does something, and lets it go on.
sub while_frozen {
    my ($ws, $do) = @_;

    my $pid = $ws->{answer}{headers}{'x-worker'};
    NotifyHandover->freeze($pid);
    my @result = $do->();
    kill CONT => $pid;
    return @result;
}


# A request to the worker that is not frozen.
sub elsewhere {
    my ($ws, @request) = @_;

    my %sockets;
    while (1) {
        my $sock = NotifyClient::connect_to($nginx->port);
        print $sock "GET /id HTTP/1.1\r\nHost: localhost\r\n\r\n";
        $sock->flush;
        next if !IO::Select->new($sock)->can_read(0.2);
        my $answer = bless { sock => $sock, buf => '' }, 'NotifyClient';
        my %head = $answer->head;
        my $length = $head{headers}{'content-length'};
        $answer->fill while length $answer->{buf} < $length;
        next if $head{headers}{'x-worker'}
                eq $ws->{answer}{headers}{'x-worker'};
        return http(@request, sock => $sock);
    }
}

# It joined before: it is closed, also when it reads past the log-out.
for my $round (1 .. 5) {
    my $start = last_id();
    push_to("out$round", text($_, 20 * $KB)) for 1 .. 20;
    my $ws = raw("out$round", "&last_id=$start", narrow());
    is($ws->message, text(1, 20 * $KB), 'a socket reads its history');

    while_frozen($ws, sub {
        my $answer = elsewhere($ws, 'DELETE', "/new/out$round");
        is($answer->{code}, 200, '... its user is logged out elsewhere');
        elsewhere($ws, 'POST', "/new/out$round", body => 'after');
    });
    is($ws->wait_close, 4403, '... and it is closed');
    $ws->close;
}

# It joins behind: it is not.
for my $round (1 .. 5) {
    my $start = last_id();
    my $old = v1("in$round");
    my $new = bless { sock => NotifyClient::connect_to($nginx->port),
                      buf => '' }, 'NotifyClient';
    my %at;

    while_frozen($old, sub {
        elsewhere($old, 'DELETE', "/new/in$round");
        $new->write(NotifyWire::handshake("/client?user_id=in$round"
                                          . "&last_id=$start"));
    });
    my %head = $new->head;
    is($head{code}, 101, 'who comes back after the log-out');
    is($old->wait_close, 4403, 'others are closed');
    push_to("in$round", 'hello');
    is($new->message, 'hello', '... stays');
    $_->close for $old, $new;
}


# --- what it takes

{
    push_to('cost', 'x' x 48, to => '/many/');
    my $before = status()->{zone}{used};
    push_to('cost', 'x' x 48, to => '/many/') for 1 .. 300;
    cmp_ok((status()->{zone}{used} - $before) / 300, '<=', 160,
           'a stored message of 48 bytes takes 160 bytes at most');
}

{
    my $status = status()->{history};
    my $start = last_id();
    v1('count', "&last_id=$start")->close;
    v1('count', '&last_id=1')->close;
    v1('count', "&last_id=$start", path => '/deaf')->close;
    my $now = status()->{history};
    is($now->{resumed} - $status->{resumed}, 3, 'who comes back is counted');
    is($now->{gaps} - $status->{gaps}, 2, 'and who has a gap');
}

$nginx->stop;


# --- time

# There is no timer: what is over goes when others are pushed to.
{
    my $nginx = NotifyNginx->new(
        config => 'notify_history 64 1s;
                   location /client { notify_socket; }
                   location /new/ {
                       notify_push;
                       location /new/long { notify_push; notify_history 9; }
                   }',
    )->start;
    my $push = sub {
        my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$_[0]",
                                        body => $_[1]);
        return JSON::PP::decode_json($answer->{body})->{id};
    };
    my $hello = sub {
        my ($id, $user) = @_;
        my $ws = NotifyClient->open($nginx->port,
            '/client?user_id=' . ($user // 'short') . "&last_id=$id",
            headers => { 'Sec-WebSocket-Protocol' => 'notify.v1' });
        return $ws->message;
    };
    my $before = $push->('others', 'before');
    $push->('long', 'ten minutes');
    my $id = $push->('short', 'soon over');

    NotifyNginx::wait_for('the end of its time', sub {
        $push->('others', 'x');
        return $hello->($before) =~ /"gap":true/;
    });
    like($hello->($id), qr/"gap":false/, 'who had it misses nothing');
    like($hello->($before, 'long'), qr/"gap":false/,
         'a number of messages alone does not have the time of around it');
    $nginx->stop;
}


# --- a full zone

# History goes before anything is refused, and handing over needs room, too.
{
    my $nginx = NotifyNginx->new(
        workers => 2, level => 'notice',
        http => 'notify_zone 256k; notify_history 64 1h;',
        config => 'location /client { notify_socket; }
                   location /new/ { notify_push; }
                   location /status { notify_status; }',
    )->start;

    my @sockets = map {
        NotifyClient->open($nginx->port, '/client?user_id=reader')
    } 1 .. 20;
    my $status = sub {
        return JSON::PP::decode_json(NotifyClient::http(
            $nginx->port, 'GET', '/status')->{body});
    };
    my $sock = NotifyClient::connect_to($nginx->port);
    my $wrong = 0;
    my $push = sub {
        my ($user, $body) = @_;
        my $answer = NotifyClient::http($nginx->port, 'POST', "/new/$user",
                                        body => $body, sock => $sock);
        $wrong++ if $answer->{code} != 200;
        return JSON::PP::decode_json($answer->{body})->{id};
    };

    my $first = $push->('first', 'first');
    my $n = 0;
    $push->($n++ % 300, 'x' x 100) until $n > 3000;
    is($wrong, 0, 'pushes are accepted when history fills the zone');
    cmp_ok($status->()->{history}{evicted}, '>', 500, 'the oldest go');

    my @log = grep { /history evicted after/ } split /^/, $nginx->log;
    ok(@log >= 1 && @log <= 2, 'each worker says so once');
    like($log[0], qr/\[error\].* history\ evicted\ after\ \d+s,
                     \ ttl\ is\ 3600s,\ raise\ notify_zone/x,
         '... and what to do');

    my $ws = NotifyClient->open($nginx->port, '/client?user_id=first&last_id='
                                              . ($first =~ s/-.*//r),
        headers => { 'Sec-WebSocket-Protocol' => 'notify.v1' });
    like($ws->message, qr/"gap":true/, 'who had a message among them is told');

    for my $round (1 .. 3) {
        $nginx->reload;
        NotifyNginx::wait_for('the old workers to hand over and go',
                              sub { !$nginx->old_workers });
        $sock = NotifyClient::connect_to($nginx->port);
        $push->($n++ % 300, 'x' x 100) for 1 .. 300;
        $push->('reader', "round $round");
        is(grep({ $_->message ne "round $round" } @sockets), 0,
           'sockets are handed over in a full zone');
    }

    $_->close for @sockets, $ws;
    $nginx->stop;
}

done_testing();
