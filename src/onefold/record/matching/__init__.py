"""Matching known people by likeness: gathered, weighed, asked about, answered.

    gather   people whose traits changed become records            (background)
    weigh    records are compared with those that share a key      (background)
    run      a full pass with a new model now and then, what changed each minute
    answers  the review queue: a human's answers are decisions
    entry    likely duplicates of somebody being typed in
    trust    the numbers of the trust page                          (background)

The question goes to f before anybody is asked: a pair that f would not join, because of a limit or
somebody's decision, is never proposed; it is kept as barred, with the reason.
"""

from onefold.record.matching import answers, entry, gather, house, run, trust

__all__ = ["answers", "entry", "gather", "house", "run", "trust"]
