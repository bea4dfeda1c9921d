"""Traits: who said what and when, edits by hand, rules of precedence, the catalogue."""
