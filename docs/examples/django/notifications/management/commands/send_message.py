from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from notifications.models import Message


class Command(BaseCommand):
    help = "Sends a message from one user to another, as the form does."

    def add_arguments(self, parser):
        parser.add_argument("sender")
        parser.add_argument("recipient")
        parser.add_argument("text")

    def handle(self, *, sender, recipient, text, **options):
        message = Message.objects.create(
            sender=self.user(sender), recipient=self.user(recipient), text=text
        )
        unread = message.recipient.notifications.unread().count()
        self.stdout.write(
            f"message {message.pk} is saved, {recipient} has {unread} unread"
        )

    @staticmethod
    def user(name):
        User = get_user_model()
        try:
            return User.objects.get_by_natural_key(name)
        except User.DoesNotExist:
            raise CommandError(f'there is no user "{name}"') from None
