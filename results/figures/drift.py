"""Accuracy over the time since programming, on a logarithmic axis with marks from a second to a year."""
from figures.curves import plot_pages
from figures.roles import Wishes

TIME = "chip.time"


def time_axis(result):
    for axis in result.axes:
        for member in [axis] + axis.tied:
            if member.key == TIME and not member.words and len([v for v in member.distinct if v > 0]) > 1:
                return member
    return None


def has_drift(result, roles):
    """Whether the times of a result deserve a figure of their own: they are swept, and not the x of the first figure."""
    axis = time_axis(result)
    return axis is not None and not (roles.x is not None and roles.x.key == TIME) and \
        roles.kind in ("curves", "heat", "rows")


def plot_drift(result, title=None):
    return plot_pages(result, Wishes(x=TIME), title)[0]
