"""What the scripts of this folder share: one line a result, "ok WHAT" or "not ok WHAT: why"."""

import os
import tempfile
import traceback

SOURCE = os.environ.get("WHORL_SOURCE", ".")
failed = []  # what did not go well


def check(what):
    """Runs a function at once, and says how it went."""
    only = os.environ.get("WHORL_ONLY", "")

    def run(function):
        if only and only not in what:
            return function
        try:
            function()
            print("ok " + what, flush=True)
        except BaseException as problem:
            failed.append(what)
            place = traceback.extract_tb(problem.__traceback__)[-1]
            where = "{}:{}".format(os.path.basename(place.filename), place.lineno)
            why = "{}: {} ({})".format(type(problem).__name__, problem, where)
            print("not ok {}: {}".format(what, " ".join(why.split())), flush=True)
            traceback.print_exc()
        return function

    return run


def equal(a, b, what=""):
    assert a == b, "{} {!r} is not {!r}".format(what, a, b).strip()


def near(a, b, tolerance=1e-5, what=""):
    equal(len(a), len(b), what)
    far = max((abs(a[i] - b[i]) for i in range(len(b))), default=0)
    assert far <= tolerance, "{} {} apart".format(what, far).strip()


class Project:
    """A folder with pipelines and kernels."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="whorl-project-")

    def path(self, name):
        return os.path.join(self.folder, name)

    def save(self, name, text):
        """As editors do: beside, and renamed."""
        with open(self.path(name) + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(self.path(name) + ".new", self.path(name))
        return self.path(name)
