"""The ground floor: frozen types, ids, clock, errors, limits and settings. No I/O but the clock.

Import the modules, not names out of them: `from onefold.kernel import clock, errors, limits`.
"""
