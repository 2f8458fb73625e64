"""The walk that `entitlements demo` shows: a gated application, a purchase, an outage and a cancellation, live.

Nothing in it is scripted: the application is a process of its own, Stripe is the emulator on a loopback port, the
webhook between them is real and signed, and whatever is shown was read from a response.
"""
