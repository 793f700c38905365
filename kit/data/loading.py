"""One call for every data set: `kit.data.load("digits")`.

load
"""

from pathlib import Path

from kit.data import registry
from kit.data.corpora import Corpus, Pairs, read_pairs, read_plays, read_poems
from kit.data.fetch import get
from kit.data.frames import Frame, read_frame
from kit.data.gguf import GGUF, read_gguf
from kit.data.images import Images, Photos, read_faces, read_images, read_photos
from kit.data.mnist1d import read_mnist1d
from kit.data.ratings import Ratings, read_ratings
from kit.data.tables import Table, read_table
from kit.data.text import Texts, read_texts

Loaded = Table | Frame | Texts | Images | Photos | Corpus | Pairs | Ratings | GGUF | dict[str, Path]


def load(name: str, *, fetch: bool = False, **options) -> Loaded:
    """Load the data set or model `name`, as the kind of object that its registry entry says.

    A model that is no GGUF comes as its verified files by name: {"vocab.txt": Path, ...}.

    Uses no network unless `fetch` is true: what is absent raises a DataError that says
    `kit data get NAME`. `options` go to the reader (`dtype=` for tables).

    Raises: ValueError for an unknown name (with the nearest), DataError for a missing or
    damaged file. Lesson: 01.
    """
    entry = registry.entry(name)
    if fetch or entry.way == "dependency":
        get(name)
    return _READERS[entry.reader](entry, registry.card(name), **options)


_READERS = {
    "table": read_table,
    "frame": read_frame,
    "mnist1d": read_mnist1d,
    "texts": read_texts,
    "images": read_images,
    "photos": read_photos,
    "faces": read_faces,
    "poems": read_poems,
    "plays": read_plays,
    "pairs": read_pairs,
    "ratings": read_ratings,
    "gguf": lambda entry, card: read_gguf(registry.path(entry.name)),
    "files": lambda entry, card: {f.name: registry.path(entry.name, f.name) for f in entry.files},
}
