"""The product's settings, with kinds of work whose effects can be counted."""

from agency.settings import *  # noqa: F403
from agency.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "chaos"]
