"""Hotline Exchange: referrals between internet hotlines, signed, sealed end to end and never lost."""

__version__ = "0.1.0"
