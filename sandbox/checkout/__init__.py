"""The sandbox checkout: takes test cards and speaks Stripe's API. No money moves.

The app asks it with Stripe's own SDK, payers see its page, and it tells the app by signed webhooks.
docs/PAYMENTS.md.
"""
