#!/usr/bin/node

// A socket by ws for Node; the lines are those of client.py.

'use strict';

const crypto = require('crypto');
const readline = require('readline');
const WebSocket = require('ws');

const headers = {};
for (const header of process.argv.slice(3)) {
    const [name, value] = header.split(': ');
    headers[name] = value;
}

const ws = new WebSocket(process.argv[2], {
    headers: headers, rejectUnauthorized: false
});

ws.on('open', () => {
    console.log('open');

    const lines = readline.createInterface({ input: process.stdin });

    lines.on('line', (line) => {
        const [word, ...rest] = line.split(' ');

        if (word === 'text') {
            ws.send(rest.join(' '));

        } else if (word === 'fragments') {
            rest.forEach((part, i) => {
                ws.send(part, { fin: i === rest.length - 1 });
            });

        } else if (word === 'binary') {
            ws.send(Buffer.from(rest[0], 'hex'));

        } else if (word === 'ping') {
            ws.ping('ping');

        } else if (word === 'close') {
            ws.close(Number(rest[0]), rest.slice(1).join(' '));
        }
    });

    ws.on('close', () => lines.close());
});

ws.on('unexpected-response', (request, response) => {
    console.log('refused', response.statusCode);
    process.exit(0);
});

ws.on('message', (data, binary) => {
    console.log(binary ? 'binary' : 'text', data.length,
                crypto.createHash('md5').update(data).digest('hex'));
});

ws.on('pong', () => console.log('pong'));
ws.on('close', (code, reason) => {
    console.log('close', code, reason.toString());
    process.stdin.destroy();
});
ws.on('error', (error) => console.log('error', error.message));
