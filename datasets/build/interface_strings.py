"""Write datasets/interface_strings: short texts of JupyterLab's interface, English and Chinese.

    pip download --no-deps jupyterlab-language-pack-zh-CN==4.5.post3
    python datasets/build/interface_strings.py jupyterlab_language_pack_zh_cn-*.whl

Kept are texts of at most 60 characters without placeholders, markup or line ends whose translation
holds a Chinese character; of two translations of one text the first. One line each, a tab between.
"""

import json
import re
import zipfile

from source import archive, write

LONGEST = 60
PLACEHOLDER = re.compile(r"[%{}<>\n\t\\&`$|]")


def main() -> None:
    """Read the package, choose, write."""
    pairs: dict[str, str] = {}
    with zipfile.ZipFile(archive("interface_strings")) as box:
        for name in sorted(n for n in box.namelist() if n.endswith(".json")):
            for key, value in json.loads(box.read(name)).items():
                english = key.split("\x04")[-1].strip()  # without the context before it
                chinese = (value[0] if isinstance(value, list) else "").strip()
                usable = 0 < len(english) <= LONGEST and not PLACEHOLDER.search(english + chinese)
                if usable and re.search(r"[一-鿿]", chinese):
                    pairs.setdefault(english, chinese)
    lines = (f"{english}\t{chinese}\n" for english, chinese in sorted(pairs.items()))
    write("interface_strings", "interface_strings.tsv", "".join(lines).encode())


if __name__ == "__main__":
    main()
