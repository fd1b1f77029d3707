#!/usr/bin/python3 -B

"""make bench-quick: the first figures, in a minute.

What a push costs against the cheapest answer that nginx can give, what an
idle socket costs in memory, and what a delivery costs against a plain send()
(raw.c).  Every comparison alternates between both sides in one run, so that
a busy machine disturbs them alike; what counts is the ratio.
"""

import os
import statistics
import time

import meter
import programs
import report
import servers

CONNS = 64
SOCKETS = int(os.environ.get('NOTIFY_BENCH_SOCKETS', 16000))
WARM = SOCKETS // 16
WINDOW = 16                     # handshakes at once
PAIRS = 9
EMPTY = {'method': 'GET'}
BODY = {'method': 'POST', 'size': 100}


def main():
    report.header('bench-quick')
    pushes()
    sockets()


# --- pushes to users without sockets, one worker

def pushes():
    rows = [['a push to nobody', 'pushes/s', 'return 200/s', 'ratio, pairs',
             'goal', 'CPU ratio']]

    with servers.Notify(workers=1, huge=True) as server, \
         programs.Client(server) as load:

        pin(server.serving()[0], load.process.pid)

        for title, path, options in (
                ('GET', '/new/%u', EMPTY),
                ('POST, 100 bytes', '/new/%u', BODY),
                ('GET, notify_history off', '/unstored/%u', EMPTY),
                ('POST, 100 bytes, off', '/unstored/%u', BODY)):
            rows.append(push_row(title, server, load, path, **options))

    report.table(rows)


def pin(worker, client):
    """A core for each, so that the worker is what limits the rate."""

    cores = sorted(os.sched_getaffinity(0))

    if len(cores) > 1:
        os.sched_setaffinity(worker, {cores[0]})
        os.sched_setaffinity(client, {cores[1]})


def push_row(title, server, load, push, **options):
    rates, costs = ([], []), ([], [])

    for i in range(PAIRS + 1):
        for side, path in enumerate((push, '/ok/%u')):
            before = meter.cpu(server.pids())
            result = load.push(path=path, conns=CONNS, users=10000, ms=600,
                               spin=1, **options)
            check(server, result)

            if i > 0:
                rates[side].append(result['accepted'] / result['seconds'])
                costs[side].append((meter.cpu(server.pids()) - before)
                                   / result['accepted'])

    return [title, statistics.median(rates[0]), statistics.median(rates[1]),
            report.spread(ratios(rates)), '>= 0.9',
            report.spread(ratios(costs))]


def ratios(sides):
    return [a / b for a, b in zip(*sides)]


def check(server, result):
    """A figure of a server that does not do its work is none."""

    if result['failed'] or result['missing'] or result['repeated']:
        raise programs.Failed(f'{result}, see {server.dir}')


# --- sockets, two workers

def sockets():
    rows = [[f'{SOCKETS:,} sockets', 'notify', 'raw', 'ratio, pairs',
             'goal']]

    with servers.Notify() as notify, servers.Raw() as raw, \
         programs.Client(notify) as ours, programs.Client(raw) as yardstick:

        both = ((notify, ours), (raw, yardstick))

        memory = [idle(*side) for side in both]
        opened = [reopen(load) for _, load in both]

        rows.append(['connections/s', *opened, opened[0] / opened[1], ''])
        rows.append(['user memory of an idle one, bytes', *memory, '',
                     '<= 320'])

        for _, load in both:
            load.close()
            load.open(SOCKETS, same=1)

        rows += deliveries(both)

    report.table(rows)


def idle(server, load):
    """Opens the sockets, and returns the bytes that each needs.

    The first ones also pay for code and buffers that the server touches only
    once, so the growth is taken behind them; and few handshakes at once leave
    few holes in its heap.
    """

    load.open(WARM, window=WINDOW)
    before = meter.memory(server.pids())
    opened = load.open(SOCKETS - WARM, first=WARM, window=WINDOW)

    return (meter.memory(server.pids()) - before) / opened['open']


def reopen(load):
    load.close()
    time.sleep(1)
    opened = load.open(SOCKETS)

    return opened['open'] / opened['seconds']


def deliveries(both):
    rates, costs = ([], []), ([], [])

    for i in range(PAIRS + 1):
        for side, (server, load) in enumerate(both):
            before = meter.cpu(server.pids())
            result = load.push(conns=1, count=6, size=100, expect=SOCKETS,
                               ahead=2 * SOCKETS)
            check(server, result)

            if i > 0:
                rates[side].append(result['deliveries']
                                   / result['delivery_seconds'])
                costs[side].append((meter.cpu(server.pids()) - before)
                                   / result['deliveries'] * 1e6)

    return [[title, *(statistics.median(side) for side in sides),
             report.spread(ratios(sides)), '']
            for title, sides in (('deliveries/s, one message to all', rates),
                                 ('... server CPU of each, us', costs))]


if __name__ == '__main__':
    try:
        main()
    except programs.Failed as why:
        raise SystemExit(f'bench-quick: {why}')
