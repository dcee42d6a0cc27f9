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
    """words: name -> function of the whole numbers after it that returns the numbers of the answer, or None.

    Adds the seconds it took: by the clock, and of all cores.
    """
    answer(ready=1)
    for line in sys.stdin:
        name, *arguments = line.split()
        start, cpu = time.perf_counter(), time.process_time()
        numbers = words[name](*map(int, arguments)) or {}
        used, took = time.process_time() - cpu, time.perf_counter() - start
        answer(**{"seconds": took, "cpu": used, **numbers})
