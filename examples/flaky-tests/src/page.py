"""The model as one HTML page: nothing is fetched from elsewhere, and without scripts only the filter is missing."""

from html import escape
from math import log10

from testgrid import FAIL, FLAKY, NO_RESULT, PASS, STATUS_NAMES

NOISE = -1
COLOURS = ("#2f6fde", "#e07b00", "#138a5e", "#8f4bd8", "#c2185b", "#00838f", "#7a6a00", "#5d4037")
NOISE_COLOUR = "#8a8f98"
WIDTH, HEIGHT, MARGIN = 720, 380, 24
SHOWN_CLUSTERS = 12
CELL, STRIP_HEIGHT = 6, 18
PASSING = {PASS, 2, 3, 15}
FAILING = {FAIL, 9, 10, 11, 14}

FEATURES = {
    "pass_rate": ("Pass rate", "share of results that are PASS"),
    "slope": ("Slope", "of the status codes; above 0, failures are older"),
    "intercept": ("Intercept", "the trend's value at the newest result"),
    "failures_streak": ("Longest failure", "as a share of the results"),
    "kurtosis": ("Kurtosis", "how rare and extreme the failures are"),
    "frequency": ("Frequency", "the strongest rhythm of the results"),
}

STYLE = """
:root { color-scheme: light dark; --line: #8883; --dim: light-dark(#6a6e73, #a3a7ad); }
body { background: light-dark(#fff, #1f2024); color: light-dark(#151515, #f0f0f0); }
* { box-sizing: border-box; }
body { font: 15px/1.5 "Red Hat Text", system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.25rem 0 .35rem; }
p { margin: .25rem 0 .75rem; } .dim, small { color: var(--dim); }
.facts { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; padding: 0; }
.facts div { border: 1px solid var(--line); border-radius: 10px; padding: .6rem 1rem; min-width: 8rem; }
.facts dt { color: var(--dim); font-size: .8rem; } .facts dd { margin: 0; font-size: 1.4rem; font-weight: 600; }
svg { display: block; max-width: 100%; height: auto; }
.picture { width: 100%; border: 1px solid var(--line); border-radius: 10px; }
.picture circle:hover { stroke: currentColor; stroke-width: 2; fill-opacity: 1; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { font-size: .82rem; } td.number, th.number { text-align: right; white-space: nowrap; }
td.number + td:not(.number) { padding-left: .6rem; }
td.name { overflow-wrap: anywhere; min-width: 14rem; }
.dot { display: inline-block; width: .75em; height: .75em; border-radius: 50%; margin-right: .45em; }
.key { display: inline-flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .82rem; color: var(--dim); }
.key span { display: inline-flex; align-items: center; gap: .35rem; }
.key i { width: .8rem; height: .8rem; border-radius: 2px; display: inline-block; }
input { font: inherit; width: min(100%, 24rem); padding: .4rem .7rem; border: 1px solid var(--dim); border-radius: 6px;
  background: transparent; color: inherit; margin: .25rem 0 .75rem; }
.trends { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.trends figure { margin: 0; } figcaption { font-weight: 600; font-size: .9rem; }
"""

SCRIPT = """
const theme = new URLSearchParams(location.search).get('theme');
if (theme === 'light' || theme === 'dark') document.documentElement.style.colorScheme = theme;
const filter = document.getElementById('filter');
filter.hidden = false;
filter.addEventListener('input', () => {
  const words = filter.value.toLowerCase().split(/\\s+/);
  for (const row of document.querySelectorAll('tr[data-text]'))
    row.hidden = !words.every((word) => row.dataset.text.includes(word));
});
"""


def render(model):
    """The whole page. Names of tests and jobs come from outside, so everything is escaped."""
    parameters = model["parameters"]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flaky tests</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Flaky tests</h1>
<p>A flaky test passes and fails although nothing that it tests has changed. Here all tests are grouped by how their
results came, and the flakiest are listed.</p>
<p class="dim">How: DBSCAN over six features of each test's history, eps {parameters["eps"]:g},
min_samples {parameters["min_samples"]}.</p>
{_facts(model)}
<h2>Tests by their history</h2>
<p class="dim">Tests near one another behave alike. The colour is the group, the size how many tests share a place; the
axes are two principal components of the features.</p>
{_picture(model["picture"])}
<div class="scroll">{_cluster_table(model["clusters"])}</div>
<h2>Flakiest tests</h2>
<p class="dim">Flakiness is how many of the considered results of the last {parameters["window_days"]:g} days were flips: one
or two failures between passes. The newest result is on the left.</p>
{_key()}
<div><input id="filter" type="search" placeholder="Filter by name" aria-label="Filter by name" hidden></div>
<div class="scroll">{_flakiest_table(model["flakiest"])}</div>
{_trends(model.get("trends", []))}
</main>
<script>{SCRIPT}</script>
</body>
</html>
"""


def colour(label):
    return NOISE_COLOUR if label == NOISE else COLOURS[label % len(COLOURS)]


def _name(label):
    return "none" if label == NOISE else str(label)


def _facts(model):
    groups = sum(1 for cluster in model["clusters"] if cluster["label"] != NOISE)
    worst = max((test["flakiness"] for test in model["flakiest"]), default=0)
    facts = (
        ("tests", f"{model['tests']:,}"),
        ("groups", f"{groups:,}"),
        ("fit no group", f"{model['noise']:,}"),
        ("flaky tests listed", f"{len(model['flakiest']):,}"),
        ("worst flakiness", f"{worst:.0%}"),
    )
    return f'<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)}</dl>'


def _picture(points):
    circles = []
    for point in sorted(points, key=lambda point: (point["label"] == NOISE, -point["tests"])):
        x = MARGIN + point["x"] * (WIDTH - 2 * MARGIN)
        y = HEIGHT - MARGIN - point["y"] * (HEIGHT - 2 * MARGIN)
        radius = 2.5 + 2 * log10(point["tests"])
        circles.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour(point["label"])}" '
            f'fill-opacity=".6"><title>group {_name(point["label"])}: {point["tests"]:,} tests</title></circle>'
        )
    return (
        f'<svg class="picture" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Tests by their first two '
        f'principal components, coloured by group">{"".join(circles)}</svg>'
    )


def _cluster_table(clusters):
    largest = sorted(clusters, key=lambda cluster: (-cluster["tests"], cluster["label"]))
    rows = "".join(
        f"<tr><td>{_dot(cluster['label'])}{_name(cluster['label'])}</td>"
        f'<td class="number">{cluster["tests"]:,}</td>'
        f'<td class="number">{cluster["pass_rate"]:.1%}</td>'
        f'<td class="number">{cluster["failures_streak"]:.1%}</td>'
        f'<td class="number">{cluster["flakiness"]:.1%}</td></tr>'
        for cluster in largest[:SHOWN_CLUSTERS]
    )
    more = len(largest) - SHOWN_CLUSTERS
    note = f"<p><small>and {more} smaller groups</small></p>" if more > 0 else ""
    heads = "".join(
        f'<th scope="col" class="number">{head}</th>'
        for head in ("tests", "pass rate", "longest failure", "flakiness")
    )
    return f'<table><thead><tr><th scope="col">group</th>{heads}</tr></thead><tbody>{rows}</tbody></table>{note}'


def _dot(label):
    return f'<span class="dot" style="background:{colour(label)}"></span>'


RESULT_COLOURS = {"pass": "#3aa76d", "fail": "#d9363e", "flaky": "#8f4bd8", "other": "#d99a00", "none": "#8884"}


def _kind(code):
    if code == NO_RESULT:
        return "none"
    if code == FLAKY:
        return "flaky"
    return "pass" if code in PASSING else "fail" if code in FAILING else "other"


def _key():
    entries = "".join(
        f'<span><i style="background:{RESULT_COLOURS[kind]}"></i>{name}</span>'
        for kind, name in (("pass", "passed"), ("fail", "failed"), ("flaky", "flaky"), ("other", "other"), ("none", "did not run"))
    )
    return f'<div class="key">{entries}</div>'


def _strip(history):
    """A test's results as TestGrid draws them: one cell each, equal neighbours as one bar."""
    bars, x = [], 0
    for count, code in history:
        bars.append(
            f'<rect x="{x * CELL}" width="{count * CELL - 1}" height="{STRIP_HEIGHT}" fill="{RESULT_COLOURS[_kind(code)]}">'
            f"<title>{count} x {STATUS_NAMES[code] if code < len(STATUS_NAMES) else code}</title></rect>"
        )
        x += count
    failed = sum(count for count, code in history if _kind(code) in ("fail", "flaky"))
    return (
        f'<svg width="{x * CELL}" height="{STRIP_HEIGHT}" viewBox="0 0 {x * CELL} {STRIP_HEIGHT}" role="img" '
        f'aria-label="{failed} of the newest {x} results failed or flaked">{"".join(bars)}</svg>'
    )


def _sparkline(values):
    if len(values) < 2:
        return ""
    width, height = 90, 22
    places = " ".join(
        f"{index * width / (len(values) - 1):.1f},{(1 - value) * (height - 2) + 1:.1f}" for index, value in enumerate(values)
    )
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="pass rate from {values[0]:.0%} to {values[-1]:.0%}">'
        f'<polyline points="{places}" fill="none" stroke="{COLOURS[0]}" stroke-width="1.5"/></svg>'
    )


def _flakiest_table(flakiest):
    if not flakiest:
        return "<p>None: no test with enough recent results flipped.</p>"
    rows = "".join(_flaky_row(test) for test in flakiest)
    return (
        '<table><thead><tr><th scope="col">test</th><th scope="col" class="number">flakiness</th>'
        '<th scope="col" class="number">flips</th><th scope="col">group</th><th scope="col">pass rate over time</th>'
        f'<th scope="col">newest results</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _flaky_row(test):
    where = f"{test['dashboard']} / {test['job']}"
    text = f"{test['test']} {where}".lower()
    return (
        f'<tr data-text="{escape(text)}"><td class="name">{escape(test["test"])}<br><small>{escape(where)}</small></td>'
        f'<td class="number">{test["flakiness"]:.0%}</td>'
        f'<td class="number">{test["flips"]} of {test["considered"]}</td>'
        f"<td>{_dot(test['cluster'])}{_name(test['cluster'])}</td>"
        f"<td>{_sparkline(test.get('pass_rates', []))}</td>"
        f"<td>{_strip(test.get('history', []))}</td></tr>"
    )


def _trends(trends):
    """Each feature of each large group, from the oldest tenth of the histories to the newest."""
    shown = [trend for trend in trends if any(len(values) > 1 for values in trend["features"].values())]
    if not shown:
        return ""
    names = list(shown[0]["features"])
    legend = "".join(
        f"<span>{_dot(trend['label'])}group {_name(trend['label'])} ({trend['tests']:,} tests)</span>" for trend in shown
    )
    figures = "".join(_trend_figure(name, shown) for name in names)
    return (
        '<h2>How the features went</h2><p class="dim">Means per group, from the oldest part of the histories to the '
        f'newest.</p><div class="key">{legend}</div><div class="trends">{figures}</div>'
    )


def _trend_figure(name, trends):
    title, meaning = FEATURES.get(name, (name, ""))
    values = [value for trend in trends for value in trend["features"][name]]
    low, high = min(values), max(values)
    width, height = 260, 90
    lines = []
    for trend in trends:
        own = trend["features"][name]
        if len(own) < 2:
            continue
        places = " ".join(
            f"{index * width / (len(own) - 1):.1f},{(height - 6) * (1 - _share(value, low, high)) + 3:.1f}"
            for index, value in enumerate(own)
        )
        lines.append(
            f'<polyline points="{places}" fill="none" stroke="{colour(trend["label"])}" stroke-width="2">'
            f"<title>group {_name(trend['label'])}: {own[0]:.3g} to {own[-1]:.3g}</title></polyline>"
        )
    return (
        f'<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{title} of each group over time">{"".join(lines)}</svg>'
        f'<small>{meaning}; {low:.3g} to {high:.3g}</small></figure>'
    )


def _share(value, low, high):
    return (value - low) / (high - low) if high > low else 0.5
