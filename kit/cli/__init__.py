"""The command line: `kit COMMAND`, one file per group of commands.

`setup` and `targets` need nothing but the standard library, so that
`python -m kit test` works on a bare machine; the rest needs the extra `course`.

    setup   doctor   data   course   stages   app
"""
