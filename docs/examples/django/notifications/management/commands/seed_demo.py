from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

USERS = {"alice": "alice-demo", "bob": "bob-demo"}


class Command(BaseCommand):
    help = "Makes the demo's users where they are missing, and prints them."

    def handle(self, **options):
        User = get_user_model()
        for name, password in USERS.items():
            user, created = User.objects.get_or_create(username=name)
            if created:
                user.set_password(password)
                user.save()
            self.stdout.write(f"{user.pk} {name} {password}")
