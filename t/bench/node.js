#!/usr/bin/node

// The Node application that the module replaces: a map of users to their
// sockets, and a path that pushes to one of them.
//
//   node.js PORT

'use strict';

const http = require('http');
const { WebSocketServer } = require('ws');

const users = new Map();


function push(user, message) {
    const sockets = users.get(user);

    if (!sockets) {
        return 0;
    }

    for (const socket of sockets) {
        socket.send(message);
    }

    return sockets.size;
}


const server = http.createServer((request, response) => {
    const user = decodeURIComponent(request.url.slice('/new/'.length));
    const chunks = [];

    request.on('data', (chunk) => chunks.push(chunk));

    request.on('end', () => {
        const sockets = push(user, Buffer.concat(chunks).toString());
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify({ user, sockets }));
    });
});

const sockets = new WebSocketServer({ server, path: '/client' });

sockets.on('connection', (socket, request) => {
    const user = new URL(request.url, 'http://localhost')
        .searchParams.get('user_id');

    if (!users.has(user)) {
        users.set(user, new Set());
    }

    users.get(user).add(socket);

    socket.on('error', () => socket.terminate());

    socket.on('close', () => {
        const left = users.get(user);
        left.delete(socket);
        if (left.size === 0) {
            users.delete(user);
        }
    });
});

server.keepAliveTimeout = 3600 * 1000;

server.listen({ port: Number(process.argv[2]), host: '127.0.0.1',
                backlog: 4096 });
