"""Requests to the push location of nginx (notify_push).

urllib3 rather than requests: its pool is safe to share between threads, and
it does not send pushes through a proxy that the environment happens to name.
"""
import json
import logging
import os
import uuid
from functools import lru_cache
from urllib.parse import quote

import urllib3
from django.conf import settings

logger = logging.getLogger(__name__)

# Answers that say the push was not taken and reached nobody: a rate limit of
# nginx (429, 503), the zone of notify is full (507).
NOT_TAKEN = frozenset({429, 503, 507})

# These come from a proxy in between, which does not know.
UNKNOWN = frozenset({502, 504})

# Everything is tried again whenever it was not answered, though it may have
# been taken.  A message has an Idempotency-Key, so that nginx delivers it once
# however often it comes.  A second DELETE closes sockets that have come since:
# their pages ask whether they are logged in, and come back.
RETRY = urllib3.Retry(
    total=2,
    redirect=False,
    status_forcelist=NOT_TAKEN | UNKNOWN,
    allowed_methods=None,
    backoff_factor=0.1,
    raise_on_status=False,
    respect_retry_after_header=False,
)

# Seconds.  nginx answers at once: longer means something is wrong, and a web
# request may be waiting for this.
TIMEOUT = urllib3.Timeout(connect=0.5, read=1.0)


@lru_cache(maxsize=None)
def _pool():
    """The kept-alive connections of this process, shared by its threads."""
    return urllib3.PoolManager(maxsize=8, timeout=TIMEOUT)


# A connection must never be used by two processes.
os.register_at_fork(after_in_child=_pool.cache_clear)


def send_unread_count(user_pk, count, key=None):
    """Sends {"unread": count} to all sockets of a user.

    What was sent with the same key and count before is not sent again.
    Returns whether nginx accepted it; never raises for a push that failed.
    """
    # The same key with another body would be refused.
    key = f"{key}-{count}" if key else uuid.uuid4().hex
    return _request(
        "POST",
        user_pk,
        json.dumps({"unread": count}).encode(),
        {"Content-Type": "application/json", "Idempotency-Key": key},
    )


def close_sockets(user_pk):
    """Closes all sockets of a user with code 4403; returns and raises as
    send_unread_count()."""
    return _request("DELETE", user_pk)


def _request(method, user_pk, body=None, headers=None):
    url = settings.NOTIFY_PUSH_URL + quote(str(user_pk), safe="")
    try:
        response = _pool().request(
            method,
            url,
            body=body,
            headers=headers,
            redirect=False,
            retries=RETRY,
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
