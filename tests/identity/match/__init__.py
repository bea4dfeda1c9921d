"""Matching without labels, on small files and on the labelled sets."""
