"""What each party would have reached alone, and a picture of it beside what all reached together."""

from pathlib import Path
from xml.sax.saxutils import escape

from classifier import CLASSES, PARAMETERS
from data_handler import SHARES, TEST_IMAGES, HospitalDigits
from sklearn.linear_model import SGDClassifier

# Colours that stay apart for colour-blind eyes (Okabe and Ito).
COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"]
WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 230, 60, 50


def alone(rounds: int) -> dict[str, list[float]]:
    """Return the accuracy after each round of the same classifier, trained on one party's images only."""
    found = {}
    for name in SHARES:
        (x, y), (x_test, y_test) = HospitalDigits({"party": name}).get_data()
        model = SGDClassifier(**PARAMETERS)
        found[name] = [
            float(model.partial_fit(x, y, classes=CLASSES).score(x_test, y_test)) for _ in range(rounds)
        ]
    return found


def in_words(curves: dict[str, list[float]]) -> str:
    """Return the end of the first curve beside the best of the others."""
    together, *others = (values[-1] for values in curves.values())
    return (
        f"Together they read {100 * together:.1f} % of {TEST_IMAGES} images that nobody trained on; "
        f"the best of them alone {100 * max(others):.1f} %."
    )


def draw(curves: dict[str, list[float]], file: Path) -> None:
    """Write an SVG with one line per curve, the first one in bold: accuracy, from 0 to 1, over rounds."""
    title = f"Accuracy on {TEST_IMAGES} images that nobody trained on"
    rounds = max(len(values) for values in curves.values())
    lowest = min(0.9, *(min(values) for values in curves.values()))
    floor = int(lowest * 10) / 10

    def x_of(number: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((number - 1) / max(rounds - 1, 1))

    def y_of(accuracy: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (accuracy - floor) / (1 - floor))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="13" fill="#333">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="28" font-size="17" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">round</text>',
    ]
    for tenth in range(round(floor * 10), 11):
        y = y_of(tenth / 10)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for number in range(1, rounds + 1):
        parts.append(f'<text x="{x_of(number):.1f}" y="{HEIGHT - 30}" text-anchor="middle">{number}</text>')
    labels = _apart({name: y_of(values[-1]) for name, values in curves.items()})
    for index, (name, values) in enumerate(curves.items()):
        colour, width = COLOURS[index % len(COLOURS)], 3.5 if index == 0 else 2
        points = " ".join(f"{x_of(n):.1f},{y_of(value):.1f}" for n, value in enumerate(values, start=1))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
            'stroke-linejoin="round"/>'
        )
        parts.append(
            f'<text x="{WIDTH - RIGHT + 10}" y="{labels[name] + 4:.1f}" fill="{colour}" font-weight="bold">'
            f"{escape(name if index == 0 else name + ' alone')} {100 * values[-1]:.1f} %</text>"
        )
    file.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _apart(places: dict[str, float], gap: float = 18.0) -> dict[str, float]:
    """Move labels down until none covers another."""
    found: dict[str, float] = {}
    last = float("-inf")
    for name in sorted(places, key=places.__getitem__):
        last = max(places[name], last + gap)
        found[name] = last
    return found
