"""Plots drawn on the server: SVG that needs no script, its numbers in words for who cannot see it."""

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, PAD = 400, 160, 28
ROW = 42
"""Height of a bar with its name above it: names may be long."""


def line(points: Sequence[tuple[str, float]], label: str) -> Markup:
    """A line over *points* (name, value) in order, two or more; the ends and the highest are written."""
    if len(points) < 2:
        return Markup("")
    top = max(value for _, value in points) or 1
    step = (WIDTH - 2 * PAD) / (len(points) - 1)
    places = [
        (PAD + n * step, HEIGHT - PAD - value / top * (HEIGHT - 2 * PAD))
        for n, (_, value) in enumerate(points)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="2.5"></circle>').format(x, y)
        for x, y in places
    )
    marks = Markup('<text x="{}" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text>').format(
        PAD, HEIGHT - 8, points[0][0], WIDTH - PAD, HEIGHT - 8, points[-1][0]
    )
    highest = Markup('<text x="{}" y="{}">{:g}</text>').format(PAD, PAD - 10, top)
    curve = Markup('<polyline class="curve" fill="none" points="{}"></polyline>').format(path)
    return _svg(label, points, HEIGHT, curve + dots + marks + highest)


def bars(rows: Sequence[tuple[str, float]], label: str) -> Markup:
    """A bar for each of *rows* (name, value), its value written beside it."""
    if not rows:
        return Markup("")
    top = max(value for _, value in rows) or 1
    drawn = Markup("").join(
        Markup(
            '<text x="0" y="{above}">{name}</text>'
            '<rect class="bar" x="0" y="{up}" width="{wide:.1f}" height="12"></rect>'
            '<text x="{end:.1f}" y="{low}">{value:g}</text>'
        ).format(
            above=n * ROW + 14,
            up=n * ROW + 20,
            low=n * ROW + 31,
            name=name,
            wide=value / top * (WIDTH - 50),
            end=6 + value / top * (WIDTH - 50),
            value=value,
        )
        for n, (name, value) in enumerate(rows)
    )
    return _svg(label, rows, len(rows) * ROW + 4, drawn)


def _svg(label: str, values: Sequence[tuple[str, float]], height: int, inside: Markup) -> Markup:
    told = f"{label}: " + ", ".join(f"{name} {value:g}" for name, value in values)
    return Markup('<svg class="plot" role="img" viewBox="0 0 {} {}" aria-label="{}">{}</svg>').format(
        WIDTH, height, escape(told), inside
    )
