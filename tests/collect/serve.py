"""A collector in a process of its own: python -m tests.collect.serve DATABASE; prints its port."""

import sys

from tests.collect.harness import Running

if __name__ == "__main__":
    one = Running(sys.argv[1])
    one.start()
    sys.stdout.write(f"{one.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    one.stop()
