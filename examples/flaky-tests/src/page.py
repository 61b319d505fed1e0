"""The model as one HTML page without scripts or anything fetched from elsewhere."""

from html import escape
from math import log10

NOISE = -1
COLOURS = ("#2f6fde", "#e07b00", "#138a5e", "#8f4bd8", "#c2185b", "#00838f", "#7a6a00", "#5d4037")
NOISE_COLOUR = "#8a8f98"
WIDTH, HEIGHT, MARGIN = 720, 380, 24
SHOWN_CLUSTERS = 12

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
svg { width: 100%; height: auto; border: 1px solid #8886; border-radius: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.name { overflow-wrap: anywhere; } small { opacity: .75; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
"""


def render(model):
    """The whole page. Names of tests and jobs come from outside, so everything is escaped."""
    parameters = model["parameters"]
    summary = (
        f"{model['tests']:,} tests in {_groups(model['clusters'])}; {model['noise']:,} fit none. "
        f"DBSCAN, eps {parameters['eps']:g}, min_samples {parameters['min_samples']}."
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flaky tests</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Flaky tests</h1>
<p>{escape(summary)}</p>
<h2>Groups of tests</h2>
{_picture(model["picture"])}
<div class="scroll">{_cluster_table(model["clusters"])}</div>
<h2>Flakiest tests</h2>
<p>Flips among the considered results of the last {parameters["window_days"]:g} days.</p>
<div class="scroll">{_flakiest_table(model["flakiest"])}</div>
</body>
</html>
"""


def colour(label):
    return NOISE_COLOUR if label == NOISE else COLOURS[label % len(COLOURS)]


def _groups(clusters):
    count = sum(1 for cluster in clusters if cluster["label"] != NOISE)
    return f"{count} group{'' if count == 1 else 's'}"


def _name(label):
    return "none" if label == NOISE else str(label)


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
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Tests by their first two principal '
        f'components, coloured by group">{"".join(circles)}</svg>'
    )


def _cluster_table(clusters):
    largest = sorted(clusters, key=lambda cluster: (-cluster["tests"], cluster["label"]))
    rows = "".join(
        f'<tr><td><span class="dot" style="background:{colour(cluster["label"])}"></span>'
        f'{_name(cluster["label"])}</td>'
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


def _flakiest_table(flakiest):
    if not flakiest:
        return "<p>None: no test with enough recent results flipped.</p>"
    rows = "".join(
        f'<tr><td class="name">{escape(test["test"])}<br><small>{escape(test["dashboard"])} / '
        f'{escape(test["job"])}</small></td>'
        f'<td class="number">{test["flakiness"]:.0%}</td>'
        f'<td class="number">{test["flips"]} of {test["considered"]}</td>'
        f'<td class="number">{_name(test["cluster"])}</td></tr>'
        for test in flakiest
    )
    return (
        '<table><thead><tr><th scope="col">test</th><th scope="col" class="number">flakiness</th>'
        '<th scope="col" class="number">flips</th><th scope="col" class="number">group</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
