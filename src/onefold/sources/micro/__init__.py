"""What a test source sent, checked at once and kept in a short list, so that CI can assert on it.

A test source's items go through the same admission as everybody's, with the rules of the source,
and then nowhere: they are not in the log, so there are no facts, no people and no ledger of them.
`take` checks a request before it is answered; so what was sent can be asked for right away.
"""

from onefold.sources.micro.listing import FILTERS, OUTCOMES, counts, items, reset, take

__all__ = ["FILTERS", "OUTCOMES", "counts", "items", "reset", "take"]
