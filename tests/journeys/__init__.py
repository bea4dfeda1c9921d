"""Whole journeys: a real server, real clients, a real browser."""
