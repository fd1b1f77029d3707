"""A saved Message starts the task that tells its recipient."""
from django.db.models.signals import post_save
from django.dispatch import receiver

from .after_commit import delay_after_commit
from .models import Message
from .tasks import create_message_notifications


@receiver(post_save, sender=Message)
def message_saved(instance, created, raw, using, **kwargs):
    # raw: a fixture is loaded, which brings its own notifications
    if created and not raw:
        delay_after_commit(
            create_message_notifications, instance.pk, using=using
        )
