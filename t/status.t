# What operators see: JSON, and Prometheus text that is parsed by the letter
# of its format.

use lib 't/lib';
use NotifyTest 'no_plan';

use JSON::PP ();


# Text exposition format 0.0.4: each metric once, with HELP and TYPE before
# its samples, which stand together; names and labels as they must be.  The
# samples, or a text that says what is wrong.
sub prometheus {
    my $text = shift;
    my (%type, %help, %sample, $current);

    return 'the last line has no end' if $text !~ /\n\z/;

    for my $line (split /\n/, $text) {
        if ($line =~ /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$/) {
            return "HELP of $1 twice" if $help{$1}++;
            $current = $1;

        } elsif ($line =~ /^# TYPE (\S+) (counter|gauge)$/) {
            my ($name, $type) = ($1, $2);
            return "TYPE of $name twice" if $type{$name};
            return "TYPE of $name behind another's HELP"
                if $name ne $current;
            return "$type $name: only counters end in _total"
                if ($type eq 'counter') != ($name =~ /_total$/);
            $type{$name} = $type;

        } elsif ($line =~ /^([a-zA-Z_:][a-zA-Z0-9_:]*)
                            (\{[a-zA-Z_]\w*="(?:[^"\\]|\\[\\"n])*"
                               (?:,[a-zA-Z_]\w*="(?:[^"\\]|\\[\\"n])*")*\})?
                            \ (-?\d+(?:\.\d+)?)$/x)
        {
            my ($name, $labels, $value) = ($1, $2 // '', $3);
            return "$name has no TYPE" if !$type{$name};
            return "$name is not with its own" if $name ne $current;
            return "$name$labels twice" if exists $sample{"$name$labels"};
            $sample{"$name$labels"} = $value;

        } else {
            return "no such line: $line";
        }
    }

    for my $name (keys %type) {
        return "$name has no samples"
            if $name ne 'notify_worker_sockets'
               && !grep { /^\Q$name\E(?:\{|$)/ } keys %sample;
    }

    return \%sample;
}


# A block may ask for metrics, or for values of the JSON by their paths, in
# lines of name and value.  A "*" in a metric is any number above 0.
no warnings 'once';
$Test::Nginx::Socket::SECTIONS{$_} = 1 for qw( metrics values );

add_response_body_check(sub {
    my ($block, $body, $index, $round, $dry) = @_;
    my $name = $block->name;

    if (defined(my $metrics = $block->metrics)) {
        my ($text) = $body =~ /^(# HELP.*\n)\n?\z/ms;
        my $sample = prometheus($text // '');
        ok(ref $sample, "$name - the format is right")
            or return diag($sample);
        for my $line (grep { /\S/ } split /\n/, $metrics) {
            my ($key, $value) = $line =~ /^\s*(\S+) (\S+)$/;
            my $like = quotemeta($key) =~ s/\\\*/\\d+/gr;
            my @keys = grep { /^$like$/ } keys %$sample;
            is(@keys, 1, "$name - there is one $key");
            like($sample->{ $keys[0] // '' } // '',
                 $value eq '*' ? qr/^[1-9]\d*$/ : qr/^\Q$value\E$/,
                 "$name - $key $value");
        }
    }

    if (defined(my $values = $block->values)) {
        my ($text) = $body =~ /^(\{.*\})/ms;
        my $json = eval { JSON::PP::decode_json($text // '') };
        ok(ref $json, "$name - it is JSON") or return diag($body);
        for my $line (grep { /\S/ } split /\n/, $values) {
            my ($path, $value) = $line =~ /^\s*(\S+) (\S+)$/;
            my $at = $json;
            $at = ref $at eq 'ARRAY' ? $at->[$_] : $at->{$_}
                for split /\./, $path;
            is($at, $value, "$name - $path");
        }
    }
});

run_tests();

__DATA__

=== TEST 1: JSON of a server that has done nothing
--- config
    location /status { notify_status; }
--- request
GET /status
--- response_headers
Content-Type: application/json
--- response_body_like chomp
^\{.*\}\n$
--- values
sockets 0
tls_sockets 0
users 0
zone.messages 0
zone.generation 1
workers.0.sockets 0
workers.0.generation 1
pushes.accepted 0
handshakes.accepted 0
closes.1000 0



=== TEST 2: Prometheus text by the argument
--- config
    location /status { notify_status; }
--- request
GET /status?format=prometheus
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- response_body_like chomp
^# HELP notify_
--- metrics
notify_sockets 0
notify_users 0
notify_pushes_total 0
notify_refusals_total{cause="origin"} 0
notify_refusals_total{cause="sockets"} 0
notify_closes_total{code="1000"} 0



=== TEST 3: Prometheus text by Accept
--- config
    location /status { notify_status; }
--- request
GET /status
--- more_headers
Accept: application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.3
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- metrics
notify_sockets 0



=== TEST 4: the argument wins over Accept
--- config
    location /status { notify_status; }
--- request
GET /status?format=json
--- more_headers
Accept: text/plain
--- response_headers
Content-Type: application/json
--- values
sockets 0



=== TEST 5: another format is refused
--- config
    location /status { notify_status; }
--- request
GET /status?format=xml
--- error_code: 400
--- response_body_like chomp
^\{"error":".*json.*prometheus.*","field":"format"\}



=== TEST 6: the status is read only
--- config
    location /status { notify_status; }
--- request
POST /status
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body_like chomp
"field":"method"



=== TEST 7: HEAD
--- config
    location /status { notify_status; }
--- request
HEAD /status
--- response_headers
Content-Type: application/json
--- response_body eval
""



=== TEST 8: sockets, pushes and deliveries are counted, and closes by code
--- http_config
    notify_history off;
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /status { notify_status; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            local three = notify.open("/client?user_id=4")
            notify.push("/new/42", "hello")
            notify.push("/new/7", "12345678")
            notify.say(one)
            notify.say(two)
            three:send_text("ignored")
            three:send_close(1001)
            notify.say(three)
            local _, body = notify.request("GET", "/status")
            ngx.say(body)
        }
    }
--- request
GET /t
--- values
sockets 2
users 1
workers.0.sockets 2
pushes.accepted 2
pushes.bytes 13
deliveries.delivered 2
deliveries.dropped 0
handshakes.accepted 3
client_messages.received 1
closes.1001 1
closes.1000 0



=== TEST 9: the same in Prometheus text
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /status { notify_status; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local one = notify.open("/client?user_id=42")
            local two = notify.open("/client?user_id=42")
            notify.push("/new/42", "hello")
            notify.say(one)
            notify.say(two)
            two:send_close(4000)
            notify.say(two)
            local _, body = notify.request("GET",
                                           "/status?format=prometheus")
            ngx.say(body)
        }
    }
--- request
GET /t
--- metrics
notify_sockets 1
notify_tls_sockets 0
notify_worker_sockets{seat="0",pid="*",generation="*",exiting="0"} 1
notify_zone_size_bytes 16777216
notify_zone_used_bytes *
notify_users 1
notify_pushes_total 1
notify_push_bytes_total 5
notify_deliveries_total 2
notify_handshakes_total 2
notify_closes_total{code="other"} 1



=== TEST 10: refusals are counted by cause
--- config
    location /client { notify_socket; }
    location /new/ { notify_push; }
    location /status { notify_status; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local upgrade = { "Upgrade: websocket", "Connection: Upgrade",
                              "Sec-WebSocket-Version: 13",
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" }
            local function handshake(uri, header)
                local headers = { header }
                for _, line in ipairs(upgrade) do
                    headers[#headers + 1] = line
                end
                ngx.say((notify.request("GET", uri, headers)))
            end
            ngx.say((notify.request("GET", "/client?user_id=42")))
            handshake("/client")
            handshake("/client?user_id=42", "Origin: https://evil.example")
            handshake("/client?user_id=42", "X-Forwarded-For: 192.0.2.1")
            ngx.say((notify.request("POST", "/new/", nil, "x")))
            ngx.say((notify.request("POST", "/new/42", { "Via: x" }, "x")))
            ngx.say((notify.request("OPTIONS", "/new/42")))
            local _, body = notify.request("GET", "/status")
            ngx.say(body)
        }
    }
--- request
GET /t
--- response_body_like chomp
^426\n400\n403\n403\n400\n403\n405\n
--- values
refusals.request 1
refusals.user 1
refusals.origin 1
refusals.peer 1
refusals.sockets 0
refusals.reserve 0
refusals.zone 0
pushes.bad_request 1
pushes.denied 1
pushes.method 1
pushes.full 0
sockets 0



=== TEST 11: the last id is that of the last push
--- config
    location /new/ { notify_push; }
    location /status { notify_status; }
    location /t {
        content_by_lua_block {
            local notify = require "notify"
            local _, receipt = notify.request("POST", "/new/42", nil, "x")
            local _, body = notify.request("GET", "/status")
            ngx.say(receipt:match('"id":"([^"]+)"')
                    == body:match('"last_id": *"([^"]+)"'))
        }
    }
--- request
GET /t
--- response_body
true



=== TEST 12: access rules come first
--- config
    location /status { notify_status; deny all; }
--- request
GET /status
--- error_code: 403
--- error_log eval
qr/\[error\].*access forbidden by rule/
