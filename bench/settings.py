"""The product's settings, with an empty page and a few kinds of job more to compare with."""

from agency.settings import *  # noqa: F403
from agency.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench"]
ROOT_URLCONF = "bench.urls"
