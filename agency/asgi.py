"""HTTP goes to Django but for the webhooks, WebSockets to the dashboard's consumers."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agency.settings")

http = get_asgi_application()

# By name: the layers below the dashboard do not import it.
websocket_urlpatterns = import_string("dashboard.routing.websocket_urlpatterns")

application = ProtocolTypeRouter(
    {
        "http": import_string("dashboard.hooks.intake.Hooks")(http),
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
        ),
    }
)
