import base64
import hashlib
import hmac
import json
import time
from types import SimpleNamespace

from django.test import SimpleTestCase, override_settings

from .tokens import notify_token

KEY = "0123456789abcdef" * 4


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@override_settings(NOTIFY_TOKEN_KEY=KEY)
class NotifyTokenTests(SimpleTestCase):
    user = SimpleNamespace(pk=42)

    def test_names_the_user_until_it_expires(self):
        before = int(time.time())
        header, claims, _ = notify_token(self.user, seconds=60).split(".")

        self.assertEqual(json.loads(decode(header)), {"alg": "HS256"})
        claims = json.loads(decode(claims))
        self.assertEqual(claims["sub"], "42")
        self.assertGreaterEqual(claims["exp"], before + 60)
        self.assertLessEqual(claims["exp"], time.time() + 60)

    def test_is_signed(self):
        text, _, signature = notify_token(self.user).rpartition(".")
        mac = hmac.new(KEY.encode(), text.encode(), hashlib.sha256)
        self.assertEqual(decode(signature), mac.digest())

    def test_has_more_claims_but_no_other_user(self):
        token = notify_token(self.user, groups=["staff"], sub="1")
        claims = json.loads(decode(token.split(".")[1]))
        self.assertEqual(claims["groups"], ["staff"])
        self.assertEqual(claims["sub"], "42")

    def test_goes_into_a_subprotocol_and_a_url(self):
        for pk in range(100):
            token = notify_token(SimpleNamespace(pk=pk))
            self.assertRegex(token, r"^[\w-]+\.[\w-]+\.[\w-]+$")
