"""What a server costs: its processes, their memory and CPU time.

Everything is read from /proc, so that all servers are measured alike.
"""

import os


def tree(pid):
    """The process and all its descendants that live."""

    pids = [pid]

    for parent in pids:
        try:
            for task in os.listdir(f'/proc/{parent}/task'):
                path = f'/proc/{parent}/task/{task}/children'
                with open(path) as children:
                    pids += [int(child) for child in children.read().split()]
        except OSError:
            continue

    return pids


def memory(pids):
    """Bytes of user memory that is not a file's: code may be shared with
    programs that come and go.  Of a page that n processes share, each has
    1/n (Pss)."""

    total = 0

    for pid in pids:
        try:
            with open(f'/proc/{pid}/smaps_rollup') as rollup:
                for line in rollup:
                    if line.startswith(('Pss_Anon:', 'Pss_Shmem:')):
                        total += int(line.split()[1]) * 1024
        except OSError:
            continue

    return total


def cpu(pids):
    """Seconds of CPU time, user and system, of all threads."""

    total = 0

    for pid in pids:
        try:
            for task in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{task}/schedstat') as stat:
                    total += int(stat.read().split()[0])
        except OSError:
            continue

    return total / 1e9


def title(pid):
    """The command line, as nginx sets it."""

    try:
        with open(f'/proc/{pid}/cmdline') as cmdline:
            return cmdline.read().replace('\0', ' ').strip()
    except OSError:
        return ''
