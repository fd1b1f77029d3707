"""Requests to the push location of nginx (notify_push).

urllib3 rather than requests: its pool is safe to share between threads, and
it does not send pushes through a proxy that the environment happens to name.
"""
import json
import logging
import os
from functools import lru_cache
from urllib.parse import quote

import urllib3
from django.conf import settings

logger = logging.getLogger(__name__)

# Answers that say the push was not taken and reached nobody: a rate limit of
# nginx (429, 503), the zone of notify is full (507).  502 and 504 come from a
# proxy in between, which does not know.
NOT_TAKEN = frozenset({429, 503, 507})

# Tried again only when the push cannot have been taken: no connection came
# about, or the answer says so.  After a time-out or a reset in the middle
# nobody knows, and what was delivered once must not be delivered twice.
RETRY = urllib3.Retry(
    total=2,
    read=False,
    other=False,
    redirect=False,
    status_forcelist=NOT_TAKEN,
    allowed_methods=None,
    backoff_factor=0.1,
    raise_on_status=False,
    respect_retry_after_header=False,
)

# Seconds.  nginx answers at once: longer means something is wrong, and a web
# request may be waiting for this.
TIMEOUT = urllib3.Timeout(connect=0.5, read=2.0)


@lru_cache(maxsize=None)
def _pool():
    """The kept-alive connections of this process, shared by its threads."""
    return urllib3.PoolManager(maxsize=8, retries=RETRY, timeout=TIMEOUT)


# A connection must never be used by two processes.
os.register_at_fork(after_in_child=_pool.cache_clear)


def send_unread_count(user_pk, count):
    """Sends {"unread": count} to all sockets of a user.

    Returns whether nginx accepted it; never raises for a push that failed.
    """
    return _request("POST", user_pk, json.dumps({"unread": count}).encode())


def close_sockets(user_pk):
    """Closes all sockets of a user with code 4403; returns and raises as
    send_unread_count()."""
    return _request("DELETE", user_pk)


def _request(method, user_pk, body=None):
    url = settings.NOTIFY_PUSH_URL + quote(str(user_pk), safe="")
    headers = {"Content-Type": "application/json"} if body else {}
    try:
        response = _pool().request(
            method, url, body=body, headers=headers, redirect=False
        )
    except urllib3.exceptions.HTTPError as error:
        logger.warning("%s %s failed: %s", method, url, error)
        return False

    if response.status != 200:
        logger.warning(
            "%s %s answered %s: %s",
            method,
            url,
            response.status,
            response.data[:200],
        )
        return False
    return True
