"""Billing in the admin: read here, changed in the app."""

from django.contrib import admin

from agency.admin import History
from billing.models import Contract, Package, Payment, PaymentEvent, Subscription

for model in (Package, Contract, Subscription, Payment, PaymentEvent):
    admin.site.register(model, History)
