#!/usr/bin/python3 -B

"""make bench-reload: what ten reloads, or restarts, do to those connected.

Each server holds sockets, each of its own user, while messages are pushed to
them at a steady rate: once undisturbed, once with ten reloads (nginx) or
restarts (Node, as its operator must), two seconds apart.  A client whose
socket is closed opens it again within a second; a push that is not accepted
is tried again after 20 ms, as a task queue would.  reload.py NAME ... runs
only those.
"""

import os
import sys
import time

import meter
import programs
import report
import servers

SERVERS = (servers.Notify, servers.Nchan, servers.Node)

SOCKETS = int(os.environ.get('NOTIFY_BENCH_SOCKETS', 8000))
RELOADS = 10
APART = 2                       # seconds
RATE = 500
CONNS = 16
SIZE = 100
FIRST = 100000

ROWS = (
    ('sockets closed', lambda r: r['closed']),
    ('longest silence of a user, s', lambda r: r['down_longest']),
    ('... of all users together, s', lambda r: r['down_seconds']),
    ('messages pushed', lambda r: r['accepted']),
    ('... lost', lambda r: r['missing']),
    ('... repeated', lambda r: r['repeated']),
    ('pushes that had to be tried again', lambda r: r['retries']),
    ('push to browser, p99, ms: undisturbed', lambda r: ms(r['calm'], 1)),
    ('... with the reloads', lambda r: ms(r['delivery_us'], 1)),
    ('... the worst: undisturbed', lambda r: ms(r['calm'], 2)),
    ('... with the reloads', lambda r: ms(r['delivery_us'], 2)),
    ('old processes that are left', lambda r: r['old']),
    ('memory of old ones after a reload, at most, MB',
     lambda r: r['old_memory'] / 1e6),
    ('memory of all: before, MB', lambda r: r['before'] / 1e6),
    ('... after, MB', lambda r: r['after'] / 1e6),
)


def ms(samples, i):
    return samples[i] / 1000 if samples else None


def main():
    chosen = [kind for kind in SERVERS
              if not sys.argv[1:] or kind.name in sys.argv[1:]]
    kinds = []

    report.header('bench-reload')

    for kind in chosen:
        missing = kind.missing()
        print(f'{kind.name}: {missing or kind.about()}')
        if not missing:
            kinds.append(kind)

    results = [attempt(kind) for kind in kinds]

    report.table([
        [f'{SOCKETS:,} sockets, {RATE}/s', *(kind.name for kind in kinds)],
        ['how it is done', *(f'{RELOADS} {kind.restarts}s'
                             for kind in kinds)],
        *([title, *(figure(result) if result else 'failed'
                    for result in results)]
          for title, figure in ROWS)])


def attempt(kind):
    """What was found, or None if the server did not serve."""

    try:
        return measure(kind)
    except programs.Failed as why:
        print(f'{kind.name}: {why}', file=sys.stderr)
        return None


def measure(kind):
    print(f'{kind.name} ...', file=sys.stderr)

    options = {'rate': RATE, 'conns': CONNS, 'size': SIZE, 'users': SOCKETS,
               'first': FIRST, 'expect': 1, 'retry': 20}

    with kind() as server, programs.Client(server) as load:
        load.open(SOCKETS, first=FIRST, reconnect=1000)
        time.sleep(1)

        calm = load.push(ms=10000, **options)
        before = meter.memory(server.pids())

        load.start_push(ms=(RELOADS + 1) * APART * 1000, **options)
        most = reload(server)
        result = load.result()

        old = server.lingering()

        return {**result, 'calm': calm['delivery_us'], 'before': before,
                'after': meter.memory(server.pids()), 'old': len(old),
                'old_memory': most}


def reload(server):
    """Returns the most memory that old processes had after a reload."""

    most = 0
    begin = time.monotonic()

    for i in range(1, RELOADS + 1):
        time.sleep(max(0, begin + i * APART - time.monotonic()))
        server.restart()
        most = max(most, meter.memory(server.lingering()))

    return most


if __name__ == '__main__':
    main()
