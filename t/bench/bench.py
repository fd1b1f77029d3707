#!/usr/bin/python3 -B

"""make bench: the module beside what else holds the sockets of a site.

Every server runs alone, with the same load (t/bench/client.c) on the same
machine, in rounds whose order turns.  A figure is the median of the rounds;
in brackets is its ratio to raw (t/bench/raw.c) of the same round, the median
too.  bench.py NAME ... runs only those, and raw.
"""

import os
import statistics
import sys
import time

import meter
import programs
import report
import rivals
import servers

SERVERS = (servers.Notify, servers.Nchan, servers.Node, rivals.Pushpin,
           rivals.Channels, servers.Raw)

ROUNDS = int(os.environ.get('NOTIFY_BENCH_ROUNDS', 3))
SOCKETS = int(os.environ.get('NOTIFY_BENCH_SOCKETS', 16000))
PUSHES = 30000
FANOUT = 20
RATE = 1000
CONNS = 64
SIZE = 100
FIRST = 100000                  # users have six digits
WINDOW = 16                     # handshakes at once

ROWS = (
    ('memory', 'user memory of an idle socket, bytes'),
    ('opened', 'connections/s'),
    ('fanout', 'one message to all: deliveries/s'),
    ('delivery_cpu', '... server CPU of each, us'),
    ('pushes', f'pushes to one user each, {CONNS} in flight, /s'),
    ('push_cpu', '... server CPU of each, us'),
    ('p50', f'push to browser at {RATE:,}/s, p50, us'),
    ('p99', '... p99, us'),
)


def main():
    chosen = [kind for kind in SERVERS if not sys.argv[1:]
              or kind.name in sys.argv[1:] or kind is servers.Raw]
    missing = {kind: kind.missing() for kind in chosen}
    kinds = [kind for kind in chosen if not missing[kind]]

    report.header('bench')

    for kind in chosen:
        print(f'{kind.name}: {missing[kind] or kind.about()}')

    rounds = {kind: [] for kind in kinds}

    for i in range(ROUNDS):
        for j in range(len(kinds)):
            kind = kinds[(i + j) % len(kinds)]
            rounds[kind].append(attempt(kind))

    print_table(kinds, rounds)
    print_losses(rounds)


def print_table(kinds, rounds):
    rows = [['', *(kind.name for kind in kinds)],
            ['sockets', *(SOCKETS // kind.scale for kind in kinds)],
            *([title, *(cell(key, kind, rounds) for kind in kinds)]
              for key, title in ROWS)]

    report.table(rows)


def cell(key, kind, rounds):
    pairs = [(mine[key], raw[key])
             for mine, raw in zip(rounds[kind], rounds[servers.Raw])
             if mine and raw]

    if not pairs:
        return 'failed'

    text = report.text(statistics.median(mine for mine, _ in pairs))

    if kind is servers.Raw or key == 'memory':
        return text

    ratio = statistics.median(mine / raw for mine, raw in pairs)

    return f'{text} ({report.text(ratio)})'


def print_losses(rounds):
    for kind, figures in rounds.items():
        failed = figures.count(None)
        lost = sum(one['lost'] for one in figures if one)

        if failed:
            print(f'{kind.name}: {failed} rounds failed')
        if lost:
            print(f'{kind.name}: {lost} messages did not arrive')
        if kind is servers.Notify and (failed or lost):
            raise SystemExit(1)


def attempt(kind):
    """The figures of a round, or None if the server did not serve."""

    try:
        return measure(kind)
    except programs.Failed as why:
        print(f'{kind.name}: {why}', file=sys.stderr)
        return None


def measure(kind):
    print(f'{kind.name} ...', file=sys.stderr)

    with kind() as server, programs.Client(server) as load:
        n = SOCKETS // kind.scale
        figures = {'lost': 0}

        idle(server, load, n, figures)
        pushes(server, load, n, figures)
        latency(server, load, n, figures)

        load.close()
        time.sleep(1)
        opened = load.open(n, first=FIRST)
        figures['opened'] = opened['open'] / opened['seconds']

        load.close()
        time.sleep(1)
        load.open(n, same=1, first=FIRST)
        time.sleep(1)

        fanout(server, load, n, figures)

    return figures


def idle(server, load, n, figures):
    """The first sockets also pay for code and buffers that the server touches
    only once, so the growth is taken behind them; and few handshakes at once
    leave few holes in its heap."""

    warm = n // 16

    load.open(warm, first=FIRST, window=WINDOW)
    time.sleep(1)
    before = meter.memory(server.pids())

    opened = load.open(n - warm, first=FIRST + warm, window=WINDOW)
    time.sleep(1)
    growth = meter.memory(server.pids()) - before

    figures['memory'] = growth / opened['open']


def pushes(server, load, n, figures):
    before = meter.cpu(server.pids())
    result = load.push(count=PUSHES // server.scale, conns=CONNS, size=SIZE,
                       users=n, first=FIRST, expect=1)

    figures['push_cpu'] = ((meter.cpu(server.pids()) - before)
                           / result['accepted'] * 1e6)
    figures['pushes'] = result['deliveries'] / result['delivery_seconds']
    figures['lost'] += result['missing']


def latency(server, load, n, figures):
    result = load.push(rate=RATE, ms=4000, conns=CONNS, size=SIZE, users=n,
                       first=FIRST, expect=1)

    figures['p50'], figures['p99'] = result['delivery_us'][:2]
    figures['lost'] += result['missing']


def fanout(server, load, n, figures):
    before = meter.cpu(server.pids())
    result = load.push(count=FANOUT, conns=1, size=SIZE, first=FIRST,
                       expect=n, ahead=2 * n)

    figures['delivery_cpu'] = ((meter.cpu(server.pids()) - before)
                               / result['deliveries'] * 1e6)
    figures['fanout'] = result['deliveries'] / result['delivery_seconds']
    figures['lost'] += result['missing']


if __name__ == '__main__':
    main()
