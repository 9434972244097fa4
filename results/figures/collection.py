"""All figures that a file gives: {suffix of the name: a function that draws it}."""
from figures.axes import Unusable
from figures.comparisons import plot_difference, plot_table
from figures.curves import plot_pages
from figures.drift import has_drift, plot_drift
from figures.layers import has_layers, plot_layers
from figures.models import plot_history
from figures.pareto import costs_of, plot_allocation_pareto, plot_pareto
from figures.results import Result
from figures.roles import Wishes, choose
from figures.trajectories import plot_allocation, plot_trajectories, trajectories_of


def figures_of(file, wishes=Wishes(), title=None):
    if "accuracy" in file:
        return figures_of_result(file, wishes, title)
    if "history" in file:
        return figures_of_model(file, wishes, title)
    kind = file.attrs.get("kind", "")
    kind = kind.decode(errors="replace") if isinstance(kind, bytes) else str(kind)
    what = f"it is a file of the kind '{kind}': " if kind else ""
    raise Unusable(f"{what}it has neither /accuracy nor /history; give a result or a model file of mho")


def numbered(figures, suffix, drawn):
    """Pages as STEM, STEM_2, STEM_3."""
    for i, page in enumerate(drawn):
        figures[suffix + (f"_{i + 1}" if i else "")] = lambda page=page: page


def figures_of_result(file, wishes, title):
    result, figures = Result(file), {}
    asked = any(wishes)
    roles = choose(result, wishes)
    if "summary/analysis/variant" in file and not asked:
        figures[""] = lambda: plot_table(file, title)
        if "summary/analysis/versus" in file:
            figures["_difference"] = lambda: plot_difference(file, title)
        if trajectories_of(file) is not None:
            figures["_trajectories"] = lambda: plot_trajectories(file, title)
    else:
        numbered(figures, "", plot_pages(result, wishes, title))
    if asked:
        return figures
    if has_drift(result, roles):
        figures["_drift"] = lambda: plot_drift(result, title)
    if has_layers(file, result):
        figures["_layers"] = lambda: plot_layers(file, result, title)
    if costs_of(file, result):
        figures["_pareto"] = lambda: plot_pareto(file, result, title)
    return figures


def figures_of_model(file, wishes, title):
    if any(wishes):
        raise Unusable("--x, --lines and --panels choose swept keys of a result; this is a model")
    figures = {"": lambda: plot_history(file, title)}
    if "winner" in file.get("allocation", {}):
        figures["_allocation"] = lambda: plot_allocation(file, title)
        figures["_pareto"] = lambda: plot_allocation_pareto(file, title)
    return figures
