"""Write NOTICE from the data cards: `python datasets/build/notice.py`."""

from pathlib import Path

from kit import data

HEAD = """large-model-kit
Copyright 2026 the large-model-kit authors

Code: Apache License 2.0 (LICENSE).
Prose of the lessons, their translations and the documentation:
Creative Commons Attribution 4.0 International, https://creativecommons.org/licenses/by/4.0/.

Data and models, from the cards in datasets/. Nothing whose licence is unstated is part of this distribution:
such data are fetched by each user from the package that publishes them.
"""


def notice() -> str:
    """The text of NOTICE: one entry a data set, its creator and its three licences."""
    parts = [HEAD]
    for entry in data.entries():
        card = data.card(entry.name)
        lines = [f"{entry.name}: {card.fields['description']}"]
        lines += [f"  {key}: {card.fields[key]}" for key in ("creator", "citeAs") if key in card.fields]
        lines += [f"  licence of the {what}: {text}" for what, text in card.licenses.items()]
        parts.append("\n".join(lines))
    return "\n".join(parts[:1]) + "\n" + "\n\n".join(parts[1:]) + "\n"


if __name__ == "__main__":
    (Path(__file__).parents[2] / "NOTICE").write_text(notice(), encoding="utf-8")
