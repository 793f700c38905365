"""Frozen experiments: long runs stored beside the code that made them.

`notebooks/experiments/NN_name.py` makes `NN_name.parquet` or `.safetensors`;
its card `NN_name.toml` holds `configuration` (a table), `seeds` (a list),
`minutes`, `device` ("cpu" or "gpu", with its name) and `code_sha256`, the hash of the script.

    code_hash  problems
"""

import tomllib
from pathlib import Path

from kit.course import normalize

CARD = {"configuration": dict, "seeds": list, "minutes": (int, float), "device": str, "code_sha256": str}
LIMIT_BYTES = 15 * 1024**2


def code_hash(script: Path) -> str:
    """sha256 of an experiment's script, with Unix line ends.

    Lesson: 00
    """
    return normalize.digest(script.read_text(encoding="utf-8"))


def problems(folder: Path) -> list[str]:
    """One line per experiment without card or result, or with a newer script.

    Lesson: 00
    """
    found = []
    scripts = sorted(folder.glob("[0-9][0-9]_*.py"))
    results = [f for f in folder.glob("*") if f.suffix in {".parquet", ".safetensors"}]
    for script in scripts:
        name = f"experiments/{script.name}"
        card_file = script.with_suffix(".toml")
        if not card_file.exists():
            found.append(f"{name}: no card {card_file.name}; run the experiment and write one")
            continue
        card = tomllib.loads(card_file.read_text(encoding="utf-8"))
        lacking = [key for key, kind in CARD.items() if not isinstance(card.get(key), kind)]
        if lacking:
            found.append(f"{name}: its card has no valid {', '.join(lacking)}; complete {card_file.name}")
        elif card["code_sha256"] != code_hash(script):
            found.append(f"{name}: the script changed after its result was made; run it again")
        if not any(r.stem == script.stem for r in results):
            found.append(f"{name}: no result .parquet or .safetensors beside it; run the experiment")
    orphans = {r.stem for r in results} - {s.stem for s in scripts}
    found += [f"experiments/{stem}: a result without its script {stem}.py" for stem in sorted(orphans)]
    size = sum(r.stat().st_size for r in results)
    if size > LIMIT_BYTES:
        found.append(
            f"experiments/: results take {size / 2**20:.1f} MiB, at most 15 MiB are kept; shorten them"
        )
    return found
