"""Accuracy over the time since programming, on a logarithmic axis with marks from a second to a year."""
from figures.curves import PER_PAGE, plot_pages
from figures.roles import Wishes, choose, kinds_of

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
    if axis is None:
        return False
    wanted = choose(result, Wishes(x=TIME))
    return len(kinds_of(wanted.panels, len(result.mean))[2]) <= PER_PAGE and not (roles.x is not None and roles.x.key == TIME) and \
        roles.kind in ("curves", "heat", "rows")


def plot_drift(result, title=None):
    return plot_pages(result, Wishes(x=TIME), title)[0]
