#!/usr/bin/python3
"""Clients that come and go, and the proof that none of them misses anything.

    lossless.py --port P --seed N --clients 500 --users 250 --hot 20
                --rate 500 --pushes 30000

Client c listens to user c modulo users, speaks notify.v1, and remembers the
last id that it has.  It stays for a while; then it closes politely, cuts the
connection, or vanishes without a word, as a phone does that loses its network;
sleeps; and resumes with its last id.  So it does when the server closes.

Pushes are numbered and carry an Idempotency-Key.  A push without an answer is
repeated until it has one, so that in the end it is known of each whether it
was accepted, once, and under which id; some give up on their answer early.  The
hot users get so many that their
clients often sleep longer than the history lasts; their pushes are long, and
every third client is lazy: it stops reading at times, with a small buffer, so
that nginx has to go back to the history for it.

It speaks with who started it, by lines:

    out   open         all clients have been connected
    in    tick         how far is it?
    out   tick         one more in TICKS of the pushes has been answered
    out   {...}        the account, when all is over; "errors" is empty if each
                       client has exactly what the model says

The model: the pushes of each user by id, which is the order of delivery.  A
client has each message between its first hello and the end, once and in order,
but for those that a gap has announced.  A gap is right if the message where
hello goes on is one that HISTORY newer ones had pushed out of the history by
then, and the client had not been past it.
"""

import argparse
import bisect
import collections
import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import time

KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
HISTORY = 64            # notify_history
TICKS = 24
REPEAT = 50             # one push in so many comes again
WINDOW = 8              # pushes without an answer, on each connection
PUSHERS = 4
QUIET = 30              # seconds without any progress


def number_of(text):
    ms, seq = text.split('-')
    return int(ms) << 20 | int(seq)


class Client:
    def __init__(self, world, user, lazy):
        self.world = world
        self.user = user
        self.lazy = lazy
        self.last = None        # id, as text
        self.got = []           # (id, push)
        self.gaps = []          # (last, where it goes on, when)
        self.first = None       # the first hello's id
        self.sock = None
        self.lives = 0
        self.connect()

    def connect(self):
        self.open = False
        self.buf = b''
        self.head = True
        self.sock = socket.socket()
        self.sock.setblocking(False)
        if self.lazy:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.sock.connect_ex(('127.0.0.1', self.world.port))
        last = '&last_id=' + self.last if self.last else ''
        self.request = (
            'GET /client?user_id=%d%s HTTP/1.1\r\nHost: localhost\r\n'
            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            'Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n'
            'Sec-WebSocket-Protocol: notify.v1\r\n\r\n'
            % (self.user, last, KEY)).encode()
        self.world.add(self.sock, self, select.EPOLLOUT)

    def writable(self):
        try:
            self.sock.send(self.request)
        except OSError:
            self.lost('connect')
            return
        self.world.poll.modify(self.sock, select.EPOLLIN)

    def readable(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.lost('end')
            return
        if (self.lazy and not self.world.ending
                and self.world.random.random() < 0.05):
            self.world.poll.modify(self.sock, 0)
            self.world.after(3, self.wake, self.sock)

        buf = self.buf + data
        if self.head:
            end = buf.find(b'\r\n\r\n')
            if end < 0:
                self.buf = buf
                return
            if not buf.startswith(b'HTTP/1.1 101 '):
                self.lost(buf.split(b'\r\n')[0].decode())
                return
            self.head = False
            buf = buf[end + 4:]

        sock = self.sock
        at = 0
        while self.sock is sock and len(buf) - at >= 2:
            length, head = buf[at + 1], 2
            if length == 126:
                if len(buf) - at < 4:
                    break
                length = buf[at + 2] << 8 | buf[at + 3]
                head = 4
            end = at + head + length
            if len(buf) < end:
                break
            self.frame(buf[at], buf[at + head:end])
            at = end
        self.buf = buf[at:]

    def wake(self, sock):
        if sock is self.sock:
            self.world.poll.modify(sock, select.EPOLLIN)

    def frame(self, first, payload):
        if first == 0x81:
            self.text(json.loads(payload))
        elif first == 0x89:
            self.sock.send(bytes((0x8a, 0x80 | len(payload), 0, 0, 0, 0))
                           + payload)
        elif first == 0x88:
            self.lost('close %d' % int.from_bytes(payload[:2], 'big'))
        else:
            self.world.error('frame %02x' % first)

    def text(self, frame):
        world = self.world
        if 'hello' in frame:
            hello = frame['hello']
            if hello['gap']:
                self.gaps.append((number_of(self.last or '0-0'),
                                  number_of(hello['id']), time.monotonic()))
                world.ngaps += 1
            elif self.last and hello['id'] != self.last:
                world.error('hello %s after %s' % (hello['id'], self.last))
            if self.first is None:
                self.first = number_of(hello['id'])
                world.first_open()
            self.last = hello['id']
            self.open = True
            self.lives += 1
            world.opens += 1
            if not world.ending:
                world.after(world.random.uniform(0.5, 12), self.leave,
                            self.lives)
            return

        self.last = frame['id']
        self.got.append((number_of(frame['id']), frame['data']['push']))
        if frame['data']['user'] != self.user:
            world.error('%r came to %d' % (frame['data'], self.user))
        world.deliveries += 1

    def lost(self, why):
        """By the server, or before it was open: comes back soon."""
        self.world.ends[why] += 1
        self.drop()
        self.world.after(self.world.random.uniform(0, 0.5), self.connect)

    def drop(self):
        self.world.remove(self.sock)
        self.sock.close()
        self.sock = None
        self.open = False

    def leave(self, life):
        world = self.world
        if life != self.lives or not self.open or world.ending:
            return
        way = world.random.choice(('close', 'cut', 'vanish', 'vanish'))
        sleep = world.random.choice((0, 0.3, 2, 5, 8))
        world.ends[way] += 1

        if way == 'vanish':
            # what it is sent from now on is read by nobody
            world.remove(self.sock)
            world.after(sleep + 2, self.sock.close)
            self.sock = None
            self.open = False
        else:
            if way == 'close':
                self.sock.send(b'\x88\x82\0\0\0\0\x03\xe9')
            else:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack('ii', 1, 0))
            self.drop()
        world.after(sleep * world.random.random(), self.connect)


class Pusher:
    """A kept-alive connection; what has no answer when it ends is repeated."""

    def __init__(self, world):
        self.world = world
        self.flying = collections.deque()
        self.queue = collections.deque()
        self.sock = None
        self.connect()

    def connect(self):
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(('127.0.0.1', self.world.port))
        self.buf = b''
        self.out = b''
        self.queue.extendleft(reversed(self.flying))
        self.flying.clear()
        self.world.add(self.sock, self, select.EPOLLIN | select.EPOLLOUT)

    def push(self, push):
        self.queue.append(push)
        self.send()
        if self.world.random.random() < 0.01:
            # as one that has waited for an answer long enough
            self.world.after(0.001, self.cut, self.sock)

    def cut(self, sock):
        if sock and sock is self.sock:
            self.lost()

    def send(self):
        if self.sock is None:
            return
        while self.queue and len(self.flying) < WINDOW:
            push = self.queue.popleft()
            self.flying.append(push)
            user = self.world.pushed[push][0]
            long = push * 7919 % 6000 if user < self.world.args.hot else 0
            body = b'{"user":%d,"push":%d,"pad":"%s"}' % (user, push,
                                                          b'x' * long)
            self.out += (b'POST /new/%d HTTP/1.1\r\nHost: localhost\r\n'
                         b'Content-Type: application/json\r\n'
                         b'Idempotency-Key: %d\r\nContent-Length: %d\r\n\r\n%s'
                         % (user, push, len(body), body))
        self.flush()

    def writable(self):
        # also a new connection: what the old one left is to be repeated
        self.send()

    def flush(self):
        try:
            n = self.sock.send(self.out) if self.out else 0
        except BlockingIOError:
            n = 0
        except OSError:
            return              # the end is read
        self.out = self.out[n:]
        self.world.poll.modify(self.sock, select.EPOLLIN
                               | (select.EPOLLOUT if self.out else 0))

    def readable(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.lost()
            return

        self.buf += data
        while True:
            head, end, rest = self.buf.partition(b'\r\n\r\n')
            if not end:
                break
            at = head.lower().find(b'content-length: ')
            length = int(head[at + 16:].split(b'\r\n', 1)[0])
            if len(rest) < length:
                break
            self.buf = rest[length:]
            self.answered(head, rest[:length])
        self.send()

    def lost(self):
        self.world.repeated += len(self.flying)
        self.world.remove(self.sock)
        self.sock.close()
        self.sock = None
        self.world.after(0.005, self.connect)

    def answered(self, head, body):
        push = self.flying.popleft()
        if not head.startswith(b'HTTP/1.1 200 '):
            if head.startswith(b'HTTP/1.1 503 '):
                self.queue.appendleft(push)     # this worker cannot, yet
            else:
                self.world.error('push: %r' % head.split(b'\r\n')[0])
            return
        if push % REPEAT == 0 and push not in self.world.ids:
            self.queue.appendleft(push) # as if its answer had been lost
        self.world.accepted(push, number_of(json.loads(body)['id']))


class World:
    def __init__(self, args):
        self.args = args
        self.port = args.port
        self.random = random.Random(args.seed)
        self.poll = select.epoll()
        self.by_fd = {}
        self.timers = []
        self.serial = itertools.count()
        self.errors = []
        self.pushed = []        # (user, when it was first sent)
        self.ids = {}           # of what was accepted
        self.by_user = [[] for _ in range(args.users)]
        self.opens = self.deliveries = self.repeated = self.ngaps = 0
        self.ends = collections.Counter()
        self.unopened = args.clients
        self.ending = False
        self.told = 0
        self.ticks = 0
        self.running = False
        self.stdin = b''

    def error(self, text):
        if len(self.errors) < 20:
            self.errors.append(text)

    def add(self, sock, handler, events):
        self.by_fd[sock.fileno()] = handler
        self.poll.register(sock, events)

    def remove(self, sock):
        del self.by_fd[sock.fileno()]
        self.poll.unregister(sock)

    def after(self, seconds, what, *args):
        heapq.heappush(self.timers, (time.monotonic() + seconds,
                                     next(self.serial), what, args))

    def first_open(self):
        self.unopened -= 1

    def accepted(self, push, id):
        if self.ids.setdefault(push, id) != id:
            self.error('push %d has two ids' % push)

    def readable(self):
        """stdin"""
        data = os.read(0, 65536)
        if not data:
            raise SystemExit('nobody is there any more: ' + self.left())
        self.told += data.count(b'tick\n')

    def left(self):
        """For who wants to know why it takes so long."""
        behind = [c for c in self.clients if not self.has_all(c)]
        return ('%d of %d pushes answered, %d clients closed, %d behind, %s; '
                '%d opened, %s'
                % (len(self.ids), len(self.pushed),
                   sum(not c.open for c in self.clients), len(behind),
                   [(c.user, c.open, c.last) for c in behind[:5]],
                   self.opens, dict(self.ends)))

    def until(self, condition, what):
        before, since = None, time.monotonic()

        while not condition():
            wait = 0.01
            if self.timers:
                wait = min(wait, max(0, self.timers[0][0] - time.monotonic()))
            for fd, event in self.poll.poll(wait):
                handler = self.by_fd.get(fd)
                if handler is None:
                    continue
                if event & select.EPOLLOUT:
                    handler.writable()
                if event & ~select.EPOLLOUT and self.by_fd.get(fd) is handler:
                    handler.readable()

            now = time.monotonic()
            while self.timers and self.timers[0][0] <= now:
                _, _, do, args = heapq.heappop(self.timers)
                do(*args)
            if self.running:
                self.push()

            state = (self.opens, self.deliveries, len(self.ids))
            if state != before:
                before, since = state, now
            elif now - since > QUIET:
                self.error('nothing moves any more: ' + what)
                return False
        return True

    def push(self):
        """As many as are due by now."""
        args = self.args
        due = min(int((time.monotonic() - self.started) * args.rate),
                  args.pushes)
        while len(self.pushed) < due:
            hot = self.random.random() < 0.6
            user = self.random.randrange(args.hot if hot else args.users)
            self.pushed.append((user, time.monotonic()))
            self.pushers[user % PUSHERS].push(len(self.pushed) - 1)

        if self.told and len(self.ids) >= (self.ticks + 1) * args.pushes \
                // TICKS:
            self.told -= 1
            self.ticks += 1
            print('tick', flush=True)

    def run(self):
        args = self.args
        self.clients = [Client(self, c % args.users, c % 3 == 0)
                        for c in range(args.clients)]
        if not self.until(lambda: self.unopened == 0, 'handshakes'):
            return
        self.pushers = [Pusher(self) for _ in range(PUSHERS)]
        self.by_fd[0] = self
        self.poll.register(0, select.EPOLLIN)
        print('open', flush=True)

        self.started = time.monotonic()
        self.running = True
        self.until(lambda: len(self.ids) == args.pushes and not self.told,
                   'pushes')
        self.running = False
        self.ending = True

        for push, id in self.ids.items():
            self.by_user[self.pushed[push][0]].append((id, push))
        for pushes in self.by_user:
            pushes.sort()

        self.until(lambda: all(c.open and self.has_all(c)
                               for c in self.clients), 'the last messages')
        for client in self.clients:
            self.check(client)

    def has_all(self, client):
        pushes = self.by_user[client.user]
        if not pushes or pushes[-1][0] <= client.first:
            return True
        return number_of(client.last) >= pushes[-1][0]

    def check(self, client):
        """Exactly what the model says, in order."""
        pushes = self.by_user[client.user]
        who = 'a client of user %d' % client.user
        wanted = pushes[bisect.bisect(pushes, (client.first, self.args.pushes))
                        :]

        for last, on, when in client.gaps:
            self.check_gap(who, pushes, last, on, when)
            wanted = [p for p in wanted if not last < p[0] <= on]

        if client.got == wanted:
            return
        got = [id for id, _ in client.got]
        if any(a >= b for a, b in zip(got, got[1:])):
            self.error('%s: repeated or out of order' % who)
        missing = set(wanted) - set(client.got)
        more = set(client.got) - set(wanted)
        self.error('%s: %d missing, %d too many: %s'
                   % (who, len(missing), len(more),
                      sorted(missing)[:3] + sorted(more)[:3]))

    def check_gap(self, who, pushes, last, on, when):
        at = bisect.bisect_left(pushes, (on, 0))
        if at == len(pushes) or pushes[at][0] != on:
            self.error('%s: hello goes on behind no message' % who)
        elif last >= on:
            self.error('%s: a gap where nothing was missing' % who)
        elif (at + HISTORY >= len(pushes)
              or self.pushed[pushes[at + HISTORY][1]][1] > when):
            self.error('%s: a gap, but its history was there' % who)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--seed', type=int, required=True)
    parser.add_argument('--clients', type=int, default=500)
    parser.add_argument('--users', type=int, default=250)
    parser.add_argument('--hot', type=int, default=20)
    parser.add_argument('--rate', type=int, default=500)
    parser.add_argument('--pushes', type=int, default=30000)
    world = World(parser.parse_args())

    world.run()

    print(json.dumps({
        'errors': world.errors,
        'pushes': len(world.ids),
        'repeated': world.repeated,
        'deliveries': world.deliveries,
        'opens': world.opens,
        'gaps': world.ngaps,
        'seconds': round(time.monotonic() - world.started, 1),
        'ends': world.ends,
    }), flush=True)


if __name__ == '__main__':
    main()
