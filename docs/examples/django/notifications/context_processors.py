from django.utils.functional import SimpleLazyObject


def unread_notifications(request):
    """unread_notification_count, asked for only by templates that use it."""
    if not request.user.is_authenticated:
        return {}
    return {
        "unread_notification_count": SimpleLazyObject(
            request.user.notifications.unread().count
        )
    }
