from django.contrib.auth.views import LoginView
from django.urls import path

from . import views

urlpatterns = [
    path("", views.NotificationList.as_view(), name="notifications"),
    path("send/", views.SendMessage.as_view(), name="send-message"),
    path("read/", views.mark_read, name="mark-all-read"),
    path("read/<int:pk>/", views.mark_read, name="mark-read"),
    path("unread/", views.unread_count, name="unread-count"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", views.log_out, name="logout"),
    # for nginx alone: its location of this name is internal
    path("_notify_auth", views.notify_auth),
]
