from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import CreateView, ListView

from .after_commit import delay_after_commit
from .forms import MessageForm
from .tasks import close_sockets, push_unread_count


class NotificationList(LoginRequiredMixin, ListView):
    template_name = "notifications/list.html"
    paginate_by = 50

    def get_queryset(self):
        return self.request.user.notifications.select_related(
            "message__sender"
        )


class SendMessage(LoginRequiredMixin, CreateView):
    form_class = MessageForm
    template_name = "notifications/send.html"
    success_url = reverse_lazy("notifications")

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), "sender": self.request.user}

    def form_valid(self, form):
        response = super().form_valid(form)
        messages.success(
            self.request, f"Your message to {self.object.recipient} is sent."
        )
        return response


@require_POST
def mark_read(request, pk=None):
    """Marks one notification as read, or all; the user's other pages agree,
    as they are pushed the new count."""
    if not request.user.is_authenticated:
        # Not @login_required: the login would come back here, by GET.
        return redirect_to_login(reverse("notifications"))
    unread = request.user.notifications.unread()
    if pk is not None:
        unread = unread.filter(pk=pk)
    if unread.update(read_at=timezone.now()):
        delay_after_commit(push_unread_count, request.user.pk)
    return redirect("notifications")


@never_cache
@require_safe
def unread_count(request):
    """What pages ask for whenever their socket opened again.  401 (no redirect
    to the login form) tells them that they may stop asking."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return JsonResponse(
        {"unread": request.user.notifications.unread().count()}
    )


@require_POST
def log_out(request):
    user_pk = request.user.pk
    logout(request)
    if user_pk is not None:
        # Only when the session is gone: a page whose socket closes asks at
        # once whether it is still logged in.
        delay_after_commit(close_sockets, user_pk)
    return redirect("login")


def notify_auth(request):
    """Whose socket is it?  nginx asks before it opens one (auth_request)."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    response = HttpResponse(status=204)
    response["X-User"] = str(request.user.pk)
    end = session_end(request.session)
    if end is not None:
        response["X-Expires"] = str(int(end.timestamp()))
    return response


def session_end(session):
    """When the session ends, as it was stored; None with a session engine that
    does not tell.  (get_expiry_date() of an open session counts from now.)"""
    model = getattr(session, "model", None)
    if model is None:
        return None
    return (
        model.objects.filter(pk=session.session_key)
        .values_list("expire_date", flat=True)
        .first()
    )
