#!/usr/bin/python3
"""A socket by Python's websockets.

What all three clients (client.py, client.js, client.pl) speak with the test,
by lines; data is told by its length and MD5, so that it may be long:

    out   open | refused STATUS
    out   text N MD5 | binary N MD5 | pong | close CODE REASON
    in    text WORDS | fragments WORD WORD ... | binary HEX | ping
    in    close CODE REASON
"""

import asyncio
import hashlib
import ssl
import sys

import websockets


def say(*words):
    print(*words, flush=True)


async def stdin_lines():
    reader = asyncio.StreamReader(limit=2 ** 24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def obey(ws, reader):
    while True:
        line = (await reader.readline()).decode()
        if not line:
            return
        word, _, rest = line.rstrip('\n').partition(' ')
        if word == 'text':
            await ws.send(rest)
        elif word == 'fragments':
            await ws.send(iter(rest.split(' ')))
        elif word == 'binary':
            await ws.send(bytes.fromhex(rest))
        elif word == 'ping':
            await (await ws.ping())
            say('pong')
        elif word == 'close':
            code, _, reason = rest.partition(' ')
            await ws.close(int(code), reason)


async def main(url, headers):
    context = None
    if url.startswith('wss:'):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    try:
        ws = await websockets.connect(
            url, max_size=None, ping_interval=None, ssl=context,
            extra_headers=[h.split(': ', 1) for h in headers])
    except websockets.InvalidStatusCode as e:
        say('refused', e.status_code)
        return

    say('open')
    task = asyncio.create_task(obey(ws, await stdin_lines()))

    try:
        async for data in ws:
            kind = 'text' if isinstance(data, str) else 'binary'
            if kind == 'text':
                data = data.encode()
            say(kind, len(data), hashlib.md5(data).hexdigest())
    except websockets.ConnectionClosedError:
        pass

    task.cancel()
    say('close', ws.close_code, ws.close_reason)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
