"""All addresses: the admin's here, everything else is the dashboard's."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("dashboard.urls")),
]

handler500 = "dashboard.views.errors.failed"
