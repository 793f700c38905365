"""One call for every data set: `kit.data.load("digits")`.

load
"""

from kit.data import registry
from kit.data.fetch import get
from kit.data.gguf import GGUF, read_gguf
from kit.data.tables import Table, read_table
from kit.data.text import Texts, read_texts


def load(name: str, *, fetch: bool = False, **options) -> Table | Texts | GGUF:
    """Load the data set or model header `name`: a `Table`, `Texts` or `GGUF`.

    Uses no network unless `fetch` is true: what is absent raises a DataError that says
    `kit data get NAME`. `options` go to the reader (`dtype=` for tables).

    Raises: ValueError for an unknown name (with the nearest), DataError for a missing or
    damaged file. Lesson: 01.
    """
    entry = registry.entry(name)
    if fetch or entry.way == "dependency":
        get(name)
    return _READERS[entry.reader](entry, **options)


_READERS = {
    "table": lambda entry, **options: read_table(entry, registry.card(entry.name), **options),
    "texts": lambda entry: read_texts(entry, registry.card(entry.name)),
    "gguf": lambda entry: read_gguf(registry.path(entry.name)),
}
