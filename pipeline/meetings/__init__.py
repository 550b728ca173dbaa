"""Calls with leads: when they can be, who took which time, and the calendar that shows them."""
