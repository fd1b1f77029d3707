"""Tokens by which a page tells nginx whose socket it opens (notify_token)."""
import base64
import hashlib
import hmac
import json
import time

from django.conf import settings


def notify_token(user, seconds=3600, **claims):
    """A token (JWT, HS256) that names the user for that many seconds.

    Whoever has it can open sockets of the user, also after a log-out.
    claims are added: groups=["staff"], aud="notify".  Signed with the text
    settings.NOTIFY_TOKEN_KEY, which is that of the file that notify_token in
    nginx's configuration names.
    """
    claims.update(sub=str(user.pk), exp=int(time.time()) + seconds)
    text = _encode({"alg": "HS256"}) + b"." + _encode(claims)
    mac = hmac.digest(settings.NOTIFY_TOKEN_KEY.encode(), text, hashlib.sha256)
    return (text + b"." + _base64(mac)).decode()


def _encode(value):
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
