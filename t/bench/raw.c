
/*
 * The yardstick of the benchmarks: the least that a process can do to take
 * WebSockets and pushes.
 *
 *   raw PORT [USERS]
 *
 * One thread, one epoll, a plain send() for each socket that a message
 * reaches.  Answers the handshake, a push (POST /new/USER) and nothing else:
 * users are numbers, a request must arrive in one piece, a frame must fit
 * into the socket's buffer.  What a real server does beyond this is what its
 * ratio to this one shows.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "notify_upgrade.h"


#define EVENTS       256
#define ACCEPTS      64
#define PEERS        65536
#define REQUEST_MAX  65536
#define FRAME_HEAD   10


/* per descriptor; a user's sockets are a ring of descriptors, 0 ends it */
typedef struct {
    uint32_t    user;
    int32_t     next, prev;
} peer_t;


static int       listener, epoll;
static peer_t   *peers;                 /* by descriptor */
static int32_t  *users;                 /* first socket of each, or 0 */
static uint32_t  nusers;

/* the frame is built in front of the body, where the request's head was */
static uint8_t   request[REQUEST_MAX + 1];


static void
die(const char *text)
{
    fprintf(stderr, "raw: %s: %s\n", text, strerror(errno));
    exit(1);
}


static void
peer_add(int fd)
{
    struct epoll_event  ee;

    peers[fd].user = UINT32_MAX;

    ee.events = EPOLLIN|EPOLLRDHUP|EPOLLET;
    ee.data.fd = fd;

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ee) == -1) {
        die("epoll_ctl");
    }
}


static void
peer_join(int fd, uint32_t user)
{
    int32_t  first;

    first = users[user];

    peers[fd].user = user;
    peers[fd].prev = 0;
    peers[fd].next = first;

    if (first) {
        peers[first].prev = fd;
    }

    users[user] = fd;
}


static void
peer_close(int fd)
{
    peer_t  *p;

    p = &peers[fd];

    if (p->user != UINT32_MAX) {

        if (p->prev) {
            peers[p->prev].next = p->next;
        } else {
            users[p->user] = p->next;
        }

        if (p->next) {
            peers[p->next].prev = p->prev;
        }
    }

    close(fd);
}


static void
peers_accept(void)
{
    int  i, fd, one;

    one = 1;

    for (i = 0; i < ACCEPTS; i++) {

        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC);

        if (fd == -1) {
            return;
        }

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        peer_add(fd);
    }
}


static void
shake(int fd, const char *key, uint32_t user)
{
    int       n;
    char      text[NOTIFY_UPGRADE_KEY_LEN + sizeof(NOTIFY_UPGRADE_GUID)];
    char      answer[256];
    uint8_t   accept[NOTIFY_UPGRADE_ACCEPT_LEN];
    uint8_t   digest[SHA_DIGEST_LENGTH];

    memcpy(text, key, NOTIFY_UPGRADE_KEY_LEN);
    memcpy(text + NOTIFY_UPGRADE_KEY_LEN, NOTIFY_UPGRADE_GUID,
           sizeof(NOTIFY_UPGRADE_GUID));

    SHA1((uint8_t *) text, sizeof(text) - 1, digest);
    notify_upgrade_accept(accept, digest);

    n = sprintf(answer,
                "HTTP/1.1 101 Switching Protocols\r\n"
                "Upgrade: websocket\r\n"
                "Connection: Upgrade\r\n"
                "Sec-WebSocket-Accept: %.*s\r\n\r\n",
                NOTIFY_UPGRADE_ACCEPT_LEN, (char *) accept);

    peer_join(fd, user);

    if (send(fd, answer, (size_t) n, MSG_NOSIGNAL) != n) {
        peer_close(fd);
    }
}


static void
push(int fd, uint8_t *body, size_t length, uint32_t user)
{
    int       n, sockets;
    char      answer[128];
    int32_t   to, next;
    uint8_t  *frame;

    sockets = 0;

    if (length < 126) {
        frame = body - 2;
        frame[1] = (uint8_t) length;

    } else {
        frame = body - 4;
        frame[1] = 126;
        frame[2] = (uint8_t) (length >> 8);
        frame[3] = (uint8_t) length;
    }

    frame[0] = 0x81;
    length += (size_t) (body - frame);

    for (to = users[user]; to; to = next) {
        next = peers[to].next;

        if (send(to, frame, length, MSG_NOSIGNAL) == (ssize_t) length) {
            sockets++;

        } else {
            peer_close(to);
        }
    }

    n = sprintf(answer,
                "HTTP/1.1 200 OK\r\n"
                "Content-Length: 2\r\n"
                "Notify-Sockets: %d\r\n\r\n{}", sockets);

    if (send(fd, answer, (size_t) n, MSG_NOSIGNAL) != n) {
        peer_close(fd);
    }
}


/* a number after this text in the request's line, or UINT32_MAX */

static uint32_t
user_after(const char *text)
{
    char           *p;
    unsigned long   n;

    p = strstr((char *) request, text);

    if (p == NULL) {
        return UINT32_MAX;
    }

    n = strtoul(p + strlen(text), NULL, 10);

    return n < nusers ? (uint32_t) n : UINT32_MAX;
}


static void
peer_event(int fd)
{
    char      *key, *end;
    ssize_t    n;
    uint32_t   user;

    n = recv(fd, request, REQUEST_MAX, 0);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            peer_close(fd);
        }
        return;
    }

    if (peers[fd].user != UINT32_MAX) {
        return;                         /* a browser's pong */
    }

    request[n] = '\0';

    end = strstr((char *) request, "\r\n\r\n");

    if (end == NULL) {
        peer_close(fd);
        return;
    }

    end += 4;

    if (memcmp(request, "GET ", 4) == 0) {

        user = user_after("?user_id=");
        key = strcasestr((char *) request, "\r\nSec-WebSocket-Key: ");

        if (user != UINT32_MAX && key) {
            shake(fd, key + 21, user);
            return;
        }

    } else {
        user = user_after("POST /new/");

        if (user != UINT32_MAX) {
            push(fd, (uint8_t *) end,
                 (size_t) (request + n - (uint8_t *) end), user);
            return;
        }
    }

    peer_close(fd);
}


static void
start(int port, uint32_t n)
{
    int                  one;
    struct rlimit        rl;
    struct sockaddr_in   sin;

    one = 1;

    if (getrlimit(RLIMIT_NOFILE, &rl) == -1) {
        die("getrlimit");
    }

    rl.rlim_cur = rl.rlim_max < PEERS ? rl.rlim_max : PEERS;
    (void) setrlimit(RLIMIT_NOFILE, &rl);

    /* what is touched is what is counted */

    (void) prctl(PR_SET_THP_DISABLE, 1UL, 0UL, 0UL, 0UL);

    nusers = n;
    peers = calloc(rl.rlim_cur, sizeof(peer_t));
    users = calloc(n, sizeof(int32_t));

    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (peers == NULL || users == NULL || epoll == -1 || listener == -1) {
        die("start");
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sin.sin_port = htons((uint16_t) port);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));

    if (bind(listener, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(listener, 4096) == -1)
    {
        die("listen");
    }
}


int
main(int argc, char **argv)
{
    int                  i, n;
    struct epoll_event   ee, events[EVENTS];

    if (argc < 2) {
        fprintf(stderr, "usage: raw PORT [USERS]\n");
        return 2;
    }

    start(atoi(argv[1]), argc > 2 ? (uint32_t) atoi(argv[2]) : 1000000);

    ee.events = EPOLLIN;
    ee.data.fd = listener;

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ee) == -1) {
        die("epoll_ctl");
    }

    for ( ;; ) {

        n = epoll_wait(epoll, events, EVENTS, -1);

        for (i = 0; i < n; i++) {

            if (events[i].data.fd == listener) {
                peers_accept();
            } else {
                peer_event(events[i].data.fd);
            }
        }
    }
}
