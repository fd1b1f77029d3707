#!/usr/bin/perl

# Shows that what docs/security.md promises has tests that can fail.  The
# module is built with one check taken out at a time, and the test that the
# page names beside the promise must fail; with nothing taken out all of them
# pass.  The page names these tests and no others.

use strict;
use warnings;

use lib 't/lib';

use POSIX ();
use Test::More;

use NotifyEnv ();
use NotifyMutant ();

plan skip_all => 'these builds are not instrumented'
    if $ENV{NOTIFY_TEST_TAG};

# Each: the test's file and title, then what is changed: a file of src/, what
# stands there exactly once, what shall stand there.
my @MUTANTS = (

    # --- Origin

    [ 'handshake.t', q{another site's pages are told both names and the line}
                     . ' to write',
      'ngx_http_notify_handshake.c',
      'if (one && notify_origin_same(&origin, host.data, host.len)) {',
      'if (one) {' ],

    [ 'handshake.t', 'the second of two Origins counts as well',
      'ngx_http_notify_handshake.c',
      'one = (ngx_http_notify_header(r, "origin", 1) == NULL);', 'one = 1;' ],

    [ 'origin.t', 'a name is not found in front of another one',
      'notify_upgrade.c', 'if (alen != blen) {', 'if (alen > blen) {' ],

    [ 'origin.t', 'a pattern for what is below a name needs the dot',
      'notify_upgrade.c', q{return o->host[skip - 1] == '.'
           && notify_upgrade_same(}, 'return notify_upgrade_same(' ],

    [ 'handshake.t', q{a pattern's scheme counts},
      'notify_upgrade.c',
      'if (!notify_upgrade_same(want->scheme, want->scheme_len,
                                 o->scheme, o->scheme_len)
            || notify_origin_port(want) != notify_origin_port(o))', 'if (0)' ],

    [ 'origin.t', 'where the scheme is written, its port is meant',
      'notify_upgrade.c',
      '|| notify_origin_port(want) != notify_origin_port(o))', ')' ],

    [ 'origin.t', 'a port counts where it is written',
      'notify_upgrade.c',
      'if (want->port != 0 && want->port != notify_origin_port(o)) {',
      'if (0) {' ],

    [ 'origin.t', 'a pattern of names does not take it',
      'notify_upgrade.c',
      'if (o->type != want->type || o->type == NOTIFY_ORIGIN_INVALID) {',
      'if (0) {' ],

    [ 'origin.t', 'what is no Origin is not to be written into a'
                  . ' configuration',
      'ngx_http_notify_handshake.c',
      'if (origin.type == NOTIFY_ORIGIN_INVALID) {', 'if (0) {' ],

    # --- who may push, and who may say whose socket it is

    [ 'security.t', 'another address of this machine is another peer',
      'ngx_http_notify_request.c',
      'if (!ngx_http_notify_sockaddr_local(c->sockaddr)) {', 'if (0) {',
      'ngx_http_notify_request.c', 'if (nmcf->realip >= 0) {', 'if (0) {' ],

    [ 'security.t', 'realip makes no peer local',
      'ngx_http_notify_request.c', 'if (nmcf->realip >= 0) {', 'if (0) {' ],

    [ 'security.t', 'realip makes a local peer another one',
      'ngx_http_notify_request.c',
      'if (!ngx_http_notify_sockaddr_local(c->sockaddr)) {', 'if (0) {' ],

    [ 'security.t', 'the PROXY protocol tells of peers behind a local one',
      'ngx_http_notify_request.c', 'if (c->proxy_protocol
        &&', 'if (0
        &&' ],

    [ 'push.t', 'a forwarded request is not local: X-Forwarded-For',
      'ngx_http_notify_request.c',
      '&& ngx_strncasecmp(h->key.data, prefix, sizeof(prefix) - 1) == 0)',
      '&& 0)' ],

    [ 'push.t', 'a forwarded request is not local: Forwarded',
      'ngx_http_notify_request.c',
      'if (ngx_http_notify_header_is(h, "forwarded")
                ||', 'if (' ],

    [ 'push.t', 'a forwarded request is not local: Via',
      'ngx_http_notify_request.c',
      'if (ngx_http_notify_header_is(h, "via")) {', 'if (0) {' ],

    [ 'push.t', 'a forwarded request is not local: X-Real-IP',
      'ngx_http_notify_request.c',
      '|| ngx_http_notify_header_is(h, "x-real-ip"))', ')' ],

    [ 'push.t', 'a browser is not a local program: Origin',
      'ngx_http_notify_push.c',
      'h = site ? site : marks->origin;', 'h = site;' ],

    [ 'push.t', 'a browser is not a local program: Sec-Fetch-Site',
      'ngx_http_notify_push.c', 'h = site ? site :', 'h =' ],

    [ 'push.t', 'with from=any a page of another site still may not',
      'ngx_http_notify_push.c', 'if (site == NULL
            ||', 'if (1
            ||' ],

    [ 'security.t', 'who may not push may not count, close or wake either',
      'ngx_http_notify_push.c',
      'rc = ngx_http_notify_push_check_peer(r, nlcf, &marks);',
      'rc = r->method == NGX_HTTP_POST
         ? ngx_http_notify_push_check_peer(r, nlcf, &marks) : NGX_OK;' ],

    [ 'handshake.t', 'the default user is believed to local peers only',
      'ngx_http_notify_handshake.c', 'if (nlcf->user == NULL) {', 'if (0) {' ],

    [ 'security.t', 'a default socket is for local peers: another address',
      'ngx_http_notify_handshake.c', 'if (nlcf->user == NULL) {', 'if (0) {' ],

    # --- users and realms

    [ 'handshake.t', 'a written user that is empty is one who has not logged'
                     . ' in',
      'ngx_http_notify_request.c', 'if (user->len == 0) {
        return ngx_http_notify_user_refuse(r, why,
                                           nlcf->argument', 'if (0) {
        return ngx_http_notify_user_refuse(r, why,
                                           nlcf->argument',
      'notify_user.c', 'if (n == 0) {
        *why = "user is empty";', 'if (0) {
        *why = "user is empty";' ],

    [ 'handshake.t', 'a user with NUL is refused',
      'notify_user.c', q{if (memchr(p, '\0', n) != NULL) \{}, 'if (0) {' ],

    [ 'handshake.t', 'a user that is no UTF-8 is refused',
      'notify_user.c', 'if (!notify_utf8_valid(p, n)) {', 'if (0) {' ],

    [ 'handshake.t', 'a user of 256 bytes is refused',
      'notify_user.c', 'if (n > NOTIFY_USER_MAX) {', 'if (0) {' ],

    [ 'push.t', 'realms do not hear each other',
      'ngx_http_notify_request.c', 'name->realm_length = ctx->realm.len;',
      'name->realm_length = 0;' ],

    [ 'conf.t', 'a user that the browser can set is warned of: header',
      'ngx_http_notify_conf.c',
      'if (conf->socket && conf->written && conf->written->settable.len) {',
      'if (0) {' ],

    # --- tokens

    [ 'token.t', 'without a token, 401 says that one is wanted',
      'ngx_http_notify_handshake.c',
      'rc = ngx_http_notify_token_check(r, until, &why);',
      'rc = NGX_OK; *until = NGX_MAX_TIME_T_VALUE;' ],

    [ 'token.t', 'but a token must be there nevertheless',
      'ngx_http_notify_handshake.c',
      'rc = ngx_http_notify_token_check(r, until, &why);',
      'rc = NGX_OK; *until = NGX_MAX_TIME_T_VALUE;' ],

    [ 'token.t', 'a token without a signature',
      'notify_token.c', 'if (p == end) {', 'if (0) {',
      'notify_token.c', 'if (part[i].n == 0) {', 'if (0) {' ],

    [ 'token.t', 'alg none with a signature',
      'notify_token.c',
      'if (!notify_token_is(json_object_get(header, "alg"),
                             notify_signature_name(key->key.alg)))',
      'if (0)' ],

    [ 'token.t', 'the public key is no secret',
      'notify_token.c',
      'if (!notify_token_is(json_object_get(header, "alg"),
                             notify_signature_name(key->key.alg)))',
      'if (0)' ],

    [ 'token.t', q{a token of another's key},
      'notify_signature.c', '&& CRYPTO_memcmp(mac, sig, m) == 0;', ';' ],

    [ 'token.t', 'a claim that was changed',
      'notify_signature.c', '&& CRYPTO_memcmp(mac, sig, m) == 0;', ';' ],

    [ 'token.t', 'a claim that was changed, under a public key',
      'notify_signature.c', '&& EVP_DigestVerify(ctx, sig, m, p, n) == 1;',
      ';' ],

    [ 'token.t', 'a kid that names another key',
      'notify_token.c', 'if (kid != NULL && key->kid != NULL',
      'if (0 && kid != NULL && key->kid != NULL' ],

    [ 'token.t', 'a header that wants something understood',
      'notify_token.c', 'if (json_object_get(header, "crit") != NULL) {',
      'if (0) {' ],

    [ 'token.t', 'a token that expired',
      'notify_token.c', 'if (now >= claims->until) {', 'if (0) {' ],

    [ 'token.t', 'a token that does not say when it expires',
      'notify_token.c', 'return NOTIFY_TOKEN_NO_EXP;',
      'value = json_integer(4000000000);' ],

    [ 'token.t', 'a token that is for later',
      'notify_token.c', 'if (now < nbf - rule->leeway) {', 'if (0) {' ],

    [ 'token.t', 'another issuer',
      'notify_token.c', 'if (rule->iss != NULL', 'if (0' ],

    [ 'token.t', 'another audience',
      'notify_token.c', 'return NOTIFY_TOKEN_AUD;',
      'return NOTIFY_TOKEN_OK;' ],

    [ 'token.t', 'a token for somebody, where nobody in particular is asked'
                 . ' for',
      'notify_token.c',
      'return aud == NULL ? NOTIFY_TOKEN_OK : NOTIFY_TOKEN_NO_AUD;',
      'return NOTIFY_TOKEN_OK;' ],

    [ 'token.t', 'a name that would end a header',
      'notify_token.c', 'if (notify_control_length(name + i, n - i)) {',
      'if (0) {' ],

    [ 'token.t', 'a secret that can be guessed',
      'notify_signature.c', 'if (len < NOTIFY_SIGNATURE_SECRET_MIN) {',
      'if (0) {' ],

    [ 'token.t', 'a public key for a secret',
      'notify_signature.c',
      'if (notify_signature_has(p, n, "-----BEGIN ")) {', 'if (0) {' ],

    [ 'token.t', 'the key of another algorithm',
      'notify_signature.c',
      'if (EVP_PKEY_base_id(pkey) != notify_signature_algorithms[alg].type) {',
      'if (0) {' ],

    # --- when a session ends

    [ 'security.t', 'with the session ends its socket',
      'ngx_http_notify_limit.c',
      'return expires ? ngx_http_notify_limit_expires',
      'return 0 ? ngx_http_notify_limit_expires' ],

    [ 'token.t', 'when the token ends, so does the socket',
      'ngx_http_notify_limit.c',
      'return expires ? ngx_http_notify_limit_expires',
      'return 0 ? ngx_http_notify_limit_expires' ],

    [ 'token.t', 'also before the session does',
      'ngx_http_notify_handshake.c', 'until = ngx_min(until, expires);',
      'until = expires;' ],

    [ 'security.t', 'a session that has ended gets no socket',
      'ngx_http_notify_handshake.c', 'if (left <= 0) {', 'if (0) {' ],

    [ 'security.t', 'nor does one that ends at no time',
      'ngx_http_notify_handshake.c', 'if (expires == (time_t) NGX_ERROR) {',
      'if (0) {' ],

    # --- handshakes

    [ 'handshake.t', 'a handshake is a GET',
      'ngx_http_notify_handshake.c', 'if (r->method != NGX_HTTP_GET) {',
      'if (0) {' ],

    [ 'handshake.t', 'HTTP/1.0 cannot upgrade',
      'ngx_http_notify_handshake.c',
      'if (r != r->main || !ngx_http_notify_is_http1(r)) {',
      'if (r != r->main) {' ],

    [ 'handshake.t', 'a request that is no upgrade is told to upgrade',
      'ngx_http_notify_handshake.c',
      'if (!ngx_http_notify_handshake_asks(r, "upgrade", 7, "websocket")) {',
      'if (0) {' ],

    [ 'handshake.t', 'without Connection: Upgrade it is no upgrade',
      'ngx_http_notify_handshake.c',
      'if (!ngx_http_notify_handshake_asks(r, "connection", 10, "upgrade")) {',
      'if (0) {' ],

    [ 'handshake.t', 'a handshake with a body is refused: it would be read as'
                     . ' frames',
      'ngx_http_notify_handshake.c',
      'if (r->headers_in.content_length_n > 0 ||', 'if (' ],

    [ 'handshake.t', 'a handshake with a chunked body is refused',
      'ngx_http_notify_handshake.c', '|| r->headers_in.chunked) {', ') {' ],

    [ 'handshake.t', 'another version is told which one we speak',
      'ngx_http_notify_handshake.c',
      'if (h == NULL || h->value.len != 2
        || ngx_memcmp(h->value.data, "13", 2) != 0', 'if (h == NULL' ],

    [ 'handshake.t', 'a key of 15 bytes is refused',
      'ngx_http_notify_handshake.c',
      '|| !notify_upgrade_key_valid(h->value.data, h->value.len)', '' ],

    [ 'handshake.t', 'two keys are refused',
      'ngx_http_notify_handshake.c',
      '|| ngx_http_notify_header(r, "sec-websocket-key", 1) != NULL)', ')' ],

    [ 'handshake.t', 'a malformed list of subprotocols is refused',
      'ngx_http_notify_handshake.c', 'if (has == -1) {', 'if (0) {' ],

    [ 'handshake.t', 'a malformed list of extensions is refused',
      'ngx_http_notify_handshake.c',
      'if (!notify_upgrade_extensions_valid(h->value.data, h->value.len)) {',
      'if (0) {' ],

    [ 'security.t', 'a last id that is none',
      'ngx_http_notify_handshake.c',
      'if (notify_id_read(last.data, last.len, &wish->last) == -1) {',
      'if (0) {' ],

    # --- frames

    [ 'frames.t', 'a frame that is not masked is an error',
      'notify_codec.c', 'if (!(c & NOTIFY_CODEC_MASKED)) {', 'if (0) {' ],

    [ 'frames.t', 'reserved bits are an error',
      'notify_codec.c', 'if ((c & NOTIFY_CODEC_RSV) && !packed) {',
      'if (0) {' ],

    [ 'frames.t', 'unknown opcodes are an error',
      'notify_codec.c', 'default:
        return NOTIFY_CODEC_BAD_OPCODE;', 'default:
        break;' ],

    [ 'frames.t', 'a ping of 126 bytes is an error',
      'notify_codec.c',
      'if (c > NOTIFY_CONTROL_MAX && (cd->first & NOTIFY_CODEC_CONTROL)) {',
      'if (0) {' ],

    [ 'frames.t', 'a fragmented ping is an error',
      'notify_codec.c', 'if (!(c & NOTIFY_CODEC_FIN)) {', 'if (0) {' ],

    [ 'frames.t', 'a continuation of nothing is an error',
      'notify_codec.c', 'if (cd->message == 0) {', 'if (0) {' ],

    [ 'frames.t', 'a message inside of another is an error',
      'notify_codec.c', 'if (cd->message != 0) {', 'if (0) {' ],

    [ 'frames.t', 'a length that has a shorter form is an error',
      'notify_codec.c', 'return (cd->left < 126) ?', 'return (0) ?' ],

    [ 'frames.t', 'a close of one byte is an error',
      'notify_codec.c', 'if (ev->len == 1) {', 'if (0) {' ],

    [ 'frames.t', 'a close code that must not be sent is an error',
      'notify_codec.c', 'if (!notify_close_valid(code)) {
            return NOTIFY_CODEC_BAD_CODE;', 'if (0) {
            return NOTIFY_CODEC_BAD_CODE;' ],

    [ 'frames.t', 'a close reason must be UTF-8',
      'notify_codec.c',
      'if (!notify_utf8_valid(ev->data + 2, ev->len - 2)) {', 'if (0) {' ],

    [ 'frames.t', 'a text must be UTF-8',
      'notify_codec.c', 'notify_utf8_feed(&cd->utf8, p, n) != 0', '0' ],

    [ 'frames.t', 'a character must not be cut by the end of the message',
      'notify_codec.c', '|| (last && !notify_utf8_done(&cd->utf8)))', ')' ],

    [ 'frames.t', 'a larger message is refused by its length alone',
      'notify_codec.c',
      'if (cd->length > max || cd->left > max - cd->length) {', 'if (0) {' ],

    [ 'frames.t', 'fragments count together',
      'notify_codec.c', 'cd->length += cd->left;', '' ],

    [ 'frames.t', 'with "close" a client\'s message ends the socket',
      'ngx_http_notify_receive.c',
      'if (s->conf->client_messages == NGX_HTTP_NOTIFY_CLIENT_CLOSE) {',
      'if (0) {' ],

    [ 'security.t', 'a compressed message is bounded by what it becomes',
      'notify_deflate.c', 'more = (n > in->max - in->len);', 'more = 0;',
      'notify_deflate.c', 'left = in->max - in->len;',
      'left = sizeof(in->piece);' ],
    # --- compressed messages

    [ 'deflate.t', '1002: RSV1 that was not agreed upon',
      'notify_codec.c', '== NOTIFY_FRAME_RSV1 && cd->deflate',
      '== NOTIFY_FRAME_RSV1' ],

    [ 'deflate.t', '1002: RSV1 on a continuation',
      'notify_codec.c',
      '&& (opcode == NOTIFY_OP_TEXT || opcode == NOTIFY_OP_BINARY);',
      '&& opcode < 8;' ],

    [ 'deflate.t', '1002: RSV1 on a ping',
      'notify_codec.c',
      '&& (opcode == NOTIFY_OP_TEXT || opcode == NOTIFY_OP_BINARY);',
      '&& opcode != 0;' ],

    [ 'deflate.t', '1002: RSV1 and RSV2',
      'notify_codec.c', '(c & NOTIFY_CODEC_RSV) == NOTIFY_FRAME_RSV1',
      '(c & NOTIFY_FRAME_RSV1)' ],

    [ 'deflate.t', '1009: 4 MB in 4 KB, /ignore',
      'notify_deflate.c', 'more = (n > in->max - in->len);',
      'more = 0; in->max += n;' ],

    [ 'deflate.t', '1009: 4097 bytes, /relay',
      'notify_deflate.c', 'more = (n > in->max - in->len);',
      'more = 0; in->max += n;' ],

    [ 'deflate.t', '1009: 6209 bytes that are compressed, /ignore',
      'notify_codec.c', 'max = notify_codec_bound(max);',
      'max = UINT64_MAX;' ],

    [ 'deflate.t', '1007: what reaches back too far, /relay',
      'notify_deflate.c',
      'if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {',
      'if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return true;',
      'notify_deflate.c', 'if (in->z.total_in != 0
        &&', 'if (0
        &&' ],

    [ 'deflate.t', '1007: a message that is cut, /relay',
      'notify_deflate.c', 'if (in->z.total_in != 0
        &&', 'if (0
        &&' ],

    [ 'deflate.t', '1007: a text that is not UTF-8, /relay',
      'notify_deflate.c',
      'if (in->text && notify_utf8_feed(&in->utf8, to, n) != 0) {',
      'if (0) {' ],

    [ 'deflate.t', '1007: ... that is cut in a character, /relay',
      'notify_deflate.c', '&& !notify_utf8_done(&in.utf8))', '&& 0)' ],

    [ 'deflate.t', '1007: a text that is not UTF-8, /ignore',
      'ngx_http_notify_receive.c', '&& !ev->packed)', ')' ],

    [ 'deflate.t', 'notify_deflate off answers none',
      'ngx_http_notify_handshake.c', 'if (nlcf->deflate && !wish->deflate) {',
      'if (!wish->deflate) {' ],

    # --- bounds

    [ 'security.t', 'a user has so many sockets and no more',
      'notify_limit.c', 'if (look.oldest == NULL || look.n < limit->max) {',
      'if (1) {' ],

    [ 'security.t', 'a message of nothing but fragments ends',
      'notify_codec.c', '&& ++cd->empty > NOTIFY_EMPTY_FRAGMENTS_MAX)',
      '&& 0)' ],

    [ 'security.t', 'who sends more than it may is closed',
      'ngx_http_notify_receive.c',
      'if (ngx_http_notify_limit_heard(s) != NGX_OK) {', 'if (0) {' ],

    [ 'security.t', 'pings are counted, too',
      'ngx_http_notify_receive.c',
      'if (!closing && ngx_http_notify_limit_heard(s) != NGX_OK) {',
      'if (0) {' ],

    [ 'security.t', 'what the zone cannot hold reaches nobody',
      'ngx_http_notify_push.c', 'if (rc != 0) {
        return ngx_http_notify_push_failed(r, rc);', 'if (0) {
        return ngx_http_notify_push_failed(r, rc);' ],

    [ 'security.t', 'a worker keeps connections for the site',
      'ngx_http_notify_handshake.c', 'if (w->sockets >= w->sockets_max) {',
      'if (0) {' ],

    [ 'security.t', 'who does not answer a ping is dropped',
      'ngx_http_notify_ping.c', 'if (pinged) {', 'if (0) {' ],

    [ 'security.t', 'what waits for a peer that does not read is bounded',
      'ngx_http_notify_send.c',
      'if (o && o->first && length > max - ngx_min(o->bytes, max)) {',
      'if (0) {' ],

    [ 'slow-zone.t', 'beyond, one socket is closed',
      'notify_slow.c',
      'if (z->head->waiting <= z->head->size / 2) {', 'if (1) {' ],

    [ 'security.t', q{of each user's messages so many are kept},
      'notify_store.c', 'while (k->stored > count) {', 'while (0) {' ],

    # --- what is pushed

    [ 'push.t', 'any other type must be UTF-8',
      'ngx_http_notify_push.c', 'if (!ngx_http_notify_body_is_text(body)) {',
      'if (0) {' ],

    [ 'push.t', 'a body that is cut inside of a character is no UTF-8',
      'ngx_http_notify_push.c', 'return notify_utf8_done(&utf8);',
      'return 1;' ],

    [ 'security.t', 'a key of a push that came before, and another body',
      'notify_publish.c',
      'return notify_publish_same(z, pub, message) ? 0 : NOTIFY_OTHER;',
      'return 0;' ],

    [ 'security.t', 'a key of a push has a bound',
      'ngx_http_notify_push.c',
      '|| h->value.len > NGX_HTTP_NOTIFY_ONCE_MAX) {', ') {' ],

    # --- logs and JSON

    [ 'security.t', 'a user cannot write into the log',
      'ngx_http_notify_log.c',
      q{if (control || ch == '"' || ch == '\\\\') \{}, 'if (0) {' ],

    [ 'vars.t', 'a user does not end the header that names it',
      'ngx_http_notify_vars.c', 'if (control) {', 'if (0) {' ],

    [ 'security.t', 'nor what a header has to say',
      'ngx_http_notify_request.c', q{ngx_memset(p, '?', n);}, '' ],

    [ 'push.t', 'a user is escaped in the receipt',
      'notify_json.c', 'if (plain) {', 'if (1) {' ],

    [ 'security.t', 'nor end the JSON that tells its own socket whose it is',
      'notify_json.c', 'if (plain) {', 'if (1) {' ],

    [ 'security.t', 'what is no UTF-8 does not break the JSON of a refusal',
      'notify_json.c',
      'n = notify_json_readable(readable, sizeof(readable), text, n);',
      'memcpy(readable, text, n);' ],

    # --- other versions of the module

    [ 'foreign.t', 'sockets do not go to another version, but are drained',
      'notify_batch.c', '&& to->records == from->records', '' ],

    [ 'foreign.t', 'an heir of another version closes what it inherits',
      'ngx_http_notify_adopt.c',
      'if (layout != NOTIFY_RECORD_LAYOUT) {', 'if (0) {' ],

    [ 'foreign.t', 'a zone of another layout is left alone',
      'notify_zone.c', '|| head.layout != NOTIFY_LAYOUT', '' ],
);

my $top = NotifyEnv::top();
my $dir = NotifyEnv::work_dir();

check_page();

# Only some of them: perl t/security-mutants.t TITLE ...
if (my %only = map { $_ => 1 } @ARGV) {
    @MUTANTS = grep { $only{$_->[1]} } @MUTANTS;
}

check_tests();
check_mutants();

done_testing();


# The page's rows end with "file: title".
sub check_page {
    my $page = NotifyMutant::slurp("$top/docs/security.md");
    my %named = map { $_ => 1 }
                $page =~ /^\|.*\| (\w[\w-]*\.t: .*?) \|$/gm;
    my %mine = map { ("$_->[0]: $_->[1]" => 1) } @MUTANTS;

    is_deeply([ sort keys %named ], [ sort keys %mine ],
              'the page names the tests that are tried here');
}


# Runs some blocks of a file, and returns what it said.
sub try {
    my ($file, $objs, @titles) = @_;

    local %ENV = (%ENV, NOTIFY_TEST_OBJS => $objs,
                  NOTIFY_TEST_ONLY => join("\n", @titles),
                  NOTIFY_TEST_DIR => "$dir/t-$$");
    $ENV{NOTIFY_TEST_SRC} = "$objs/src" if -d "$objs/src";

    return scalar `cd $top && perl t/$file 2>&1`;
}


# With nothing changed each of them passes.
sub check_tests {
    my %titles;

    push @{ $titles{$_->[0]} }, $_->[1] for @MUTANTS;

    for my $file (sort keys %titles) {
        my $said = try($file, NotifyEnv::objs(), @{ $titles{$file} });

        is($?, 0, "$file passes") or diag($said);

        for my $title (@{ $titles{$file} }) {
            like($said, qr/^ok \d+ - .*\Q$title\E(?: - |$)/m,
                 "$file has: $title");
        }
    }
}


# Runs several at a time, since what fails often fails by waiting: each leaves
# what it has found in a file.
sub check_mutants {
    my $jobs = 2 * `getconf _NPROCESSORS_ONLN`;
    my @left = 0 .. $#MUTANTS;
    my %running;

    while (@left || %running) {

        if (@left && keys %running < $jobs) {
            my $n = pop @left;
            my $pid = fork() // die "fork: $!";

            if ($pid == 0) {
                POSIX::_exit(try_mutant($n));
            }
            $running{$pid} = $n;
            next;
        }

        my $pid = waitpid -1, 0;
        my $n = delete $running{$pid} // next;
        my ($file, $title) = @{ $MUTANTS[$n] };

        ok($? == 0, "without its check there fails $file: $title")
            or diag(NotifyMutant::slurp("$dir/$n.said"));
    }
}


# 0: the test failed, as it must.
sub try_mutant {
    my $n = shift;
    my ($file, $title, @changes) = @{ $MUTANTS[$n] };
    my (@list, $said);

    push @list, [ splice @changes, 0, 3 ] while @changes;

    my $fails = eval {
        my $objs = NotifyMutant::build("$dir/$n", @list);
        local $ENV{NOTIFY_TEST_TIMEOUT} = 2;
        $said = try($file, $objs, $title);

        # A script may have ended before it came to that.
        $? != 0 && ($said =~ /^not ok \d+ - .*\Q$title\E(?: - |$)/m
                    || $said !~ /^ok \d+ - .*\Q$title\E(?: - |$)/m);
    };
    $said .= $@ if $@;

    open my $out, '>', "$dir/$n.said" or return 1;
    print $out $said;
    close $out or return 1;

    return $fails ? 0 : 1;
}
