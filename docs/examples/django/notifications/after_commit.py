"""Tasks that start when the transaction they speak of is committed."""
import logging

from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def delay_after_commit(task, *args, using=None):
    """Starts a task after the commit: before it, a worker would not see the
    row, and after a rollback there is nothing to tell.

    A broker that is down is logged and no more.  The row is committed: an
    answer of 500 would only make the user send it twice.
    """

    def start():
        try:
            task.delay(*args)
        except OperationalError:
            logger.exception("no broker took %s%s", task.name, args)

    transaction.on_commit(start, using=using)
