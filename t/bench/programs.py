"""The C programs of the benchmarks, and the load client as an object."""

import json
import os
import random
import resource
import socket
import subprocess

# A login has 1024 descriptors until it asks for more; processes inherit it.
FILES = 20000
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if 0 <= _soft < FILES:
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (FILES if _hard < 0 else min(FILES, _hard), _hard))

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
OBJS = os.environ.get('NOTIFY_TEST_OBJS', f'{TOP}/build')
BUILD = f'{OBJS}/bench'


def build(name, *more):
    """Compiles t/bench/NAME.c if it has changed, and returns its path."""

    source, out = f'{HERE}/{name}.c', f'{BUILD}/{name}'
    os.makedirs(BUILD, exist_ok=True)

    if not os.path.exists(out) \
            or os.path.getmtime(out) < os.path.getmtime(source):
        subprocess.run([os.environ.get('CC', 'gcc'), '-std=gnu11', '-O2',
                        '-Wall', '-Wextra', '-Werror', f'-I{TOP}/src',
                        '-o', out, source, *more], check=True)
    return out


def raw():
    return build('raw', f'{TOP}/src/notify_upgrade.c', '-lcrypto')


def free_port():
    """A port that nobody listens on, in NOTIFY_BENCH_PORTS (25000-25999)."""

    low, high = os.environ.get('NOTIFY_BENCH_PORTS', '25000-25999').split('-')

    for _ in range(1000):
        port = random.randint(int(low), int(high))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue

    raise SystemExit(f'no free port from {low} to {high}')


class Failed(Exception):
    """A server did not do what is measured."""


class Client:
    """t/bench/client.c: each method is one of its commands."""

    def __init__(self, server):
        self.server = server
        self.process = subprocess.Popen([build('client')], text=True,
                                        stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def start(self, word, **options):
        """Sends a command; result() waits for its answer."""

        words = [f'{key}={value}' for key, value in options.items()]
        self.process.stdin.write(' '.join([word, *words]) + '\n')
        self.process.stdin.flush()

    def result(self):
        line = self.process.stdout.readline()
        if not line:
            raise Failed('the load client died')
        return json.loads(line)

    def open(self, n, **options):
        self.start('open', port=self.server.port, path=self.server.client,
                   n=n, **{'window': self.server.window, 'reconnect': 100,
                           **options})
        opened = self.result()
        if opened['open'] != n:
            raise Failed(f'{opened["open"]} of {n} sockets, see'
                         f' {self.server.dir}')
        return opened

    def push(self, **options):
        self.start_push(**options)
        pushed = self.result()
        if not pushed['accepted'] or options.get('expect') \
                and not pushed['deliveries']:
            raise Failed(f'pushes fail, see {self.server.dir}')
        return pushed

    def start_push(self, **options):
        self.start('push', **{**self.server.push, **options})

    def close(self):
        self.start('close')
        self.result()
