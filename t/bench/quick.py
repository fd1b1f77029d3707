#!/usr/bin/python3 -B

"""make bench-quick: the first figures, in a minute.

What a push costs against the cheapest answer that nginx can give, what an
idle socket costs in memory, and what a delivery costs against a plain send()
(raw.c).  Every comparison alternates between both sides in one run, so that
a busy machine disturbs them alike; what counts is the ratio.
"""

import os
import statistics

import meter
import programs
import report
import servers

CONNS = 64
SOCKETS = int(os.environ.get('NOTIFY_BENCH_SOCKETS', 16000))
WARM = SOCKETS // 16
PAIRS = 9


def main():
    report.header('bench-quick')
    pushes()
    sockets()


# --- pushes to users without sockets, one worker

def pushes():
    rows = [['a push to nobody', 'pushes/s', 'return 200/s', 'ratio, pairs',
             'goal', 'CPU ratio']]

    with servers.Notify(workers=1) as server, programs.Client(server) as load:
        pin(server.serving()[0], load.process.pid)

        rows.append(push_row('GET', server, load, method='GET'))
        rows.append(push_row('POST, 100 bytes', server, load, method='POST',
                             size=100))

    report.table(rows)


def pin(worker, client):
    """A core for each, so that the worker is what limits the rate."""

    cores = sorted(os.sched_getaffinity(0))

    if len(cores) > 1:
        os.sched_setaffinity(worker, {cores[0]})
        os.sched_setaffinity(client, {cores[1]})


def push_row(title, server, load, **options):
    rates, costs = ([], []), ([], [])

    for i in range(PAIRS + 1):
        for side, path in enumerate(('/new/%u', '/ok/%u')):
            before = meter.cpu(server.pids())
            result = load.push(path=path, conns=CONNS, users=10000, ms=700,
                               **options)
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
        raise SystemExit(f'{server.name}: {result}, see {server.dir}')


# --- sockets, two workers

def sockets():
    rows = [[f'{SOCKETS:,} sockets', 'notify', 'raw', 'ratio, pairs',
             'goal']]

    with servers.Notify() as notify, servers.Raw() as raw, \
         programs.Client(notify) as ours, programs.Client(raw) as yardstick:

        both = ((notify, ours), (raw, yardstick))

        memory, opened = zip(*(idle(*side) for side in both))
        rows.append(['connections/s', *opened, opened[0] / opened[1], ''])
        rows.append(['user memory of an idle one, bytes', *memory, '',
                     '<= 320'])

        for _, load in both:
            load.close()
            load.open(SOCKETS, same=1)

        rows += deliveries(both)

    report.table(rows)


def idle(server, load):
    """Opens the sockets: bytes each needs, and how many came a second.

    The first ones also pay for code and buffers that the server touches only
    once, so the growth is taken behind them.
    """

    load.open(WARM)
    before = meter.pss(server.pids())
    opened = load.open(SOCKETS - WARM, first=WARM)
    growth = meter.pss(server.pids()) - before

    return growth / opened['open'], opened['open'] / opened['seconds']


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
    main()
