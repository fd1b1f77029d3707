from django.utils.functional import SimpleLazyObject


def unread_notifications(request):
    """unread_notification_count, asked for only by templates that use it, and
    notify_last_id, the last push from before that question."""
    if not request.user.is_authenticated:
        return {}
    return {
        "notify_last_id": request.headers.get("Notify-Id", ""),
        "unread_notification_count": SimpleLazyObject(
            request.user.notifications.unread().count
        )
    }
