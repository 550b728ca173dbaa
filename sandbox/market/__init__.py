"""The sandbox market: companies with web sites and people with mailboxes, none of them real.

It meets the app only as the outside does: by SMTP, by HTTP and by webhook. docs/SANDBOX.md.
"""
