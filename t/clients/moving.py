#!/usr/bin/python3
"""Sockets that do all that sockets do, while nginx moves them about.

    moving.py --port P --seed N --sockets 2000 --users 1000 --crowd 200
              --relays 40 --slow 20 --rate 500 --bursts 1 --reopen 1

The account is that of mass.py: each push is numbered, and must arrive at each
socket of its user, once, in order, byte by byte.  There are

    sockets   of so many users; every tenth sends pings, cut into pieces, and
              counts the pongs
    crowd     sockets of one user, who gets many pushes at once, also unasked
              unless bursts is 0
    relays    users with two sockets each, one of which sends messages to both
              through nginx: several frames, with pings in between, all of it
              cut into pieces
    slow      sockets that seldom read, while long messages come; every other
              one at a location of its own, /slow

What is closed by a kill is opened again, unless reopen is 0.

It speaks with who started it, by lines:

    out   open             all sockets are open, pushes are being sent
    in    tick             how far is it?
    out   tick             a hundred more pushes have been answered
    in    kill PID         kills that process
    out   killed N         which had N of the sockets; only these may be closed
    in    burst            twenty pushes to the crowd, on a new connection
    out   burst            they have been answered
    in    stop             no more pushes, all is to arrive
    out   {...}            the account; the sockets stay open
    in    end              they are closed
"""

import argparse
import collections
import json
import os
import random
import signal
import socket
import time

import mass

TEXT = random.Random(1).choices(b'abcdefghijklmnopqrstuvwxyz0123456789',
                                k=1 << 19)
TEXT = bytes(TEXT)

LISTEN = '0A'           # in /proc/net/tcp

WINDOW = 16             # pushes without an answer, on each connection
SLOW_MAX = 6            # messages that wait for a slow socket
CLIENT_MAX = 3000       # bytes of a client's message


class Poll:
    """The epoll of mass.py, which works in between."""

    def __init__(self, moving, poll):
        self.moving = moving
        self.epoll = poll
        self.register = poll.register
        self.unregister = poll.unregister
        self.modify = poll.modify

    def poll(self, _):
        self.moving.work()
        return self.epoll.poll(0.004)


class Sock(mass.Sock):
    """kind: plain, crowd, sender, listener, slow"""

    def __init__(self, moving, user, kind):
        self.kind = kind
        self.location = ('relay' if kind in ('sender', 'listener')
                         else 'slow' if kind == 'slow' and user % 2
                         else 'client')
        super().__init__(moving, user)

    def open(self):
        self.sock = socket.socket()
        if self.kind == 'slow':
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.sock.connect(('127.0.0.1', self.mass.port))
        self.port = self.sock.getsockname()[1]
        self.sock.sendall((
            'GET /%s?user_id=%d HTTP/1.1\r\nHost: localhost\r\n'
            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
            'Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n'
            % (self.location, self.user, mass.KEY)).encode())
        self.sock.setblocking(False)
        self.buf = b''
        self.life = None
        self.opened = None
        self.doomed = False
        self.pieces = collections.deque()       # to be sent
        self.ping = None                        # which has no pong yet
        self.mass.add(self.sock, self)

    def frames(self, buf):
        self.opened = self.opened or time.monotonic()
        at = 0

        while True:
            frame = self.frame(buf, at)
            if frame is None:
                break
            first, payload, at = frame

            if first in (0x81, 0x82):
                self.message(payload)
            elif first == 0x89:
                self.pieces.append(self.mass.frame(0x8a, payload))
            elif first == 0x8a:
                self.pong(payload)
            elif first == 0x88:
                self.ended('close %d' % int.from_bytes(payload[:2], 'big'))
                return
            else:
                self.mass.error('frame %02x came to %s %d'
                                % (first, self.kind, self.user))

        self.buf = buf[at:]

    @staticmethod
    def frame(buf, at):
        """The first byte, the payload, and where the next frame begins."""
        if len(buf) - at < 2:
            return None
        length, head = buf[at + 1], 2
        if length > 125:
            size = 2 if length == 126 else 8
            if len(buf) - at < 2 + size:
                return None
            length = int.from_bytes(buf[at + 2:at + 2 + size], 'big')
            head = 2 + size
        end = at + head + length
        if len(buf) < end:
            return None
        return buf[at], buf[at + head:end], end

    def message(self, payload):
        moving = self.mass
        user, number = moving.index.get(payload.split(b' ', 1)[0],
                                        (None, None))
        if user != self.user:
            moving.error('%r came to %s %d'
                         % (payload[:40], self.kind, self.user))
            return
        if payload != moving.body(user, number):
            moving.error('%r has other bytes' % payload[:40])
        self.life.got.append(number)
        moving.deliveries += 1
        if self.kind == 'sender':
            moving.sent[user][number] = True

    def send_ping(self):
        self.mass.pings += 1
        self.ping = b'%d' % self.mass.pings
        self.cut(self.mass.frame(0x89, self.ping))

    def pong(self, payload):
        if payload != self.ping:
            self.mass.error('pong %r came, not %r' % (payload, self.ping))
        self.ping = None
        self.mass.pongs += 1

    def cut(self, data):
        """Bytes to be sent, in pieces."""
        pick = self.mass.random
        while data:
            n = pick.randint(1, len(data)) if pick.random() < 0.7 else 1
            self.pieces.append(data[:n])
            data = data[n:]

    def send_piece(self):
        try:
            n = self.sock.send(self.pieces[0])
        except BlockingIOError:
            return
        except OSError:
            self.pieces.clear()         # the end is read
            return
        if n == len(self.pieces[0]):
            self.pieces.popleft()
        else:
            self.pieces[0] = self.pieces[0][n:]

    def relay(self):
        """Sends a message to its user, in one frame or several."""
        moving = self.mass
        pick = moving.random
        body = moving.body(self.user, moving.new(self.user))
        first = 0x01

        while True:
            n = pick.randint(0, len(body))
            last = n == len(body) or pick.random() < 0.3
            part = body if last else body[:n]
            self.cut(moving.frame(first | (0x80 if last else 0), part))
            if last:
                return
            body = body[n:]
            first = 0x00
            if self.ping is None and pick.random() < 0.3:
                self.send_ping()

    def ended(self, why):
        if not self.doomed:
            self.mass.error('%s of %s %d' % (why, self.kind, self.user))
        if not self.mass.args.reopen:
            self.drop()
            self.life.closed = why
            self.life = None
            self.mass.reopened += 1
            self.mass.gone(self)
            return
        super().ended(why)
        if self.kind == 'slow' and not self.mass.stopping:
            self.mass.poll.modify(self.sock, 0)


class Pusher(mass.Pusher):
    def is_done(self):
        return not (self.budget or self.again or self.flying)

    def send(self):
        moving = self.mass
        parts = []

        while len(self.flying) < self.window:
            if self.again:
                user = self.again.popleft()
            elif self.budget:
                self.budget -= 1
                user = self.users[self.turn % len(self.users)]
                self.turn += 1
            else:
                break

            number = moving.new(user)
            body = moving.body(user, number)
            self.flying.append((user, number))
            parts.append(b'POST /new/%d HTTP/1.1\r\nHost: localhost\r\n'
                         b'Content-Length: %d\r\n\r\n%s'
                         % (user, len(body), body))

        self.out += b''.join(parts)
        self.flush()


class Moving(mass.Mass):
    def __init__(self, args):
        crowd = args.users                      # the crowd's user
        relays = range(crowd + 1, crowd + 1 + args.relays)
        slow = range(relays.stop, relays.stop + args.slow)
        kinds = ([(s % args.users, 'plain') for s in range(args.sockets)]
                 + [(crowd, 'crowd')] * args.crowd
                 + [(user, kind) for user in relays
                    for kind in ('sender', 'listener')]
                 + [(user, 'slow') for user in slow])
        self.kinds = kinds
        args.users = slow.stop
        args.sockets = len(kinds)
        super().__init__(args)

        self.poll = Poll(self, self.poll)
        self.random = random.Random(args.seed)
        self.crowd, self.relays, self.slow = crowd, relays, slow
        self.pings = self.pongs = 0
        self.orphans = [0, 0]   # what nginx counts for ever: least, most
        self.running = self.stopping = False
        self.ending = False
        self.told = 0                           # ticks that are due
        self.tick_at = 0
        self.bursting = False
        self.granted = 0
        self.started = time.monotonic()

    def new(self, user):
        number = len(self.sent[user])
        self.sent[user].append(False)
        self.index[b'%d:%d' % (user, number)] = (user, number)
        return number

    def body(self, user, number):
        mixed = user * 7919 + number * 104729
        if user in self.slow:
            length = 1000 + mixed % 300000
        elif user in self.relays:
            length = 20 + mixed % (CLIENT_MAX - 20)
        else:
            length = 3000 if number % 37 == 5 else 60
        name = b'%d:%d ' % (user, number)
        at = mixed % 65536
        return name + TEXT[at:at + length - len(name)]

    def frame(self, first, payload):
        mask = self.random.randbytes(4)
        n = len(payload)
        head = (bytes((first, 0x80 | n)) if n < 126
                else bytes((first, 0xfe)) + n.to_bytes(2, 'big'))
        pad = int.from_bytes((mask * (n // 4 + 1))[:n], 'big')
        return head + mask + (int.from_bytes(payload, 'big')
                              ^ pad).to_bytes(n, 'big')

    def command(self, word, *rest):
        if word == 'tick':
            self.told += 1
            self.tick_at = self.answers + 100
        elif word == 'kill':
            print('killed', self.kill(int(rest[0])), flush=True)
        elif word == 'burst':
            if self.crowd_pusher is None:
                self.crowd_pusher = Pusher(self, [self.crowd], WINDOW)
                self.all_pushers.append(self.crowd_pusher)
            else:
                self.crowd_pusher.lost()
            self.crowd_pusher.budget = 20
            self.bursting = True
        elif word == 'stop':
            self.stopping = True
        else:
            self.ending = True

    def readable(self):
        """stdin"""
        data = os.read(0, 65536)
        if not data:
            raise SystemExit('nobody is there any more')
        lines = (self.stdin + data).split(b'\n')
        self.stdin = lines.pop()
        for line in lines:
            self.command(*line.decode().split())

    def kill(self, pid):
        """Only the sockets that the process has may be closed by this.

        nginx goes on to count its other connections: requests, handshakes
        (also some that are just over), and one more or less, which it may be
        about to count.
        """
        try:
            os.kill(pid, signal.SIGSTOP)
            while state(pid) not in 'TtZX':
                time.sleep(0.001)
            ports = self.ports(pid)
            os.kill(pid, signal.SIGKILL)
        except OSError:
            return 0                            # it has ended
        doomed = [s for s in self.socks if s.port in ports]
        others = len(ports) - len(doomed)
        now = time.monotonic()
        unsure = sum(s.life is None or now - s.opened < 0.1 for s in doomed)
        self.orphans[0] += others - 1
        self.orphans[1] += others + unsure + 1
        for sock in doomed:
            sock.doomed = True
        return len(doomed)

    def ports(self, pid):
        """The peers' ports of what the process has open."""
        inodes = set()
        for fd in os.listdir('/proc/%d/fd' % pid):
            link = os.readlink('/proc/%d/fd/%s' % (pid, fd))
            if link.startswith('socket:['):
                inodes.add(link[8:-1])
        ports = set()
        with open('/proc/net/tcp') as table:
            next(table)
            for line in table:
                _, local, remote, kind, *rest = line.split()
                if (int(local.split(':')[1], 16) == self.port
                        and kind != LISTEN and rest[5] in inodes):
                    ports.add(int(remote.split(':')[1], 16))
        return ports

    def work(self):
        """What a moment brings."""
        if not self.running:
            return

        if self.told and self.answers >= self.tick_at:
            self.told -= 1
            print('tick', flush=True)

        if self.bursting and self.crowd_pusher.is_done():
            self.bursting = False
            print('burst', flush=True)

        for sock in self.socks:
            if sock.pieces and (self.stopping or self.random.random() < 0.3):
                sock.send_piece()

        if self.stopping:
            return

        self.push()

        for sock in self.random.sample(self.pingers,
                                       min(4, len(self.pingers))):
            if sock.life and sock.ping is None and not sock.pieces:
                sock.send_ping()

        for sock in self.random.sample(self.senders, min(1, len(self.senders))):
            if sock.life and len(sock.pieces) < 20:
                sock.relay()

        for sock in self.sleepers[:]:
            if self.random.random() < 0.02:
                sock.readable()

    def push(self):
        """As many as are due by now, or as nginx can take."""
        due = int((time.monotonic() - self.started) * self.args.rate)

        while self.granted < due:
            pusher = self.random.choice(self.pushers)
            if pusher.budget > WINDOW:
                self.granted = due              # it cannot keep up
                break
            pusher.budget += 1
            self.granted += 1

        if (self.crowd_pusher and self.args.bursts
                and self.random.random() < 0.02):
            self.crowd_pusher.budget = 20

        if self.slow_pusher and not self.slow_pusher.budget:
            user = self.slow[self.slow_pusher.turn % len(self.slow)]
            sock = self.slow_of[user]
            if sock.life and (len(self.sent[user]) - sock.life.start
                              - len(sock.life.got) < SLOW_MAX):
                self.slow_pusher.budget = 1
            else:
                self.slow_pusher.turn += 1

        for pusher in self.all_pushers:
            if pusher.budget:
                pusher.send()

    def gone(self, sock):
        """It is not opened again."""
        for socks in (self.socks, self.sleepers, self.senders, self.pingers):
            if sock in socks:
                socks.remove(sock)

    def of(self, kind):
        return [s for s in self.socks if s.kind == kind]

    def run(self):
        self.socks = []
        for n, (user, kind) in enumerate(self.kinds):
            self.socks.append(Sock(self, user, kind))
            if n % 100 == 99:
                self.until(lambda: self.waiting <= len(self.kinds) - n - 1,
                           'handshakes')
        if not self.until(lambda: self.waiting == 0, 'handshakes'):
            return

        self.sleepers = self.of('slow')
        self.slow_of = {s.user: s for s in self.sleepers}
        self.senders = self.of('sender')
        self.pingers = (self.of('plain')[::10] + self.senders
                        + self.of('listener'))
        for sock in self.sleepers:
            self.poll.modify(sock.sock, 0)

        users = range(self.crowd)
        self.pushers = [Pusher(self, users[p::4], WINDOW) for p in range(4)]
        self.crowd_pusher = self.slow_pusher = None
        if self.of('crowd') and self.args.bursts:
            self.crowd_pusher = Pusher(self, [self.crowd], WINDOW)
        if self.sleepers:
            self.slow_pusher = Pusher(self, self.slow, 2)
        self.all_pushers = [p for p in self.pushers + [self.crowd_pusher,
                                                       self.slow_pusher] if p]
        self.by_fd[0] = self
        self.poll.register(0, mass.select.EPOLLIN)
        self.running = True
        self.started = time.monotonic()
        print('open', flush=True)

        if not self.until(lambda: self.stopping, 'a stop'):
            return
        for sock in self.sleepers:
            self.poll.modify(sock.sock, mass.select.EPOLLIN)
        self.account()

    def account(self):
        mass.QUIET = self.args.quiet
        for pusher in self.all_pushers:
            pusher.budget = 0
        self.until(lambda: all(p.is_done() for p in self.all_pushers),
                   'pushes')
        self.until(lambda: self.waiting == 0, 'handshakes at the end')
        self.until(lambda: not any(s.pieces for s in self.socks), 'pieces')
        self.until(self.all_there, 'deliveries')
        self.until(self.all_relayed, 'relays')

        # What comes before the answer to a ping was too much.
        self.until(lambda: not any(s.ping for s in self.socks), 'pongs')
        for sock in self.socks:
            sock.send_ping()
        self.until(lambda: not any(s.ping for s in self.socks), 'last pongs')

        for life in self.lives:
            self.check(life)
        self.check_unanswered()

    def all_relayed(self):
        return self.reopened or all(all(self.sent[user])
                                    for user in self.relays)


def state(pid):
    with open('/proc/%d/stat' % pid) as f:
        return f.read().rsplit(')', 1)[1].split()[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--seed', type=int, required=True)
    parser.add_argument('--sockets', type=int, default=2000)
    parser.add_argument('--users', type=int, default=1000)
    parser.add_argument('--crowd', type=int, default=200)
    parser.add_argument('--relays', type=int, default=40)
    parser.add_argument('--slow', type=int, default=20)
    parser.add_argument('--rate', type=int, default=500)
    parser.add_argument('--bursts', type=int, default=1)
    parser.add_argument('--reopen', type=int, default=1)
    parser.add_argument('--quiet', type=int, default=mass.QUIET,
                        help='seconds after which it gives up at the end')
    args = parser.parse_args()

    moving = Moving(args)

    moving.run()

    print(json.dumps({
        'errors': moving.errors,
        'sockets': len(moving.kinds),
        'pushes': moving.answers,
        'deliveries': moving.deliveries,
        'pings': moving.pings,
        'pongs': moving.pongs,
        'relayed': sum(map(len, moving.sent[moving.relays.start:
                                            moving.relays.stop])),
        'reopened': moving.reopened,
        'orphans': moving.orphans,
    }), flush=True)

    moving.until(lambda: moving.ending, 'the end')


if __name__ == '__main__':
    main()
