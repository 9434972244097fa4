"""The page of a report: HTML that needs no other file. All that comes from the file is escaped."""
import html
import os
import re

import numpy as np

from figures.axes import Unusable, clean, duration, is_swept, text
from figures.collection import figures_of
from figures.drawing import CAPTIONS, plt
from figures.results import Result, grids_of, settings_of
from figures.roles import Wishes
from figures.saving import bytes_of

MARK = '<meta name="mho-report-of" content="'
MOST_ROWS = 2000  # of the table of points; beyond, the file itself is the better table
NAMES = {"": "Accuracy", "_difference": "Differences between variants", "_trajectories": "Bits over the moves",
         "_drift": "Accuracy over time", "_layers": "Errors and bits of the layers", "_pareto": "Accuracy and cost"}
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .2rem 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .7rem; padding-bottom: .25rem; border-bottom: 1px solid #d0d0d0; }
p { max-width: 46rem; overflow-wrap: anywhere; }
.lead { color: #444; margin-top: 0; }
nav { font-size: .9rem; } nav a { margin-right: 1rem; white-space: nowrap; display: inline-block; padding: .15rem 0; }
a { color: #00538a; }
figure { margin: 1.2rem 0 2rem; }
figure h3 { font-size: 1rem; margin: 0 0 .4rem; }
.picture { overflow-x: auto; }
.picture svg { display: block; width: 100%; height: auto; min-width: 20rem; }
.small .picture svg { max-width: 34rem; } .wide .picture svg { min-width: 34rem; }
figcaption { color: #444; font-size: .85rem; max-width: 46rem; margin-top: .4rem; }
.scroll { overflow-x: auto; border: 1px solid #e2e2e2; border-radius: 4px; }
.tall { max-height: 36rem; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #ececec; vertical-align: top; }
td.n, th.n { text-align: right; } td.n, td.s { white-space: nowrap; } td { min-width: 3rem; overflow-wrap: break-word; }
thead th { background: #f4f5f7; position: sticky; top: 0; font-weight: 600; }
.keys td:first-child, .keys th[scope=row] { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-weight: 400; }
.keys td { overflow-wrap: anywhere; } .keys tr.swept { background: #eef5fb; } .keys tr.swept th { font-weight: 700; }
.badge { font-size: .75rem; background: #00538a; color: #fff; border-radius: 3px; padding: 0 .35rem; margin-left: .5rem; white-space: nowrap; }
code { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .85em; overflow-wrap: anywhere; }
@media (max-width: 40rem) { main { padding: 1rem .8rem 2rem; } h1 { font-size: 1.35rem; } th, td { padding: .3rem .45rem; }
  .keys th[scope=row] { overflow-wrap: anywhere; min-width: 8rem; } }
@media print { main { max-width: none; padding: 0; } nav { display: none; } .tall { max-height: none; } .scroll, .picture { overflow: visible; }
  thead { display: table-header-group; } thead th { position: static; } figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  .picture svg, .wide .picture svg { min-width: 0; } a { color: inherit; text-decoration: none; } }
"""


def escape(words):
    """Text for HTML, in or out of an attribute; control characters are left out."""
    return html.escape("".join(c for c in str(words) if c.isprintable() or c == "\n"), quote=True)


def identity_of(file):
    """What makes two files the same result: the digest of the study, else its text."""
    named = clean(text(file.attrs.get("study_digest", "")))
    return named or clean(text(file.attrs.get("study", "")))[:200] or clean(text(file.attrs.get("title", "")))


def refuse_to_replace(path, identity):
    """An error unless nothing is there, or a report of the same result."""
    if not os.path.lexists(path):
        return
    if os.path.isdir(path):
        raise Unusable(f"{path} is a folder; give a file name with -o")
    with open(path, "rb") as file:
        head = file.read(65536).decode("utf-8", errors="replace")
    found = re.search(re.escape(MARK) + '([^"]*)"', head)
    if not found:
        raise Unusable(f"{path} is there and is no report of mho; give another name with -o, or remove it")
    if html.unescape(found[1]) != identity:
        raise Unusable(f"{path} is the report of another result; give another name with -o, or remove it")


# ---- figures ----

def inline(svg, prefix, title):
    """An SVG for a page: without its prolog and metadata, with ids of its own, a title for those who cannot see it."""
    words = svg.decode("utf-8")
    words = words[words.index("<svg"):]
    words = re.sub(r"<metadata>.*?</metadata>", "", words, flags=re.S)
    words = re.sub(r'\bid="', f'id="{prefix}', words)
    words = re.sub(r'href="#', f'href="#{prefix}', words)
    words = re.sub(r"url\(#", f"url(#{prefix}", words)
    head, rest = words.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = f'<title id="{prefix}title">{escape(title)}</title>'
    return f'{head} role="img" aria-labelledby="{prefix}title">{label}{rest}'


def name_of(suffix):
    base = re.sub(r"_\d+$", "", suffix)
    page = suffix[len(base) + 1:]
    return NAMES.get(base, "Figure") + (f", page {page}" if page else "")


def figures_html(file, title):
    parts = []
    CAPTIONS["inside"] = False
    for number, (suffix, draw) in enumerate(figures_of(file, Wishes(), "").items(), 1):
        figure = draw()
        name = name_of(suffix)
        said = f"Figure {number}: {name}. {title}. {figure.mho_caption}"
        wide = figure.get_figwidth() > 4
        svg = inline(bytes_of(figure, "svg"), f"f{number}-", said)
        plt.close(figure)
        parts.append(f'<figure class="{"wide" if wide else "small"}"><h3>Figure {number}. {escape(name)}</h3>'
                     f'<div class="picture" tabindex="0" role="group" aria-label="Figure {number}">{svg}</div>'
                     f"<figcaption>{escape(figure.mho_caption)}</figcaption></figure>")
    CAPTIONS["inside"] = True
    return "\n".join(parts)


# ---- tables ----

def percent(value):
    return f"{value:.2f}" if np.isfinite(value) else "–"


def cell(words, number=False):
    kind = "n" if number else "s" if len(words) <= 24 else ""
    return f'<td class="{kind}">{escape(words)}</td>' if kind else f"<td>{escape(words)}</td>"


def table(heads, rows, label, tall=False):
    """heads: [(words, whether numbers)]; rows: lists of words."""
    head = "".join(f'<th scope="col"{" class=n" if number else ""}>{escape(words)}</th>' for words, number in heads)
    body = "\n".join("<tr>" + "".join(cell(words, number) for words, (_, number) in zip(row, heads)) + "</tr>" for row in rows)
    return f'<div class="scroll{" tall" if tall else ""}" tabindex="0" role="region" aria-label="{escape(label)}"><table>' \
           f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def all_axes(result):
    return [member for axis in result.axes for member in [axis] + axis.tied]


def column_of(file, name, n):
    item = file.get(name)
    return np.asarray(item[()], float) if getattr(item, "shape", None) == (n,) and item.dtype.kind in "fiu" else None


def points_html(file, result):
    """Every point: its keys, mean accuracy with interval, chips, and without a chip where known."""
    n = len(result.mean)
    axes = all_axes(result)
    more = [(words, 100 * values) for words, values in (("integer network (%)", column_of(file, "baseline/accuracy_integer", n)),
                                                        ("float network (%)", column_of(file, "summary/accuracy_float", n)))
            if values is not None and np.isfinite(values).any()]
    heads = [("point", True)] + [(axis.label if axis.unit != "s" else axis.meaning, not axis.words) for axis in axes]
    heads += [("accuracy (%)", True), (f"{100 * result.confidence:.3g} % interval", True), ("chips", True)] + [(words, True) for words, _ in more]
    rows = []
    for point in range(min(n, MOST_ROWS)):
        interval = "–" if not np.isfinite(result.low[point]) else f"{percent(result.low[point])} to {percent(result.high[point])}"
        keys = ["–" if not axis.applies[point] else axis.word(axis.values[point]) if axis.words else
                duration(axis.values[point]) if axis.unit == "s" else f"{axis.values[point]:.6g}" for axis in axes]
        rows.append([str(point)] + keys + [percent(result.mean[point]), interval, str(result.n_chips[point])] +
                    [percent(values[point]) for _, values in more])
    note = "" if n <= MOST_ROWS else f"<p>The first {MOST_ROWS} of {n} points; <code>mho export --csv</code> writes all of them.</p>"
    return table(heads, rows, "Table of all points", n > 16) + note


def variants_html(file):
    """The table of an experiment that compares variants."""
    group = file.get("summary/analysis")
    if group is None or "variant" not in group or "accuracy_mean" not in group:
        return ""
    n = len(group["variant"])
    keys = [key for key in map(text, np.atleast_1d(group.attrs.get("conditions", []))) if is_swept(group.get(key), key, n)]
    heads = [("variant", False)] + [(clean(group[key].attrs.get("label", "")) or key, group[key].dtype.kind in "fiu") for key in keys]
    heads += [("accuracy (%)", True), ("95 % interval", True), ("samples", True)]
    columns = [group[key][()] for key in keys]
    mean, low, high = (100 * np.asarray(group["accuracy_" + end][()], float) for end in ("mean", "low", "high"))
    samples = group["samples"][()] if "samples" in group else np.zeros(n, int)
    rows = []
    for i in range(min(n, MOST_ROWS)):
        values = [clean(column[i]) if column.dtype.kind in "OSU" else f"{column[i]:.6g}" for column in columns]
        rows.append([clean(group["variant"][i])] + values + [percent(mean[i]), f"{percent(low[i])} to {percent(high[i])}", str(samples[i])])
    return '<h2 id="variants">Variants</h2>' + table(heads, rows, "Table of the variants", n > 16)


def keys_html(rows, label):
    """(key, value, whether it is swept) as a table."""
    body = "\n".join(f'<tr{" class=swept" if swept else ""}><th scope="row">{escape(key)}'
                     f'{"<span class=badge>swept</span>" if swept else ""}</th><td>{escape(value)}</td></tr>'
                     for key, value, swept in rows)
    return f'<div class="scroll tall" tabindex="0" role="region" aria-label="{escape(label)}"><table class="keys"><thead><tr>' \
           f'<th scope="col">key</th><th scope="col">value</th></tr></thead><tbody>{body}</tbody></table></div>'


def study_html(file, result):
    swept = {axis.key: axis for axis in all_axes(result)}
    settings, grids = settings_of(file), grids_of(file)
    of_grids = {key for grid in grids for key in grid}
    settings = {key: value for key, value in settings.items() if key not in of_grids}
    rows = []
    for key, value in settings.items():
        parts = key.split(",")
        rows.append((key, value, any(part in swept for part in parts)))
    named = {part for key in [*settings, *of_grids] for part in key.split(",")}
    for key, axis in swept.items():
        if key not in named:
            values = axis.distinct[:12]
            words = ", ".join(axis.value(value) for value in values) + (", …" if len(axis.distinct) > 12 else "")
            rows.append((key, words, True))
    rows.sort(key=lambda row: not row[2])
    if not grids:
        return keys_html(rows, "Keys of the study")
    blocks = [f"<h3>Grid {i} of {len(grids)}</h3>" +
              keys_html([(key, value, any(part in swept for part in key.split(","))) for key, value in grid.items()], f"Keys of grid {i}")
              for i, grid in enumerate(grids, 1)]
    return "\n".join(blocks) + "<h3>All grids</h3>" + keys_html(rows, "Keys of all grids")


def attribute_words(value):
    if isinstance(value, np.ndarray):
        return ", ".join(clean(v) for v in value.reshape(-1)[:64])
    return "\n".join(clean(line) for line in text(value).strip("\n").split("\n"))


def provenance_html(file, digest):
    """Versions, hosts, times and digests, all that the file knows."""
    rows = [("payload digest", digest, False)] if digest else []
    for key in ("study_digest", "shard", "part", "data", "models"):
        if key in file.attrs:
            rows.append((key, attribute_words(file.attrs[key]), False))
    group = file.get("provenance")
    if group is not None:
        rows += [(key, attribute_words(value), False) for key, value in sorted(group.attrs.items()) if key not in ("settings", "study")]
        hosts = group.get("host_name")
        if hosts is not None and hosts.size and hosts.size <= 10000:
            rows.append(("hosts", ", ".join(dict.fromkeys(clean(v) for v in hosts[()].reshape(-1))), False))
        seconds = group.get("seconds")
        if getattr(seconds, "size", 0) and seconds.dtype.kind == "f" and np.isfinite(seconds[()]).any():
            values = seconds[()][np.isfinite(seconds[()])]
            rows.append(("time of the trials", f"{duration(values.sum())} in all, median {duration(np.median(values))}", False))
    return keys_html(rows, "Provenance").replace('<th scope="col">key</th>', '<th scope="col">what</th>')


# ---- the page ----

def summary_of(file, result):
    """What was asked and what ran, in two sentences."""
    finite = np.isfinite(result.mean)
    names = [axis.meaning for axis in result.axes]
    asked = "How accurate is the network" + (f", over {', '.join(names[:-1])}{' and ' if names[:-1] else ''}{names[-1]}?" if names else "?")
    asked = clean(text(file.attrs.get("question", ""))) or asked
    best, worst = int(np.nanargmax(result.mean)), int(np.nanargmin(result.mean))
    trials = int(np.isfinite(result.values).sum())
    ran = f"{int(finite.sum())} {'point' if finite.sum() == 1 else 'points'}, {trials} {'trial' if trials == 1 else 'trials'}"
    found = f"Accuracy {percent(result.mean[best])} %" if finite.sum() == 1 else \
        f"Accuracies from {percent(result.mean[worst])} % (point {worst}) to {percent(result.mean[best])} % (point {best})"
    return asked, f"{ran}. {found}. " + " ".join(result.facts["sentences"])


METHOD = "Intervals are Student intervals of the mean over chips, each end on a log scale of its distance to 0 or 100 %, so that " \
         "none leaves this range. The same chip number draws the same random numbers at every point: compare points chip by chip."


def page_of(file, name, digest, title=None):
    """The whole page as text."""
    result = Result(file)
    title = title or result.title or name
    asked, found = summary_of(file, result)
    headline = title + (f" (partial: {result.facts['partial']})" if result.facts["partial"] else "")
    variants = variants_html(file)
    sections = [("figures", "Figures"), *([("variants", "Variants")] if variants else []), ("points", "Points"), ("study", "Study"),
                ("provenance", "Provenance")]
    links = "".join(f'<a href="#{key}">{words}</a>' for key, words in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{MARK}{escape(identity_of(file))}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(headline)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<header><h1>{escape(headline)}</h1>
<p class="lead">{escape(asked)}</p>
<p>{escape(found)}</p>
<nav aria-label="Sections">{links}</nav></header>
<section aria-labelledby="figures"><h2 id="figures">Figures</h2>
{figures_html(file, title)}</section>
<section>{variants}</section>
<section aria-labelledby="points"><h2 id="points">Points</h2>
{points_html(file, result)}
<p class="lead">{METHOD}</p></section>
<section aria-labelledby="study"><h2 id="study">Study</h2>
{study_html(file, result)}</section>
<section aria-labelledby="provenance"><h2 id="provenance">Provenance</h2>
{provenance_html(file, digest)}
<p class="lead">From <code>{escape(name)}</code>, by mho report.</p></section>
</main>
</body>
</html>
"""
