"""The servers that are measured, each as it is usually run.

A server has a name, a port, dir (its files), client (the path of a socket, %u
is the user; or '') and push (the options of a push, see client.c).  missing()
says what is not there to run it, or ''.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

import meter
import programs

MODULES = '/usr/lib/nginx/modules'
NGINX = os.environ.get('TEST_NGINX_BINARY', '/usr/sbin/nginx')


def version(package):
    """The version of a Debian package that is installed, or ''."""

    out = subprocess.run(['dpkg-query', '-W', '-f', '${Status} ${Version}',
                          package], capture_output=True, text=True).stdout
    return out.split()[-1] if ' installed ' in out else ''


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds

    while not condition():
        if time.monotonic() > deadline:
            raise programs.Failed(f'waited {seconds} s for {what}')
        time.sleep(0.005)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def shakes(port, path):
    """Does a WebSocket open there?"""

    request = (f'GET {path.replace("%u", "999999")} HTTP/1.1\r\n'
               f'Host: 127.0.0.1:{port}\r\n'
               'Connection: Upgrade\r\nUpgrade: websocket\r\n'
               'Sec-WebSocket-Version: 13\r\n'
               'Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n')

    with socket.socket() as probe:
        probe.settimeout(10)
        if probe.connect_ex(('127.0.0.1', port)) != 0:
            return False
        try:
            probe.sendall(request.encode())
            return b' 101 ' in probe.recv(4096)
        except OSError:
            return False


def running(pid):
    try:
        with open(f'/proc/{pid}/stat') as stat:
            return ') Z ' not in stat.read()
    except OSError:
        return False


LIBC = ctypes.CDLL(None)
PR_SET_THP_DISABLE = 41


def small_pages():
    """Of a huge page 2 MB count as memory as soon as a byte of it is used:
    nothing could be said of a socket."""

    LIBC.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


class Server:
    name = ''
    huge = False                # may have huge pages
    scale = 1                   # divides the load that others get
    window = 128                # handshakes that may go on at once
    client = '/client?user_id=%u'
    restarts = 'restart'        # how its operator brings in a change

    def __init__(self):
        self.port = programs.free_port()
        self.dir = f'{programs.BUILD}/run/{self.name.replace(" ", "-")}'
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.push = {'port': self.port, 'path': '/new/%u', 'method': 'POST'}
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except programs.Failed:
            if self.process:
                self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @classmethod
    def missing(cls):
        return ''

    @classmethod
    def about(cls):
        """What it is, and its version."""

        return cls.__doc__ or ''

    def spawn(self, command, **options):
        with open(f'{self.dir}/output', 'a') as out:
            return subprocess.Popen(command, stdout=out, stderr=out,
                                    stdin=subprocess.DEVNULL,
                                    preexec_fn=None if self.huge
                                    else small_pages, **options)

    def command(self):
        raise NotImplementedError

    def environment(self):
        return os.environ

    def start(self):
        self.process = self.spawn(self.command(), env=self.environment())
        wait_for(f'{self.name}, see {self.dir}', self.ready)

    def ready(self):
        if self.process.poll() is not None:
            raise programs.Failed(f'it does not start, see {self.dir}')
        if not self.client:
            return listens(self.port)
        return shakes(self.port, self.client)

    def pids(self):
        return meter.tree(self.process.pid)

    def lingering(self):
        """Processes that only finish what they have."""

        return []

    def restart(self):
        """Brings in a change; returns when the change serves."""

        self.stop()
        self.start()

    def stop(self):
        pids = self.pids()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in pids:
            if running(pid):
                os.kill(pid, signal.SIGKILL)


class Raw(Server):
    """One thread and plain send(), t/bench/raw.c"""

    name = 'raw'

    def command(self):
        return [programs.raw(), str(self.port)]


class Nginx(Server):
    restarts = 'reload'
    modules = []
    http = ''
    server = ''

    def __init__(self, workers=2, huge=False):
        super().__init__()
        self.workers = workers
        self.huge = huge

    def command(self):
        return [NGINX, '-p', f'{self.dir}/', '-c', f'{self.dir}/nginx.conf',
                '-e', f'{self.dir}/error.log']

    def start(self):
        user = 'user root;' if os.geteuid() == 0 else ''
        load = '\n'.join(f'load_module {path};' for path in self.modules)
        temp = '\n'.join(f'    {name}_temp_path {self.dir}/{name};' for name
                         in ('client_body', 'proxy', 'fastcgi', 'scgi',
                             'uwsgi'))

        with open(f'{self.dir}/nginx.conf', 'w') as conf:
            conf.write(f'''
{load}
{user}
daemon off;
worker_processes {self.workers};
worker_rlimit_nofile {limit()};
error_log {self.dir}/error.log error;
pid {self.dir}/nginx.pid;

events {{
    worker_connections {limit() - 500};
}}

http {{
    access_log off;
{temp}
    keepalive_requests 1000000000;
    default_type application/json;
    {self.http}

    server {{
        listen 127.0.0.1:{self.port} backlog=4096;
        {self.server}
    }}
}}
''')
        super().start()
        wait_for('all workers', lambda: len(self.serving()) == self.workers)

    def workers_by(self, word):
        return [pid for pid in self.pids()[1:]
                if 'worker process' in meter.title(pid)
                and ('shutting down' in meter.title(pid)) == word]

    def serving(self):
        return self.workers_by(False)

    def lingering(self):
        return self.workers_by(True)

    def restart(self):
        before = set(self.serving())
        self.process.send_signal(signal.SIGHUP)
        wait_for('the reload', lambda: before.isdisjoint(self.serving())
                 and len(self.serving()) == self.workers)


def limit():
    """Descriptors that a process may have."""

    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)


class Notify(Nginx):
    """This module, two workers"""

    name = 'notify'
    modules = [f'{MODULES}/ndk_http_module.so',
               f'{programs.OBJS}/ngx_http_notify_module.so']
    http = '''
    notify_reserve 500;
    notify_ping_interval 1h;'''
    server = '''
        location = /client {
            notify_socket;
            notify_user $arg_user_id decode;
        }
        location /new/ {
            notify_push;
        }
        location /unstored/ {
            notify_push;
            notify_history off;
        }
        location /ok/ {
            return 200 '{"id":"1732435200123-0","user":"42","sockets":0}';
        }'''


class Nchan(Nginx):
    """Nchan, two workers"""

    name = 'nchan'
    modules = [f'{MODULES}/ngx_nchan_module.so']
    http = '''
    nchan_shared_memory_size 512m;
    nchan_store_messages off;'''
    server = '''
        location = /client {
            nchan_subscriber websocket;
            nchan_channel_id $arg_user_id;
        }
        location ~ ^/new/(.+)$ {
            nchan_publisher;
            nchan_channel_id $1;
        }'''

    @classmethod
    def missing(cls):
        there = version('libnginx-mod-nchan')
        return '' if there else 'libnginx-mod-nchan is not installed'

    @classmethod
    def about(cls):
        return f'{cls.__doc__} ({version("libnginx-mod-nchan")})'


class Node(Server):
    """Node and ws, one process, t/bench/node.js"""

    name = 'node ws'

    def command(self):
        return ['node', f'{programs.HERE}/node.js', str(self.port)]

    def environment(self):
        return {**os.environ,
                'NODE_PATH': os.environ.get('NODE_PATH',
                                            '/usr/share/nodejs')}

    @classmethod
    def missing(cls):
        check = subprocess.run(['node', '-e', 'require("ws")'],
                               env=Node.environment(cls),
                               capture_output=True)
        return '' if check.returncode == 0 else 'there is no node or no ws'

    @classmethod
    def about(cls):
        node = subprocess.run(['node', '--version'], capture_output=True,
                              text=True).stdout.strip()
        return f'{cls.__doc__} ({node}, ws {version("node-ws")})'
