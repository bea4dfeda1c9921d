"""Killing real processes under load."""
