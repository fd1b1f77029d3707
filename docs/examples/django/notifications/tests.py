import http.server
import json
import threading
from datetime import timedelta
from unittest import mock

import urllib3
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import SimpleTestCase, TestCase, override_settings
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError
from urllib3.util import connection

from . import push, tasks
from .models import Message, Notification

User = get_user_model()


class PushServer:
    """Stands in for nginx: takes pushes on a port, and answers as told.

    answers has one entry for each request: a status, "silence" (nothing
    until the client gives up) or "reset" (the connection is cut).  When
    there are none left the answer is 200.
    """

    def __init__(self, *answers):
        self.requests = []  # (method, path, body)
        self.keys = []  # the Idempotency-Key of each, or None
        self.connections = set()
        self.answers = list(answers)
        self.gave_up = threading.Event()

        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_push(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                outer.requests.append((self.command, self.path, body))
                outer.keys.append(self.headers.get("Idempotency-Key"))
                outer.connections.add(self.client_address)

                answer = outer.answers.pop(0) if outer.answers else 200
                if answer == "silence":
                    outer.gave_up.wait()
                if answer in ("silence", "reset"):
                    self.close_connection = True
                    return

                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_DELETE = handle_push

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler
        )
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=[0.01]
        )

    def __enter__(self):
        push._pool.cache_clear()
        self.thread.start()
        self.settings = override_settings(
            NOTIFY_PUSH_URL=f"http://127.0.0.1:{self.server.server_port}/new/"
        )
        self.settings.enable()
        return self

    def __exit__(self, *args):
        self.settings.disable()
        push._pool.cache_clear()
        self.gave_up.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


# Of an answer that does not come.  One that comes may be late by that, too.
IMPATIENT = mock.patch.object(
    push, "TIMEOUT", urllib3.Timeout(connect=60, read=1)
)


@override_settings(NOTIFY_PUSH_URL="http://127.0.0.1:1/new/")
class PushTest(SimpleTestCase):
    def setUp(self):
        # Warnings are expected, and a server that is slow is no failure.
        for patch in (
            mock.patch.object(push.logger, "warning"),
            mock.patch.object(
                push, "TIMEOUT", urllib3.Timeout(connect=60, read=60)
            ),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def test_push_carries_the_count(self):
        with PushServer() as server:
            self.assertTrue(push.send_unread_count(42, 3))
        [(method, path, body)] = server.requests
        self.assertEqual((method, path), ("POST", "/new/42"))
        self.assertEqual(json.loads(body), {"unread": 3})

    def test_user_is_one_segment_of_the_path(self):
        with PushServer() as server:
            push.close_sockets("a/b?c@d.e")
        self.assertEqual(
            server.requests, [("DELETE", "/new/a%2Fb%3Fc%40d.e", b"")]
        )

    def test_pushes_share_a_connection(self):
        with PushServer() as server:
            for count in range(5):
                push.send_unread_count(1, count)
        self.assertEqual(len(server.requests), 5)
        self.assertEqual(len(server.connections), 1)

    def test_push_that_was_not_taken_is_tried_again(self):
        for status in push.NOT_TAKEN:
            with self.subTest(status), PushServer(status) as server:
                self.assertTrue(push.send_unread_count(1, 1))
                self.assertEqual(len(server.requests), 2)

    def test_tries_come_to_an_end(self):
        with PushServer(*[503] * 10) as server:
            self.assertFalse(push.send_unread_count(1, 1))
        self.assertEqual(len(server.requests), 3)

    def test_push_that_may_have_been_taken_is_repeated_as_such(self):
        for answer in ("reset", 502, 504):
            with self.subTest(answer), PushServer(answer) as server:
                self.assertTrue(push.send_unread_count(1, 1))
                self.assertEqual(len(server.requests), 2)
                self.assertEqual(server.requests[0], server.requests[1])
                self.assertTrue(server.keys[0])
                self.assertEqual(server.keys[0], server.keys[1])

    @IMPATIENT
    def test_push_without_an_answer_is_repeated_as_such(self):
        with PushServer("silence") as server:
            self.assertTrue(push.send_unread_count(1, 1))
        self.assertIn(len(server.requests), (2, 3))
        self.assertEqual(len(set(server.requests)), 1)
        self.assertTrue(server.keys[0])
        self.assertEqual(len(set(server.keys)), 1)

    def test_push_that_was_refused_is_not_repeated(self):
        for answer in (400, 403, 413, 422, 500):
            with self.subTest(answer), PushServer(answer) as server:
                self.assertFalse(push.send_unread_count(1, 1))
                self.assertEqual(len(server.requests), 1)

    def test_key_is_stable_and_never_of_another_body(self):
        with PushServer() as server:
            for key, count in (("a", 1), ("a", 1), ("a", 2), ("b", 1)):
                push.send_unread_count(1, count, key)
            for _ in range(2):
                push.send_unread_count(1, 1)
        first, again, *others = server.keys
        self.assertEqual(first, again)
        self.assertEqual(len({first, *others}), 5)

    def test_closing_that_was_not_answered_is_repeated(self):
        for answer in ("reset", 502):
            with self.subTest(answer), PushServer(answer) as server:
                self.assertTrue(push.close_sockets(1))
                self.assertEqual(
                    server.requests, [("DELETE", "/new/1", b"")] * 2
                )
                self.assertEqual(server.keys, [None] * 2)

    @IMPATIENT
    def test_closing_without_an_answer_is_repeated(self):
        with PushServer("silence") as server:
            self.assertTrue(push.close_sockets(1))
        self.assertIn(len(server.requests), (2, 3))
        self.assertEqual(set(server.requests), {("DELETE", "/new/1", b"")})
        self.assertEqual(set(server.keys), {None})

    def test_connection_that_failed_is_tried_again(self):
        connect = connection.create_connection
        refusals = [ConnectionRefusedError(), TimeoutError()]

        def create_connection(*args, **kwargs):
            if refusals:
                raise refusals.pop()
            return connect(*args, **kwargs)

        with PushServer() as server, mock.patch.object(
            connection, "create_connection", create_connection
        ):
            self.assertTrue(push.send_unread_count(1, 1))
        self.assertEqual(len(server.requests), 1)

    def test_nobody_there_is_no_error(self):
        self.assertFalse(push.send_unread_count(1, 1))
        push.logger.warning.assert_called_once()


class NotificationTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = User.objects.create_user("alice", password="a")
        cls.bob = User.objects.create_user("bob", password="b")

    def setUp(self):
        self.pushed = []
        self.keys = []
        self.accepts = True

        def send_unread_count(user_pk, count, key=None):
            self.pushed.append((user_pk, count))
            self.keys.append(key)
            return self.accepts

        patch = mock.patch.object(push, "send_unread_count", send_unread_count)
        patch.start()
        self.addCleanup(patch.stop)

    def send(self, **kwargs):
        with self.captureOnCommitCallbacks(execute=True):
            return Message.objects.create(
                sender=self.bob, recipient=self.alice, text="hi", **kwargs
            )

    def test_message_notifies_its_recipient_after_the_commit(self):
        with self.captureOnCommitCallbacks() as callbacks:
            Message.objects.create(
                sender=self.bob, recipient=self.alice, text="hi"
            )
        self.assertFalse(Notification.objects.exists())

        [callback] = callbacks
        callback()
        self.assertEqual(self.alice.notifications.unread().count(), 1)
        self.assertFalse(self.bob.notifications.exists())
        self.assertEqual(self.pushed, [(self.alice.pk, 1)])

    def test_message_saved_again_notifies_nobody(self):
        message = self.send()
        with self.captureOnCommitCallbacks() as callbacks:
            message.text = "changed"
            message.save()
        self.assertEqual(callbacks, [])

    def test_task_looks_the_row_up_again(self):
        message = self.send()
        pk = message.pk
        message.delete()
        tasks.create_message_notifications(pk)
        self.assertFalse(Notification.objects.exists())
        self.assertEqual(len(self.pushed), 1)

    def test_task_that_runs_twice_notifies_once(self):
        message = self.send()
        tasks.create_message_notifications(message.pk)
        self.assertEqual(Notification.objects.count(), 1)
        self.assertEqual(len(self.keys), 2)
        self.assertEqual(len(set(self.keys)), 1)

        self.send()
        self.assertEqual(len(set(self.keys)), 2)

    def test_push_that_fails_breaks_neither_request_nor_task(self):
        self.accepts = False
        self.client.force_login(self.bob)
        with self.captureOnCommitCallbacks(execute=True):
            response = self.client.post(
                reverse("send-message"),
                {"recipient": self.alice.pk, "text": "hi"},
            )
        self.assertRedirects(response, reverse("notifications"))
        self.assertEqual(self.alice.notifications.unread().count(), 1)
        self.assertEqual(self.pushed, [(self.alice.pk, 1)])

    def test_broker_that_is_down_does_not_break_the_request(self):
        with mock.patch.object(
            tasks.create_message_notifications,
            "delay",
            side_effect=OperationalError,
        ), self.assertLogs("notifications.after_commit", "ERROR"):
            self.send()
        self.assertEqual(Message.objects.count(), 1)

    def test_count_that_changed_while_it_was_pushed_is_pushed_again(self):
        def send_unread_count(user_pk, count, key):
            self.keys.append(key)
            if not self.pushed:
                # another process, in the middle of this one's push
                Notification.objects.update(read_at="2024-01-01T00:00Z")
            self.pushed.append((user_pk, count))
            return True

        with mock.patch.object(push, "send_unread_count", send_unread_count):
            self.send()
        self.assertEqual(
            self.pushed, [(self.alice.pk, 1), (self.alice.pk, 0)]
        )
        self.assertEqual(len(set(self.keys)), 2)

    def test_reading_pushes_the_new_count(self):
        self.send()
        self.send()
        self.pushed.clear()
        self.client.force_login(self.alice)
        first = self.alice.notifications.first()

        for url in (
            reverse("mark-read", args=[first.pk]),
            reverse("mark-read", args=[first.pk]),  # nothing left to mark
            reverse("mark-all-read"),
        ):
            with self.captureOnCommitCallbacks(execute=True):
                self.client.post(url)

        self.assertEqual(
            self.pushed, [(self.alice.pk, 1), (self.alice.pk, 0)]
        )

    def test_nobody_reads_for_another(self):
        self.send()
        self.client.force_login(self.bob)
        self.client.post(
            reverse("mark-read", args=[self.alice.notifications.get().pk])
        )
        self.assertEqual(self.alice.notifications.unread().count(), 1)

    def test_reading_behind_the_end_of_a_session_leads_back_to_the_list(self):
        response = self.client.post(reverse("mark-all-read"))
        self.assertRedirects(
            response,
            f"{reverse('login')}?next={reverse('notifications')}",
        )

    def test_page_and_count_agree(self):
        self.send()
        self.client.force_login(self.alice)
        self.assertContains(
            self.client.get(reverse("notifications")), ">1</span>"
        )
        self.assertEqual(
            self.client.get(reverse("unread-count")).json(), {"unread": 1}
        )

    @override_settings(USE_THOUSAND_SEPARATOR=True)
    def test_page_script_can_read_the_count(self):
        Message.objects.bulk_create(
            Message(sender=self.bob, recipient=self.alice, text=str(i))
            for i in range(1001)
        )
        Notification.objects.bulk_create(
            Notification(user=self.alice, message=message)
            for message in Message.objects.all()
        )
        self.client.force_login(self.alice)
        self.assertContains(
            self.client.get(reverse("notifications")), ">1001</span>"
        )

    def test_page_knows_the_last_push_from_before_its_query(self):
        self.client.force_login(self.alice)
        response = self.client.get(
            reverse("notifications"), HTTP_NOTIFY_ID='12-0"'
        )
        self.assertContains(response, 'data-last-id="12-0&quot;"')
        response = self.client.get(reverse("notifications"))
        self.assertContains(response, 'data-last-id=""')

    def test_page_without_a_user_has_no_bubble(self):
        self.assertNotContains(
            self.client.get(reverse("login")), "unread-notifications"
        )
        self.assertEqual(
            self.client.get(reverse("unread-count")).status_code, 401
        )

    def test_logging_out_ends_the_session_before_it_closes_sockets(self):
        self.client.force_login(self.alice)
        status = []

        def close_sockets(user_pk):
            status.append(
                (user_pk, self.client.get("/_notify_auth").status_code)
            )

        with mock.patch.object(
            push, "close_sockets", close_sockets
        ), self.captureOnCommitCallbacks(execute=True):
            self.client.post(reverse("logout"))
        self.assertEqual(status, [(self.alice.pk, 401)])

    def test_worker_closes_sockets_again_where_that_failed(self):
        with mock.patch.object(
            push, "close_sockets", return_value=False
        ), mock.patch.object(
            tasks.close_sockets, "retry", return_value=RuntimeError()
        ) as retry:
            tasks.close_sockets.apply([1])
            retry.assert_not_called()
            with self.assertRaises(RuntimeError):
                tasks.close_sockets(1)
        retry.assert_called_once_with(countdown=1)

    def test_nginx_is_told_whose_session_it_is(self):
        self.client.force_login(self.alice)
        response = self.client.get("/_notify_auth", HTTP_X_USER=self.bob.pk)
        self.assertEqual(response.status_code, 204)
        self.assertEqual(response["X-User"], str(self.alice.pk))

        # The end that is stored, not one that moves with each question.
        end = timezone.now().replace(microsecond=0) + timedelta(minutes=5)
        Session.objects.update(expire_date=end)
        response = self.client.get("/_notify_auth")
        self.assertEqual(response["X-Expires"], str(int(end.timestamp())))

        self.client.logout()
        response = self.client.get("/_notify_auth", HTTP_X_USER=self.bob.pk)
        self.assertEqual(response.status_code, 401)
        self.assertNotIn("X-User", response)
