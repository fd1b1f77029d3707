"""Where it was measured, and tables."""

import os
import platform
import statistics
import subprocess

import servers


def header(title):
    """What ran where: no figure means anything without it."""

    nginx = subprocess.run([servers.NGINX, '-v'], capture_output=True,
                           text=True).stderr.split('/')[-1].strip()
    load = os.getloadavg()[0]

    print(f'{title}: {os.cpu_count()} cores, Linux {platform.release()},'
          f' nginx {nginx}')

    if load > 0.5:
        print(f'The load average is {load:.1f} before anything has started:'
              ' other work disturbs these figures.')


def text(value):
    """A number with as many digits as are worth reading."""

    if value is None:
        return '-'
    if isinstance(value, str):
        return value
    if abs(value) >= 1000:
        return f'{value:,.0f}'
    if abs(value) >= 100 or value == int(value):
        return f'{value:.0f}'
    return f'{value:.1f}' if abs(value) >= 10 else f'{value:.2f}'


def spread(values):
    """The median, and the least and greatest in brackets."""

    return (f'{text(statistics.median(values))}'
            f' [{text(min(values))}-{text(max(values))}]')


def table(rows):
    """Rows of strings and numbers, the first row is the head."""

    rows = [[text(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    print()
    for row in rows:
        print('  '.join([row[0].ljust(widths[0])]
                        + [cell.rjust(width) for cell, width
                           in zip(row[1:], widths[1:])]).rstrip())
