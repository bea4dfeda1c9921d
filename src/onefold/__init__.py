"""Onefold: one record of every customer, person and account, put to work."""

__version__ = "0.1.0"
