"""The Profile API's reads: chosen parts of people and accounts, one or a thousand at once.

`wanted` says which parts, `read` makes people's, `store` reads what is beside the folded states;
record/bulk.py puts them together.
"""
