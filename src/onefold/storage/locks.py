"""Advisory locks, all in one place so that no two mean different things by one number."""

MIGRATE = 724_001  # one migration at a time
APPEND = 724_002  # from a log append to the end of its transaction: numbers commit in order
WORKER = 724_003  # one worker a partition, for as long as it lives
DESTINATIONS = 724_004  # while a destination is made: their number has a limit
SOURCES = 724_005  # while a source is made: keys are unique, their number has a limit
DEFINITIONS = 724_006  # while definitions and the leaves they need change
MICRO = 724_007  # while a test source takes a request: repeats are told from firsts
JOBS = 724_010  # one process of background jobs, for as long as it lives
RULES = 724_011  # while plans or the rules of sources change: their numbers commit in order
LAKE = 724_012  # while the lake is written: one process owns every commit
NAMESPACES = 724_013  # while the identifier rules change: their numbers commit in order
FAMILY = 724_014  # while an account gets a parent: two at once must not close a circle
