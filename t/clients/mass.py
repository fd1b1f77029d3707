#!/usr/bin/python3
"""Many sockets, many pushes, and the account of what each socket got.

    mass.py --port P --sockets 2000 --users 1000 --pushes 50000 --pushers 8
            --chunks 1

Socket s listens to user s modulo users; user u is pushed to by pusher u
modulo pushers, on one kept-alive connection, pipelined.  So the order in which
a user's pushes were sent is the order in which they must arrive.

It speaks with who started it, by lines:

    out   open             all sockets are open
    in    go               the next chunk of pushes may be sent
    out   chunk N          it is being sent
    in    cut N            a worker with N sockets was killed: so many more
                           sockets may be cut
    out   {...}            the account, when all is over; "errors" is empty
                           if every socket got exactly its messages

A push whose connection ends before its answer is sent again under another
number: it may have been taken or not.  If it was, all sockets that listened
have it; this is checked, too.  A socket that is cut is opened again.
"""

import argparse
import collections
import json
import os
import select
import socket
import sys
import time

KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
QUIET = 30


class Life:
    """A socket from its 101 to its end, and what it got meanwhile."""

    def __init__(self, user, start):
        self.user = user
        self.start = start      # pushes to the user that were sent before
        self.got = []           # as indexes into what was sent to the user
        self.closed = None      # why, if it is


class Sock:
    def __init__(self, mass, user):
        self.mass = mass
        self.user = user
        self.open()

    def open(self):
        self.sock = socket.create_connection(('127.0.0.1', self.mass.port))
        self.sock.sendall((
            'GET /client?user_id=%d HTTP/1.1\r\nHost: localhost\r\n'
            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            'Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n'
            % (self.user, KEY)).encode())
        self.sock.setblocking(False)
        self.buf = b''
        self.life = None
        self.mass.add(self.sock, self)

    def readable(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b''

        if not data:
            self.ended('end of connection')
            return

        buf = self.buf + data if self.buf else data

        if self.life is None:
            end = buf.find(b'\r\n\r\n')
            if end < 0:
                self.buf = buf
                return
            head, buf = buf[:end].decode(), buf[end + 4:]
            if not head.startswith('HTTP/1.1 101 '):
                self.mass.error('handshake: ' + head.split('\r\n')[0])
                self.drop()
                return
            self.life = Life(self.user, len(self.mass.sent[self.user]))
            self.mass.lives.append(self.life)
            self.mass.waiting -= 1

        self.frames(buf)

    def frames(self, buf):
        i, n = 0, len(buf)
        index = self.mass.index
        got = self.life.got

        while n - i >= 2:
            first, length = buf[i], buf[i + 1]
            head = 2
            if length == 126:
                if n - i < 4:
                    break
                length = buf[i + 2] << 8 | buf[i + 3]
                head = 4
            if n - i < head + length:
                break
            payload = buf[i + head:i + head + length]
            i += head + length

            if first == 0x81:
                name = payload.split(b' ', 1)[0]
                user, number = index.get(name, (None, None))
                if user != self.user:
                    self.mass.error('%r came to user %d'
                                    % (payload[:40], self.user))
                    continue
                if self.mass.size(number) != len(payload):
                    self.mass.error('%r has %d bytes'
                                    % (payload[:40], len(payload)))
                got.append(number)
                self.mass.deliveries += 1
            elif first == 0x89:
                mask = b'\x00\x00\x00\x00'
                self.sock.sendall(bytes((0x8a, 0x80 | length)) + mask
                                  + payload)
            elif first == 0x8a:
                self.mass.waiting -= 1
            elif first == 0x88:
                self.ended('close %d' % int.from_bytes(payload[:2], 'big'))
                return
            else:
                self.mass.error('frame %02x came' % first)

        self.buf = buf[i:]

    def drop(self):
        self.mass.remove(self.sock)
        self.sock.close()

    def ended(self, why):
        self.drop()

        if self.life:
            self.life.closed = why
            self.mass.waiting += 1
        self.mass.reopened += 1
        self.open()


class Pusher:
    """A kept-alive connection with its own users, window pushes at once."""

    def __init__(self, mass, users, window):
        self.mass = mass
        self.users = users
        self.window = window
        self.budget = 0         # may still be sent
        self.turn = 0
        self.again = collections.deque()
        self.flying = collections.deque()
        self.last = (0, 0)
        self.open()

    def open(self):
        self.sock = None
        while self.sock is None:
            try:
                self.sock = socket.create_connection(
                    ('127.0.0.1', self.mass.port))
            except ConnectionResetError:
                pass            # a worker's queue, closed with it: reuseport
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.buf = b''
        self.out = b''
        self.mass.add(self.sock, self)

    def send(self):
        parts = []
        mass = self.mass

        while len(self.flying) < self.window:
            if self.again:
                user = self.again.popleft()
            elif self.budget:
                self.budget -= 1
                user = self.users[self.turn % len(self.users)]
                self.turn += 1
            else:
                break

            number = len(mass.sent[user])
            mass.sent[user].append(False)
            name = b'%d:%d' % (user, number)
            mass.index[name] = (user, number)
            body = name + b' '
            body += b'x' * (mass.size(number) - len(body))
            self.flying.append((user, number))
            parts.append(b'POST /new/%d HTTP/1.1\r\nHost: localhost\r\n'
                         b'Content-Length: %d\r\n\r\n%s'
                         % (user, len(body), body))

        self.out += b''.join(parts)
        self.flush()

    def flush(self):
        while self.out:
            try:
                n = self.sock.send(self.out)
            except BlockingIOError:
                self.mass.poll.modify(self.sock,
                                      select.EPOLLIN | select.EPOLLOUT)
                return
            except OSError:
                return          # the end is read, with the last answers
            self.out = self.out[n:]
        self.mass.poll.modify(self.sock, select.EPOLLIN)

    def writable(self):
        self.flush()

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

        buf = self.buf + data
        i = 0

        while True:
            end = buf.find(b'\r\n\r\n', i)
            if end < 0:
                break
            head = buf[i:end]
            at = head.lower().find(b'content-length: ')
            length = int(head[at + 16:].split(b'\r\n', 1)[0])
            if len(buf) < end + 4 + length:
                break
            body = buf[end + 4:end + 4 + length]
            i = end + 4 + length
            self.answered(head, body)

        self.buf = buf[i:]
        self.send()

    def answered(self, head, body):
        user, number = self.flying.popleft()
        self.mass.answers += 1
        self.mass.progress = time.monotonic()

        if not head.startswith(b'HTTP/1.1 200 '):
            self.mass.error('push: %s %s' % (head.split(b'\r\n')[0], body))
            return

        self.mass.sent[user][number] = True
        receipt = json.loads(body)
        id = tuple(int(x) for x in receipt['id'].split('-'))
        if id <= self.last:
            self.mass.error('id %s after %s' % (id, self.last))
        self.last = id
        if receipt['user'] != str(user):
            self.mass.error('receipt %s for user %d' % (receipt, user))

    def lost(self):
        self.mass.remove(self.sock)
        self.sock.close()
        self.mass.unanswered += len(self.flying)
        self.again.extendleft(
            user for user, number in reversed(self.flying))
        self.flying.clear()
        self.open()
        self.send()


class Mass:
    def __init__(self, args):
        self.port = args.port
        self.args = args
        self.poll = select.epoll()
        self.by_fd = {}
        self.errors = []
        self.sent = [[] for _ in range(args.users)]  # answered or not
        self.index = {}         # what a payload begins with: user, number
        self.lives = []
        self.waiting = args.sockets
        self.may_cut = 0
        self.deliveries = self.answers = self.unanswered = self.reopened = 0
        self.progress = time.monotonic()
        self.go = 0
        self.stdin = b''

    @staticmethod
    def size(number):
        """What the payload of a push has in bytes: some are long."""
        return 3000 if number % 37 == 5 else 60

    def error(self, text):
        if len(self.errors) < 20:
            self.errors.append(text)
        elif len(self.errors) == 20:
            self.errors.append('and more')

    def add(self, sock, handler):
        self.by_fd[sock.fileno()] = handler
        self.poll.register(sock, select.EPOLLIN)

    def remove(self, sock):
        del self.by_fd[sock.fileno()]
        self.poll.unregister(sock)

    def readable(self):
        """stdin"""
        data = os.read(0, 65536)
        if not data:
            raise SystemExit('nobody is there any more')
        lines = (self.stdin + data).split(b'\n')
        self.stdin = lines.pop()
        for line in lines:
            word, *rest = line.decode().split()
            if word == 'go':
                self.go += 1
            elif word == 'cut':
                self.may_cut += int(rest[0])

    def until(self, condition, what):
        """Lets things happen until the condition holds."""
        self.progress = time.monotonic()
        before = None

        while not condition():
            for fd, event in self.poll.poll(1):
                handler = self.by_fd.get(fd)
                if handler is None:
                    continue
                if event & ~select.EPOLLOUT:
                    handler.readable()
                if event & select.EPOLLOUT and self.by_fd.get(fd) is handler:
                    handler.writable()

            now = (self.deliveries, self.answers, self.waiting)
            if now != before:
                before = now
                self.progress = time.monotonic()
            elif time.monotonic() - self.progress > QUIET:
                self.error('nothing moves any more: ' + what)
                return False

        return True

    def run(self):
        args = self.args

        self.socks = []
        for s in range(args.sockets):
            self.socks.append(Sock(self, s % args.users))
            if s % 200 == 199:
                self.until(lambda: self.waiting <= args.sockets - s - 1,
                           'handshakes')
        if not self.until(lambda: self.waiting == 0, 'handshakes'):
            return

        pushers = [Pusher(self, range(p, args.users, args.pushers),
                          args.window) for p in range(args.pushers)]
        self.by_fd[0] = self
        self.poll.register(0, select.EPOLLIN)
        print('open', flush=True)

        # All of them, evenly.
        parts = args.chunks * args.pushers
        shares = [args.pushes * (part + 1) // parts
                  - args.pushes * part // parts for part in range(parts)]

        for chunk in range(args.chunks):
            if not self.until(lambda: self.go > chunk, 'waiting for go'):
                return
            print('chunk', chunk + 1, flush=True)
            for n, pusher in enumerate(pushers):
                pusher.budget += shares[chunk * len(pushers) + n]
                pusher.send()
            if not self.until(lambda: not any(p.budget or p.again or p.flying
                                              for p in pushers), 'pushes'):
                return

        self.until(lambda: self.waiting == 0, 'handshakes at the end')
        self.until(self.all_there, 'deliveries')

        # What comes before the answer to a ping was too much.
        for sock in self.socks:
            sock.sock.sendall(b'\x89\x80\x00\x00\x00\x00')
            self.waiting += 1
        self.until(lambda: self.waiting == 0, 'pongs')

        for life in self.lives:
            self.check(life)
        self.check_unanswered()

        cut = collections.Counter(x.closed for x in self.lives if x.closed)
        if self.reopened > self.may_cut:
            self.error('%d sockets were cut, not at most %d: %s'
                       % (self.reopened, self.may_cut, dict(cut)))

    def all_there(self):
        for life in self.lives:
            if life.closed:
                continue
            sent = self.sent[life.user]
            last = len(sent) - 1
            while last >= life.start and not sent[last]:
                last -= 1
            if last >= life.start and (not life.got or life.got[-1] < last):
                return False
        return True

    def check(self, life):
        """In order, once each, and none missing."""
        who = 'a socket of user %d' % life.user
        sent = self.sent[life.user]
        got = life.got

        if any(a >= b for a, b in zip(got, got[1:])):
            self.error('%s: repeated or out of order' % who)

        first = min(got[0], life.start) if got else life.start
        last = len(sent)
        if life.closed:
            last = got[-1] if got else first

        missing = set(n for n in range(first, last) if sent[n]) - set(got)
        if missing:
            self.error('%s: %d of %d missing, first %d'
                       % (who, len(missing), last - first, min(missing)))

    def check_unanswered(self):
        """A push without an answer reached all its sockets, or none."""
        lives = collections.defaultdict(list)
        for life in self.lives:
            if not life.closed:
                lives[life.user].append((life, set(life.got)))

        for user, sent in enumerate(self.sent):
            for number, answered in enumerate(sent):
                if answered:
                    continue
                have = [number in got for life, got in lives[user]
                        if life.start <= number]
                if len(set(have)) > 1:
                    self.error('%d:%d reached some, not all'
                               % (user, number))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--sockets', type=int, default=2000)
    parser.add_argument('--users', type=int, default=1000)
    parser.add_argument('--pushes', type=int, default=50000)
    parser.add_argument('--pushers', type=int, default=8)
    parser.add_argument('--window', type=int, default=16)
    parser.add_argument('--chunks', type=int, default=1)
    mass = Mass(parser.parse_args())

    mass.run()

    print(json.dumps({
        'errors': mass.errors,
        'pushes': mass.answers,
        'unanswered': mass.unanswered,
        'deliveries': mass.deliveries,
        'reopened': mass.reopened,
    }), flush=True)


if __name__ == '__main__':
    main()
