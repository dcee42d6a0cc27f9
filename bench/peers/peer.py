"""What the peers of the benches share: words in, a line of JSON out for each.

The lines go to the output that the process was started with; whatever a library prints goes to the error output.
"""
import json
import os
import sys
import time

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(**numbers):
    out.write(json.dumps(numbers) + "\n")
    out.flush()


def missing(why):
    """Ends a peer that lacks a package."""
    print("  %s: %s" % (os.path.basename(sys.argv[0]), why), file=sys.stderr)
    answer(ready=0)
    sys.exit(0)


def serve(words):
    """words: name -> function that returns the numbers of the answer, or None. Adds the seconds it took."""
    answer(ready=1)
    for line in sys.stdin:
        start = time.perf_counter()
        numbers = words[line.strip()]() or {}
        took = time.perf_counter() - start
        answer(**{"seconds": took, **numbers})
