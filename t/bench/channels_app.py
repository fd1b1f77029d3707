"""The application that the module replaces, in Django channels: a consumer
that joins its user's group, and a view that sends to one."""

import os
from urllib.parse import parse_qs

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path

PORT = int(os.environ['BENCH_REDIS_PORT'])

settings.configure(
    SECRET_KEY='bench', ALLOWED_HOSTS=['*'], ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    CHANNEL_LAYERS={
        'default': {'BACKEND': 'channels_redis.core.RedisChannelLayer',
                    'CONFIG': {'hosts': [('127.0.0.1', PORT)],
                               'capacity': 100000}},
    },
)
django.setup()


class Client(AsyncWebsocketConsumer):
    async def connect(self):
        query = parse_qs(self.scope['query_string'].decode())
        self.group = f'user.{query["user_id"][0]}'
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.group, self.channel_name)

    async def push(self, event):
        await self.send(text_data=event['text'])


async def new(request, user):
    await get_channel_layer().group_send(
        f'user.{user}', {'type': 'push', 'text': request.body.decode()})
    return JsonResponse({'user': user})


urlpatterns = [path('new/<str:user>', new)]

application = ProtocolTypeRouter({
    'http': get_asgi_application(),
    'websocket': URLRouter([path('client', Client.as_asgi())]),
})
