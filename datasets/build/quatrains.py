"""Write datasets/quatrains: Tang quatrains of five or seven characters a line.

    npm pack chinese-poetry@2.0.1
    python datasets/build/quatrains.py chinese-poetry-2.0.1.tgz

Kept are poems of four equal verses whose every character stands in at least three of them, each
text once, in the order of the Complete Tang Poems. One line each: author, title, poem, between tabs.
"""

import collections
import json
import re
import tarfile

from source import archive, write

LEAST = 3  # poems that every character must stand in
VERSE = re.compile(r"[㐀-鿿\U00020000-\U0003ffff]{5}|[㐀-鿿\U00020000-\U0003ffff]{7}")


def quatrain(paragraphs: list[str]) -> str | None:
    """The poem as one text, or None when it is no quatrain or has lost a character."""
    text = "".join(paragraphs)
    verses = re.findall(r"([^，。？！；]+)[，。？！；]", text)
    whole = len("".join(verses)) + 4 == len(text)
    fits = len(verses) == 4 and len({len(v) for v in verses}) == 1 and all(map(VERSE.fullmatch, verses))
    return text if whole and fits else None


def main() -> None:
    """Read the package, choose, write."""
    found: dict[str, tuple[str, str]] = {}
    pattern = re.compile(r"package/dist/quantangshi/poet\.tang\.(\d+)\.json")
    with tarfile.open(archive("quatrains")) as box:
        parts = [(int(match[1]), m) for m in box if (match := pattern.fullmatch(m.name))]
        for _, member in sorted(parts, key=lambda part: part[0]):
            for poem in json.load(box.extractfile(member)):
                text = quatrain(poem["paragraphs"])
                if text is not None:
                    found.setdefault(text, (poem["author"].strip(), " ".join(poem["title"].split())))
    kept = list(found)
    while True:  # a poem left out may make a character of another one rare
        counts = collections.Counter(c for text in kept for c in set(text))
        rest = [text for text in kept if min(counts[c] for c in text if c not in "，。？！；") >= LEAST]
        if len(rest) == len(kept):
            break
        kept = rest
    lines = ("\t".join([*found[text], text]) + "\n" for text in kept)
    write("quatrains", "quatrains.tsv", "".join(lines).encode())


if __name__ == "__main__":
    main()
