"""Real, unmodified SDKs against the collector. `parts` installs them."""
