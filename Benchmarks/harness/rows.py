"""Rows of the table: what was measured, what is required, what was seen."""

from dataclasses import dataclass
from statistics import median


@dataclass
class Row:
    line: str  # "a" … "i"
    what: str
    nightstand: str
    against: str
    required: str  # "" where the row only informs
    seen: str
    met: bool = True
    beyond: str = ""  # what the limit program reaches, where even that is less than required

    def cells(self):
        verdict = ("yes" if self.met else f"the limit: {self.beyond}" if self.beyond else "**no**") if self.required else "–"
        return [self.line, self.what, self.nightstand, self.against, self.required or "shown only", self.seen, verdict]


def ratio_row(line, what, unit, ours, name, theirs, required, higher_is_better, limit=None):
    """One comparison by medians. `unit` formats a number; `required` is the least ratio, None only informs.

    `limit` is what a program reached in the same run that does only what cannot be left out: a server can hardly do better.
    """
    def ratio(value):
        return value / theirs if higher_is_better else theirs / value
    met = required is None or ratio(ours) >= required
    is_beyond = not met and limit is not None and ratio(limit) < required
    return Row(line, what, unit(ours), f"{name}: {unit(theirs)}", f"≥ {required:g}×" if required else "",
               f"{ratio(ours):.2f}×", met, f"{ratio(limit):.2f}×" if is_beyond else "")


def bound_row(line, what, value, text, bound, bound_text, at_least, limit=None, limit_text=""):
    """One figure against a fixed bound. `limit` as in `ratio_row`, for figures that say as much about the machine."""
    def holds(number):
        return number >= bound if at_least else number <= bound
    is_beyond = not holds(value) and limit is not None and not holds(limit)
    return Row(line, what, text, "fixed bound", bound_text, text, holds(value), limit_text if is_beyond else "")


def interleave(repeats, measurements):
    """Runs every measurement once, then all once more … (A B C A B C …); the median of each.

    `measurements` maps a name to a function that returns a number.
    """
    values = {name: [] for name in measurements}
    for turn in range(repeats):
        for name, measure in measurements.items():
            values[name].append(measure())
            print(f"  {turn + 1}/{repeats} {name}: {values[name][-1]:.4g}", flush=True)
    return {name: median(numbers) for name, numbers in values.items()}


def seconds(value):
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


def files_per_second(value):
    return f"{value:,.0f} files/s"


def per_second(value):
    return f"{value:,.0f}/s"
