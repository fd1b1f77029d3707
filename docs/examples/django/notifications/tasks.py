"""What is done after a commit, by a Celery worker or at once."""
from celery import shared_task

from . import push
from .models import Message, Notification

# How often the count is pushed while other processes keep changing it.
PUSH_ROUNDS = 5


# A task whose worker, or whose process of it, died runs again.  That does no
# harm.
@shared_task(acks_late=True, reject_on_worker_lost=True)
def create_message_notifications(message_pk):
    """Tells the recipient of a message that it is there."""
    try:
        message = Message.objects.get(pk=message_pk)
    except Message.DoesNotExist:
        return  # deleted since: nothing to tell

    notification, _ = Notification.objects.get_or_create(
        user_id=message.recipient_id, message=message
    )
    # Stable: the task that runs again pushes nothing twice.
    push_unread_count(message.recipient_id, f"notification-{notification.pk}")


@shared_task
def push_unread_count(user_pk, key=None):
    """Tells all pages of a user how many of their notifications are unread.

    Two tasks of one user may count in one order and push in the other.  So
    count again after the push: whoever pushes last then sees that the number
    it pushed is still right, or pushes the right one.
    """
    unread = Notification.objects.filter(user_id=user_pk).unread()
    count = unread.count()
    for i in range(PUSH_ROUNDS):
        if not push.send_unread_count(user_pk, count, key and f"{key}-{i}"):
            return
        pushed, count = count, unread.count()
        if count == pushed:
            return


@shared_task(bind=True, max_retries=5)
def close_sockets(self, user_pk):
    """Closes the sockets of a user who logged out, with code 4403.

    Where that fails, a browser goes on listening that is logged out: a Celery
    worker tries again for a minute.  Without one, notify_lifetime is what ends
    it.
    """
    if not push.close_sockets(user_pk) and not self.request.is_eager:
        raise self.retry(countdown=2**self.request.retries)
