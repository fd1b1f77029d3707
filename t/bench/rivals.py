"""Servers that need more than one program."""

import os
import shutil

import programs
import servers


class Pushpin(servers.Server):
    """Pushpin, before nginx that answers what subscribes a socket"""

    name = 'pushpin'
    scale = 8
    window = 16                 # it refuses some of more

    def __init__(self):
        super().__init__()
        self.backend = Subscribe()
        self.push = {
            'port': programs.free_port(), 'path': '/publish/',
            'method': 'POST',
            'before': '{"items":[{"channel":"%u","formats":'
                      '{"ws-message":{"content":"',
            'after': '"}}}]}',
        }

    @classmethod
    def missing(cls):
        if not servers.version('pushpin'):
            return 'pushpin is not installed'
        return '' if shutil.which('zurl') else 'zurl is not installed'

    @classmethod
    def about(cls):
        return f'{cls.__doc__} ({servers.version("pushpin")})'

    def command(self):
        return ['pushpin', '--config', f'{self.dir}/pushpin.conf']

    def start(self):
        run = f'{self.dir}/run'
        os.makedirs(run, exist_ok=True)

        with open(f'{self.dir}/routes', 'w') as routes:
            routes.write(f'* localhost:{self.backend.port},over_http\n')

        with open(f'{self.dir}/pushpin.conf', 'w') as conf:
            conf.write(f'''
[global]
include={{libdir}}/internal.conf
rundir={run}
ipc_prefix=bench-

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:{self.port}
logdir={self.dir}
log_level=1
client_buffer_size=8192
client_maxconn=8000

[proxy]
routesfile=routes
sig_key=bench
zurl_out_specs=ipc://{run}/bench-zurl-in
zurl_out_stream_specs=ipc://{run}/bench-zurl-in-stream
zurl_in_specs=ipc://{run}/bench-zurl-out

[handler]
push_in_spec=ipc://{run}/push
push_in_sub_specs=ipc://{run}/sub
push_in_http_addr=127.0.0.1
push_in_http_port={self.push["port"]}
push_in_http_max_body_size=1000000
command_spec=ipc://{run}/command
stats_spec=ipc://{run}/stats
''')
        self.backend.start()
        super().start()

    def ready(self):
        return super().ready() and servers.listens(self.push['port'])

    def stop(self):
        super().stop()
        self.backend.stop()


class Subscribe(servers.Nginx):
    """The backend of Pushpin: it answers what subscribes a socket.

    WebSocket over HTTP: OPEN, then a message (its length in hex) to Pushpin
    itself.  The users of the benchmarks have six digits, so its length is
    known.
    """

    name = 'pushpin backend'
    client = ''
    length = len('c:{"type":"subscribe","channel":"100000"}')
    control = r'c:{\"type\":\"subscribe\",\"channel\":\"$arg_user_id\"}'
    server = rf"""
        location = /client {{
            default_type application/websocket-events;
            add_header Sec-WebSocket-Extensions 'grip; message-prefix=""';
            return 200 "OPEN\r\nTEXT {length:X}\r\n{control}\r\n";
        }}"""


class Redis(servers.Server):
    name = 'redis'
    client = ''

    def command(self):
        return ['redis-server', '--bind', '127.0.0.1', '--port',
                str(self.port), '--save', '', '--dir', self.dir]


class Channels(servers.Server):
    """Django channels: one daphne, its channel layer in Redis"""

    name = 'channels'
    scale = 8

    def __init__(self):
        super().__init__()
        self.redis = Redis()

    @classmethod
    def missing(cls):
        for package in ('daphne', 'python3-channels-redis', 'redis-server'):
            if not servers.version(package):
                return f'{package} is not installed'
        return ''

    @classmethod
    def about(cls):
        return (f'{cls.__doc__}'
                f' ({servers.version("python3-django-channels")})')

    def command(self):
        return ['/usr/bin/python3', '-B', '/usr/bin/daphne', '-b', '127.0.0.1',
                '-p', str(self.port), '-v', '0', 'channels_app:application']

    def environment(self):
        return {**os.environ, 'PYTHONPATH': programs.HERE,
                'BENCH_REDIS_PORT': str(self.redis.port)}

    def start(self):
        self.redis.start()
        super().start()

    def pids(self):
        return super().pids() + self.redis.pids()

    def stop(self):
        super().stop()
        self.redis.stop()
