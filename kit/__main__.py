"""`kit` and `python -m kit`: the Makefile's targets first, then the command line.

The targets (course, lab, test, bench, lint) need nothing but Python: in a
checkout they set up `.venv` once and go on inside it.
"""

import sys


def main() -> None:
    """Run the command line; 1 with one line when something is missing."""
    from kit.cli import setup

    words = sys.argv[1:]
    if words and words[0] in setup.TARGETS and "--help" not in words:
        code = setup.reenter(words)
        if code is not None:
            sys.exit(code)
    lacking = setup.lacking(("typer",))
    if lacking:
        sys.exit(
            f"kit's command line needs {', '.join(lacking)}; run `pip install 'large-model-kit[course]'`"
        )
    from kit.cli.app import app

    app(prog_name="kit")


if __name__ == "__main__":
    main()
