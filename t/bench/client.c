
/*
 * The load of the benchmarks: many WebSockets, and a few keep-alive HTTP
 * connections that push, in one process and one thread.
 *
 * Reads commands, a line each, "word key=value ...", and answers every one
 * with a line of JSON.  Everything goes to 127.0.0.1; the sockets come from
 * 127.0.0.1 to 127.0.0.8, so that the ports suffice.  In path, before and
 * after, %u stands for the user, a number.
 *
 *   open port= path= n= first= same= window= reconnect=
 *       opens n sockets more, of the users first, first + 1, ..., or all of
 *       first when same is 1; window are in their handshake at once.
 *       reconnect: a socket that has been refused or closed is opened again
 *       after 1 to so many milliseconds, at most 1000; 0: never
 *   push port= path= method= size= conns= users= first= expect=
 *        count= ms= rate= ahead= retry= spin= before= after=
 *       pushes messages of size bytes to random users among users, over conns
 *       connections with one request in flight on each, until there have been
 *       count pushes or ms milliseconds have passed.  expect: how many
 *       sockets each message must reach.  rate: pushes a second, 0 is as fast
 *       as it goes, while at most ahead messages are on their way to sockets.
 *       retry: milliseconds after which a push that was not accepted is tried
 *       again, or -1.  spin: 1 to stay awake, since a server pays for waking
 *       its client, and the more the slower it is itself; and for a client
 *       that asks without a pause, which has the lock of its epoll all the time
 *   close
 *       closes all sockets
 *
 * A message starts with twelve letters that say which push it belongs to, so
 * that latencies are taken from when the push was due, and every message is
 * accounted for.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>


#define STAMP        12                 /* letters: run and number, in hex */
#define HEAD_MAX     (10 + STAMP)
#define ANSWER_MAX   4096
#define EVENTS       256
#define SOURCES      8
#define SOCKETS      65536
#define SLOTS        1024               /* ms */

#define MS           INT64_C(1000000)
#define SECOND       (1000 * MS)
#define GRACE        (10 * SECOND)       /* nothing moves: it has ended */
#define PAUSE        (MS / 50)


typedef enum {
    DOWN = 0,
    CONNECTING,
    SHAKING,                            /* sent, waiting for the 101 */
    UP,                                 /* a socket; a free connection */
    BUSY                                /* a connection with a request */
} state_e;


/* what epoll points to; type tells which of the two it is */
typedef struct {
    int             fd;                 /* -1: none */
    bool            is_socket;
    uint8_t         state;              /* state_e */
} peer_t;


typedef struct socket_s  socket_t;

struct socket_s {
    peer_t          peer;
    uint32_t        user;
    uint8_t         matched;            /* of the blank line */
    uint8_t         nhead;
    uint8_t         head[HEAD_MAX];     /* of a frame, or of the answer */
    uint64_t        left;               /* payload to skip */
    int64_t         since;              /* DOWN: when it was closed, ns */
    socket_t       *next;               /* DOWN: in the same slot */
};


typedef struct {
    peer_t          peer;
    uint32_t        push;               /* BUSY: index of it */
    size_t          nout, sent;
    size_t          nin;
    char           *out;
    char            in[ANSWER_MAX + 1];
} conn_t;


typedef struct {
    int64_t         due;                /* latencies start here */
    int64_t         again;              /* when to try it again */
    uint32_t        user;
    uint32_t        got;                /* sockets it has reached */
    uint32_t        next;               /* in the queue of retries */
    bool            accepted;
} push_t;


typedef struct {
    int64_t        *ns;
    size_t          n, size;
} samples_t;


static struct {
    int             epoll;
    unsigned        run;                /* stamps of other runs are stale */

    /* the command and its options */
    char            line[4096];
    const char     *path, *method, *before, *after;
    int             port;
    int64_t         size, count, rate, expect, retry, users, first;

    /* sockets */
    socket_t       *sockets;            /* they do not move: max there are */
    uint32_t        nsockets, max;
    uint32_t        opening;            /* CONNECTING or SHAKING */
    uint32_t        up;
    int             socket_port;
    char            socket_path[256];
    uint64_t        reconnect;          /* ms, or 0 */
    socket_t       *slots[SLOTS];       /* DOWN ones, by the ms they wait for */
    int64_t         slot;               /* ms: those up to it are empty */
    uint32_t        waiting;            /* sockets in slots */
    uint64_t        refused, closed;
    int64_t         down_sum, down_max;

    /* pushes */
    conn_t         *conns;
    uint32_t        nconns;
    push_t         *pushes;
    uint32_t        npushes, pushes_size;
    uint32_t        sent;               /* pushes that were tried once */
    uint32_t        retry_first, retry_last;    /* index + 1, 0: none */
    int64_t         started, stop;      /* ns; no new push from stop on */
    int64_t         ahead;
    uint64_t        accepted, given_up, retries;
    uint64_t        deliveries;
    int64_t         last_answer, last_delivery, last_move;
    samples_t       answers, latencies;
    uint64_t        random;
} bench;


static uint8_t  buffer[65536];


static void conn_next(conn_t *c);


static int64_t
now_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * SECOND + ts.tv_nsec;
}


static void
die(const char *text)
{
    fprintf(stderr, "client: %s: %s\n", text, strerror(errno));
    exit(1);
}


static void *
grown(void *p, size_t bytes)
{
    p = realloc(p, bytes);

    if (p == NULL) {
        die("memory");
    }

    return p;
}


static uint64_t
random_next(void)
{
    bench.random ^= bench.random << 13;
    bench.random ^= bench.random >> 7;
    bench.random ^= bench.random << 17;

    return bench.random;
}


/* the text with %u replaced; cut at size */

static size_t
put_user(char *out, size_t size, const char *text, uint32_t user)
{
    size_t  n;

    n = 0;

    while (*text && n + 12 < size) {

        if (text[0] == '%' && text[1] == 'u') {
            n += (size_t) sprintf(out + n, "%" PRIu32, user);
            text += 2;

        } else {
            out[n++] = *text++;
        }
    }

    out[n] = '\0';

    return n;
}


/* --- samples */

static void
sample(samples_t *s, int64_t ns)
{
    if (s->n == s->size) {
        s->size = s->size ? s->size * 2 : 4096;
        s->ns = grown(s->ns, s->size * sizeof(int64_t));
    }

    s->ns[s->n++] = ns;
}


static int
compare(const void *a, const void *b)
{
    int64_t  x, y;

    x = *(const int64_t *) a;
    y = *(const int64_t *) b;

    return (x > y) - (x < y);
}


/* prints [p50, p99, max] in microseconds, or null */

static void
print_samples(const char *name, samples_t *s)
{
    if (s->n == 0) {
        printf(", \"%s\": null", name);
        return;
    }

    qsort(s->ns, s->n, sizeof(int64_t), compare);

    printf(", \"%s\": [%.1f, %.1f, %.1f]", name,
           (double) s->ns[s->n / 2] / 1e3,
           (double) s->ns[s->n - 1 - s->n / 100] / 1e3,
           (double) s->ns[s->n - 1] / 1e3);
}


/* --- what sockets and connections share */

static void
watch(peer_t *peer, int op, uint32_t events)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.ptr = peer;

    if (epoll_ctl(bench.epoll, op, peer->fd, &ee) == -1) {
        die("epoll_ctl");
    }
}


/* false: nobody listens, errno says why */

static bool
peer_connect(peer_t *peer, int port, uint32_t source)
{
    int                 one, rc;
    struct sockaddr_in  sin;

    one = 1;

    peer->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);
    if (peer->fd == -1) {
        die("socket");
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;

    if (source) {
        setsockopt(peer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
                   sizeof(one));

        sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);

        if (bind(peer->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
            die("bind");
        }
    }

    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sin.sin_port = htons((uint16_t) port);

    rc = connect(peer->fd, (struct sockaddr *) &sin, sizeof(sin));

    if (rc == -1 && errno != EINPROGRESS) {
        close(peer->fd);
        peer->fd = -1;
        return false;
    }

    peer->state = CONNECTING;
    watch(peer, EPOLL_CTL_ADD, EPOLLOUT);

    return true;
}


static void
peer_close(peer_t *peer)
{
    if (peer->fd != -1) {
        close(peer->fd);
        peer->fd = -1;
    }

    peer->state = DOWN;
}


/* --- sockets */

static void
socket_down(socket_t *s)
{
    socket_t  **slot;

    if (s->peer.state == UP) {
        bench.up--;
        bench.closed++;
        s->since = now_ns();

    } else if (s->peer.state != DOWN) {
        bench.opening--;
        bench.refused++;
    }

    peer_close(&s->peer);

    if (bench.reconnect == 0) {
        return;
    }

    slot = &bench.slots[(uint64_t) (now_ns() / MS) % SLOTS];
    slot += 1 + random_next() % bench.reconnect;

    if (slot >= bench.slots + SLOTS) {
        slot -= SLOTS;
    }

    s->next = *slot;
    *slot = s;
    bench.waiting++;
}


static void
socket_open(socket_t *s)
{
    s->matched = 0;
    s->nhead = 0;
    s->left = 0;

    if (!peer_connect(&s->peer, bench.socket_port,
                      (uint32_t) (s - bench.sockets) % SOURCES))
    {
        socket_down(s);
        return;
    }

    bench.opening++;
}


/* what a browser sends, about 490 bytes */

static void
socket_shake(socket_t *s)
{
    int   n;
    char  path[512], request[1024];

    put_user(path, sizeof(path), bench.socket_path, s->user);

    n = snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\n"
                 "Host: 127.0.0.1:%d\r\n"
                 "Connection: Upgrade\r\n"
                 "Pragma: no-cache\r\n"
                 "Cache-Control: no-cache\r\n"
                 "User-Agent: Mozilla/5.0 (X11; Linux x86_64) "
                 "AppleWebKit/537.36 (KHTML, like Gecko) "
                 "Chrome/120.0.0.0 Safari/537.36\r\n"
                 "Upgrade: websocket\r\n"
                 "Origin: http://127.0.0.1:%d\r\n"
                 "Sec-WebSocket-Version: 13\r\n"
                 "Accept-Language: en-US,en;q=0.9\r\n"
                 "Cookie: sessionid=0123456789abcdef0123456789abcdef\r\n"
                 "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n",
                 path, bench.socket_port, bench.socket_port);

    if (send(s->peer.fd, request, (size_t) n, MSG_NOSIGNAL) != n) {
        socket_down(s);
        return;
    }

    s->peer.state = SHAKING;
    watch(&s->peer, EPOLL_CTL_MOD, EPOLLIN);
}


/* returns what follows the answer's head, or NULL: no 101, or not yet */

static const uint8_t *
socket_answer(socket_t *s, const uint8_t *p, const uint8_t *end)
{
    int64_t  down;

    static const char  good[] = "HTTP/1.1 101";

    while (p < end && s->matched < 4) {

        if (s->nhead < sizeof(good) - 1) {
            s->head[s->nhead++] = *p;
        }

        if (*p == '\r') {
            s->matched = s->matched == 2 ? 3 : 1;
        } else if (*p == '\n') {
            s->matched = s->matched & 1 ? s->matched + 1 : 0;
        } else {
            s->matched = 0;
        }

        p++;
    }

    if (s->matched < 4) {
        return NULL;
    }

    if (memcmp(s->head, good, sizeof(good) - 1) != 0) {
        socket_down(s);
        return NULL;
    }

    s->nhead = 0;
    s->peer.state = UP;
    bench.opening--;
    bench.up++;
    bench.last_move = now_ns();

    if (s->since) {
        down = bench.last_move - s->since;
        bench.down_sum += down;

        if (down > bench.down_max) {
            bench.down_max = down;
        }

        s->since = 0;
    }

    return p;
}


/* how many bytes of head the frame must have: header, then the stamp */

static unsigned
head_need(const socket_t *s, uint64_t *length)
{
    unsigned  i, n;

    if (s->nhead < 2) {
        return 2;
    }

    *length = s->head[1] & 0x7f;
    n = *length == 126 ? 4 : *length == 127 ? 10 : 2;

    if (s->nhead < n) {
        return n;
    }

    if (n > 2) {
        *length = 0;

        for (i = 2; i < n; i++) {
            *length = *length << 8 | s->head[i];
        }
    }

    return n + (unsigned) (*length < STAMP ? *length : STAMP);
}


static unsigned
hex(const uint8_t *p, unsigned n)
{
    unsigned  v;

    v = 0;

    while (n--) {
        v = v << 4 | (unsigned) (isdigit(*p) ? *p - '0' : *p - 'a' + 10);
        p++;
    }

    return v;
}


static void
delivered(const uint8_t *stamp, int64_t now)
{
    unsigned  n;

    n = hex(stamp + 4, 8);

    if (hex(stamp, 4) != bench.run || n >= bench.npushes) {
        return;
    }

    bench.pushes[n].got++;
    bench.deliveries++;
    bench.last_delivery = now;
    bench.last_move = now;
    sample(&bench.latencies, now - bench.pushes[n].due);
}


/* a control frame is answered as RFC 6455, 5.5 wants, masked with zeroes */

static bool
socket_control(socket_t *s, unsigned n)
{
    size_t   length;
    uint8_t  frame[6 + STAMP], *payload;

    length = s->head[1] & 0x7f;
    payload = &s->head[2];

    if (length > STAMP) {
        length = 0;                     /* the rest of it is skipped */
    }

    if (n == 0x8) {
        length = 0;

    } else if (n != 0x9) {
        return true;
    }

    memset(frame, 0, sizeof(frame));
    frame[0] = n == 0x8 ? 0x88 : 0x8a;
    frame[1] = (uint8_t) (0x80 | length);
    memcpy(&frame[6], payload, length);

    (void) send(s->peer.fd, frame, 6 + length, MSG_NOSIGNAL);

    if (n == 0x8) {
        socket_down(s);
        return false;
    }

    return true;
}


static void
socket_frames(socket_t *s, const uint8_t *p, const uint8_t *end)
{
    size_t    n;
    int64_t   now;
    unsigned  need, opcode;
    uint64_t  length;

    now = now_ns();
    length = 0;

    for ( ;; ) {

        if (s->left) {
            n = (size_t) (end - p);
            n = s->left < n ? (size_t) s->left : n;
            s->left -= n;
            p += n;
        }

        while ((need = head_need(s, &length)) > s->nhead) {

            if (p == end) {
                return;
            }

            s->head[s->nhead++] = *p++;
        }

        opcode = s->head[0] & 0xf;
        s->nhead = 0;
        s->left = length > STAMP ? length - STAMP : 0;

        if (opcode >= 0x8) {
            if (!socket_control(s, opcode)) {
                return;
            }

        } else if (length >= STAMP) {
            delivered(&s->head[need - STAMP], now);
        }
    }
}


static void
socket_event(socket_t *s, uint32_t events)
{
    ssize_t         n;
    const uint8_t  *p;

    if (s->peer.state == CONNECTING) {

        if (events & (EPOLLERR|EPOLLHUP)) {
            socket_down(s);
            return;
        }

        socket_shake(s);
        return;
    }

    n = recv(s->peer.fd, buffer, sizeof(buffer), 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        socket_down(s);
        return;
    }

    p = buffer;

    if (s->peer.state == SHAKING) {
        p = socket_answer(s, p, buffer + n);
        if (p == NULL) {
            return;
        }
    }

    socket_frames(s, p, buffer + n);
}


/* --- pushes */

static uint32_t
push_new(int64_t due)
{
    push_t  *push;

    if (bench.npushes == bench.pushes_size) {
        bench.pushes_size = bench.pushes_size ? bench.pushes_size * 2 : 4096;
        bench.pushes = grown(bench.pushes,
                             bench.pushes_size * sizeof(push_t));
    }

    push = &bench.pushes[bench.npushes];

    push->due = due;
    push->again = 0;
    push->user = (uint32_t) (bench.first
                             + (int64_t) (random_next()
                                          % (uint64_t) bench.users));
    push->got = 0;
    push->next = 0;
    push->accepted = false;

    return bench.npushes++;
}


/* not accepted, or nobody knows: tried again, as long as retry allows */

static void
push_failed(uint32_t n)
{
    bench.last_move = now_ns();

    if (bench.retry < 0) {
        bench.given_up++;
        return;
    }

    bench.retries++;
    bench.pushes[n].again = bench.last_move + bench.retry;
    bench.pushes[n].next = 0;

    if (bench.retry_last) {
        bench.pushes[bench.retry_last - 1].next = n + 1;
    } else {
        bench.retry_first = n + 1;
    }

    bench.retry_last = n + 1;
}


static void
conn_failed(conn_t *c)
{
    bool  busy;

    busy = c->peer.state == BUSY || c->peer.state == CONNECTING;
    peer_close(&c->peer);

    if (busy) {
        push_failed(c->push);
    }
}


static void
conn_write(conn_t *c)
{
    ssize_t  n;

    n = send(c->peer.fd, c->out + c->sent, c->nout - c->sent, MSG_NOSIGNAL);

    if (n == -1 && errno != EAGAIN) {
        conn_failed(c);
        return;
    }

    if (n > 0) {
        c->sent += (size_t) n;
    }

    if (c->sent < c->nout) {
        watch(&c->peer, EPOLL_CTL_MOD, EPOLLIN|EPOLLOUT);
    }
}


static void
conn_request(conn_t *c, uint32_t n)
{
    int     length;
    char    path[512], before[512], after[512], head[128];
    size_t  nbefore, nafter;
    push_t  *push;

    push = &bench.pushes[n];

    c->push = n;
    c->nin = 0;
    c->sent = 0;

    put_user(path, sizeof(path), bench.path, push->user);
    nbefore = put_user(before, sizeof(before), bench.before, push->user);
    nafter = put_user(after, sizeof(after), bench.after, push->user);

    head[0] = '\0';

    if (bench.size > 0) {
        snprintf(head, sizeof(head),
                 "Content-Type: text/plain\r\nContent-Length: %zu\r\n",
                 nbefore + (size_t) bench.size + nafter);
    }

    length = sprintf(c->out,
                     "%s %s HTTP/1.1\r\n"
                     "Host: 127.0.0.1:%d\r\n"
                     "User-Agent: python-requests/2.28.1\r\n"
                     "Accept: */*\r\n%s\r\n%s",
                     bench.method, path, bench.port, head, before);

    memset(c->out + length, 'x', (size_t) bench.size);

    if (bench.size >= STAMP) {
        snprintf(head, sizeof(head), "%04x%08x", bench.run, n);
        memcpy(c->out + length, head, STAMP);
    }

    memcpy(c->out + length + bench.size, after, nafter);
    c->nout = (size_t) length + (size_t) bench.size + nafter;

    if (c->peer.state == UP) {
        c->peer.state = BUSY;
        conn_write(c);
        return;
    }

    if (!peer_connect(&c->peer, bench.port, 0)) {
        push_failed(n);
    }
}


/* 0: not all there, 1: accepted, -1: not accepted, or not understood */

static int
conn_answer(conn_t *c, bool *keep)
{
    char    *body, *field;
    size_t   length;

    c->in[c->nin] = '\0';

    body = strstr(c->in, "\r\n\r\n");
    if (body == NULL) {
        return 0;
    }

    body += 4;
    length = c->nin - (size_t) (body - c->in);

    field = strcasestr(c->in, "\r\nContent-Length:");

    if (field && field < body) {
        if (length < strtoul(field + 17, NULL, 10)) {
            return 0;
        }

    } else if (strcasestr(c->in, "\r\nTransfer-Encoding: chunked")) {
        if (length < 5 || memcmp(c->in + c->nin - 5, "0\r\n\r\n", 5) != 0) {
            return 0;
        }
    }

    field = strcasestr(c->in, "\r\nConnection: close");
    *keep = field == NULL || field > body;

    return memcmp(c->in, "HTTP/1.1 2", 10) == 0 ? 1 : -1;
}


static void
conn_event(conn_t *c, uint32_t events)
{
    int       rc;
    bool      keep;
    ssize_t   n;
    int64_t   now;

    if (c->peer.state == CONNECTING) {

        if (events & (EPOLLERR|EPOLLHUP)) {
            conn_failed(c);
            return;
        }

        c->peer.state = BUSY;
        watch(&c->peer, EPOLL_CTL_MOD, EPOLLIN);
        conn_write(c);
        return;
    }

    if (events & EPOLLOUT) {
        watch(&c->peer, EPOLL_CTL_MOD, EPOLLIN);
        conn_write(c);
        return;
    }

    n = recv(c->peer.fd, c->in + c->nin, ANSWER_MAX - c->nin, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        conn_failed(c);
        return;
    }

    c->nin += (size_t) n;

    rc = conn_answer(c, &keep);

    if (rc == 0) {
        if (c->nin == ANSWER_MAX) {
            conn_failed(c);
        }
        return;
    }

    c->peer.state = UP;

    if (!keep) {
        peer_close(&c->peer);
    }

    if (rc == -1) {
        push_failed(c->push);
        return;
    }

    now = now_ns();

    sample(&bench.answers, now - bench.pushes[c->push].due);
    bench.pushes[c->push].accepted = true;
    bench.accepted++;
    bench.last_answer = now;
    bench.last_move = now;

    conn_next(c);
}


/* may there be one more push, now or at all? */

static bool
push_wanted(int64_t now, bool at_all)
{
    if (bench.npushes >= bench.count || now >= bench.stop) {
        return false;
    }

    return at_all
           || (int64_t) bench.npushes * bench.expect
              - (int64_t) bench.deliveries < bench.ahead;
}


/* what is to be sent now: an index, or -1 */

static int64_t
push_take(int64_t now)
{
    uint32_t  n;

    n = bench.retry_first;

    if (n && now >= bench.pushes[n - 1].again) {

        bench.retry_first = bench.pushes[n - 1].next;

        if (bench.retry_first == 0) {
            bench.retry_last = 0;
        }

        return n - 1;
    }

    if (bench.rate == 0 && push_wanted(now, false)) {
        (void) push_new(now);
    }

    if (bench.sent == bench.npushes) {
        return -1;
    }

    return bench.sent++;
}


static void
conn_next(conn_t *c)
{
    int64_t  n;

    n = push_take(now_ns());

    if (n >= 0) {
        conn_request(c, (uint32_t) n);
    }
}


/* --- the loop */

/* the time of the next thing to do that no event will tell of, or < 0 */

static int64_t
next_time(void)
{
    int64_t  t;

    t = -1;

    if (bench.waiting) {
        t = (bench.slot + 1) * MS;
    }

    if (bench.retry_first
        && (t < 0 || bench.pushes[bench.retry_first - 1].again < t))
    {
        t = bench.pushes[bench.retry_first - 1].again;
    }

    return t;
}


static void
reopen(int64_t now)
{
    int64_t    ms;
    socket_t  *s, **slot;

    for (ms = now / MS; bench.waiting && bench.slot < ms; bench.slot++) {

        slot = &bench.slots[(uint64_t) (bench.slot + 1) % SLOTS];

        while ((s = *slot) != NULL) {
            *slot = s->next;
            bench.waiting--;
            socket_open(s);
        }
    }

    bench.slot = ms;
}


/* waits for events until then (ns, monotonic), and handles them */

static void
turn(int64_t until)
{
    int                 i, n;
    peer_t             *peer;
    int64_t             t, left;
    struct timespec     ts;
    struct epoll_event  events[EVENTS];

    t = next_time();

    if (t >= 0 && t < until) {
        until = t;
    }

    left = until - now_ns();
    left = left < 0 ? 0 : left;

    ts.tv_sec = left / SECOND;
    ts.tv_nsec = left % SECOND;

    n = epoll_pwait2(bench.epoll, events, EVENTS, &ts, NULL);

    if (n == -1 && errno != EINTR) {
        die("epoll_pwait2");
    }

    for (i = 0; i < n; i++) {
        peer = events[i].data.ptr;

        if (peer->fd == -1) {
            continue;
        }

        if (peer->is_socket) {
            socket_event((socket_t *) peer, events[i].events);
        } else {
            conn_event((conn_t *) peer, events[i].events);
        }
    }

    reopen(now_ns());
}


/* --- commands */

static const char *
option(const char *name, const char *otherwise)
{
    char    *p;
    size_t   n;

    n = strlen(name);

    /* the line's spaces are zeroes by now, and it ends with two */

    for (p = bench.line; *p; p += strlen(p) + 1) {
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            return p + n + 1;
        }
    }

    return otherwise;
}


static int64_t
number(const char *name, int64_t otherwise)
{
    const char  *p;

    p = option(name, NULL);

    return p ? strtoll(p, NULL, 10) : otherwise;
}


static void
command_close(void)
{
    uint32_t  i;

    bench.reconnect = 0;
    bench.waiting = 0;
    memset(bench.slots, 0, sizeof(bench.slots));

    for (i = 0; i < bench.nsockets; i++) {
        peer_close(&bench.sockets[i].peer);
    }

    memset(bench.sockets, 0, bench.nsockets * sizeof(socket_t));
    bench.nsockets = 0;
    bench.up = 0;
    bench.opening = 0;

    printf("{}\n");
}


static void
command_open(void)
{
    bool      same;
    int64_t   started;
    uint32_t  i, n, first, window, before;

    n = (uint32_t) number("n", 1);
    first = (uint32_t) number("first", 0);
    same = number("same", 0) != 0;
    window = (uint32_t) number("window", 128);

    bench.socket_port = (int) number("port", 80);
    snprintf(bench.socket_path, sizeof(bench.socket_path), "%s",
             option("path", "/"));

    bench.refused = 0;
    bench.reconnect = (uint64_t) number("reconnect", 0);

    if (bench.reconnect > SECOND / MS) {
        bench.reconnect = SECOND / MS;
    }

    if (n > bench.max - bench.nsockets) {
        n = bench.max - bench.nsockets;
    }

    i = bench.nsockets;
    bench.nsockets += n;

    before = bench.up;
    started = now_ns();
    bench.last_move = started;

    while (bench.up < before + n
           && (bench.reconnect || bench.up + bench.refused < before + n)
           && now_ns() - bench.last_move < GRACE)
    {
        while (i < bench.nsockets && bench.opening < window) {
            bench.sockets[i].peer.is_socket = true;
            bench.sockets[i].user = first;
            socket_open(&bench.sockets[i++]);

            first += same ? 0 : 1;
        }

        turn(now_ns() + GRACE);
    }

    printf("{\"open\": %" PRIu32 ", \"refused\": %" PRIu64
           ", \"seconds\": %.6f}\n",
           bench.up - before, bench.refused,
           (double) (bench.last_move - started) / 1e9);
}


static void
conns_open(uint32_t n)
{
    uint32_t  i;

    bench.nconns = n;
    bench.conns = grown(NULL, n * sizeof(conn_t));
    memset(bench.conns, 0, n * sizeof(conn_t));

    for (i = 0; i < n; i++) {
        bench.conns[i].peer.fd = -1;
        bench.conns[i].out = grown(NULL, 4096 + (size_t) bench.size);
    }
}


static void
conns_close(void)
{
    uint32_t  i;

    for (i = 0; i < bench.nconns; i++) {
        peer_close(&bench.conns[i].peer);
        free(bench.conns[i].out);
    }

    free(bench.conns);
    bench.conns = NULL;
    bench.nconns = 0;
}


static void
push_start(void)
{
    bench.run = (bench.run + 1) & 0xffff;
    bench.npushes = 0;
    bench.sent = 0;
    bench.retry_first = 0;
    bench.retry_last = 0;
    bench.accepted = 0;
    bench.given_up = 0;
    bench.retries = 0;
    bench.deliveries = 0;
    bench.closed = 0;
    bench.refused = 0;
    bench.down_sum = 0;
    bench.down_max = 0;
    bench.answers.n = 0;
    bench.latencies.n = 0;

    bench.started = now_ns();
    bench.last_move = bench.started;
    bench.last_answer = bench.started;
    bench.last_delivery = bench.started;
}


static bool
push_ended(int64_t now)
{
    if (push_wanted(now, true)) {
        return bench.rate == 0 && now - bench.last_move > GRACE;
    }

    if (bench.accepted + bench.given_up == bench.npushes
        && bench.deliveries >= bench.accepted * (uint64_t) bench.expect
        && (bench.reconnect == 0 || bench.up == bench.nsockets))
    {
        return true;
    }

    return now - bench.last_move > GRACE;
}


static void
push_report(void)
{
    int64_t   now, down;
    uint32_t  i;
    uint64_t  missing, repeated, down_now;

    now = now_ns();
    missing = 0;
    repeated = 0;
    down_now = 0;

    for (i = 0; i < bench.npushes; i++) {

        if (bench.pushes[i].got > bench.expect) {
            repeated += bench.pushes[i].got - (uint64_t) bench.expect;

        } else if (bench.pushes[i].accepted) {
            missing += (uint64_t) bench.expect - bench.pushes[i].got;
        }
    }

    for (i = 0; i < bench.nsockets; i++) {

        if (bench.sockets[i].since) {
            down_now++;
            down = now - bench.sockets[i].since;
            bench.down_sum += down;
            bench.down_max = down > bench.down_max ? down : bench.down_max;
        }
    }

    printf("{\"pushes\": %" PRIu32 ", \"accepted\": %" PRIu64
           ", \"failed\": %" PRIu64 ", \"retries\": %" PRIu64
           ", \"seconds\": %.6f, \"deliveries\": %" PRIu64
           ", \"delivery_seconds\": %.6f, \"missing\": %" PRIu64
           ", \"repeated\": %" PRIu64 ", \"closed\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"down_now\": %" PRIu64
           ", \"down_seconds\": %.6f, \"down_longest\": %.6f",
           bench.npushes, bench.accepted, bench.given_up, bench.retries,
           (double) (bench.last_answer - bench.started) / 1e9,
           bench.deliveries,
           (double) (bench.last_delivery - bench.started) / 1e9,
           missing, repeated, bench.closed, bench.refused, down_now,
           (double) bench.down_sum / 1e9, (double) bench.down_max / 1e9);

    print_samples("answer_us", &bench.answers);
    print_samples("delivery_us", &bench.latencies);

    printf("}\n");
}


static void
command_push(void)
{
    bool      spin;
    int64_t   now, due, step, until;
    uint32_t  i;

    bench.port = (int) number("port", 80);
    bench.path = option("path", "/");
    bench.method = option("method", "POST");
    bench.before = option("before", "");
    bench.after = option("after", "");
    bench.size = number("size", 0);
    bench.users = number("users", 1);
    bench.first = number("first", 0);
    bench.expect = number("expect", 0);
    bench.ahead = number("ahead", INT64_MAX);
    bench.count = number("count", UINT32_MAX);
    bench.rate = number("rate", 0);
    spin = number("spin", 0) != 0;
    bench.retry = number("retry", -1);
    bench.retry = bench.retry < 0 ? -1 : bench.retry * MS;

    conns_open((uint32_t) number("conns", 1));
    push_start();

    bench.stop = bench.started + number("ms", 1000000000) * MS;
    step = bench.rate ? SECOND / bench.rate : 0;
    due = bench.started;

    for (now = bench.started; !push_ended(now); now = now_ns()) {

        until = now + GRACE;

        if (spin) {
            until = now + PAUSE;

            while (now < until) {
                now = now_ns();
            }
        }

        if (bench.rate) {
            while (due <= now && push_wanted(due, true)) {
                (void) push_new(due);
                due += step;
            }

            if (push_wanted(due, true)) {
                until = due;
            }
        }

        for (i = 0; i < bench.nconns; i++) {
            if (bench.conns[i].peer.state == UP
                || bench.conns[i].peer.state == DOWN)
            {
                conn_next(&bench.conns[i]);
            }
        }

        turn(until);
    }

    conns_close();
    push_report();
}


int
main(void)
{
    char           *p;
    struct rlimit   rl;

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);

    if (getrlimit(RLIMIT_NOFILE, &rl) == -1) {
        die("getrlimit");
    }

    rl.rlim_cur = rl.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &rl);

    bench.max = rl.rlim_max < SOCKETS ? (uint32_t) rl.rlim_max : SOCKETS;
    bench.sockets = calloc(bench.max, sizeof(socket_t));

    if (bench.sockets == NULL) {
        die("memory");
    }

    bench.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (bench.epoll == -1) {
        die("epoll_create1");
    }

    bench.random = (uint64_t) now_ns() | 1;
    bench.slot = now_ns() / MS;

    while (fgets(bench.line, sizeof(bench.line) - 1, stdin)) {

        bench.line[strcspn(bench.line, "\n")] = '\0';
        bench.line[strlen(bench.line) + 1] = '\0';

        for (p = bench.line; *p; p++) {
            if (*p == ' ') {
                *p = '\0';
            }
        }

        if (strcmp(bench.line, "open") == 0) {
            command_open();
        } else if (strcmp(bench.line, "push") == 0) {
            command_push();
        } else if (strcmp(bench.line, "close") == 0) {
            command_close();
        } else {
            fprintf(stderr, "client: unknown command \"%s\"\n", bench.line);
            return 2;
        }
    }

    return 0;
}
