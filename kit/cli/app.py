"""The commands of `kit`, put together from their files.

app
"""

import typer

import kit
from kit.cli import course, data, stages
from kit.cli import runs as run_logs
from kit.cli.doctor import examine
from kit.cli.train import train

app = typer.Typer(
    help="A course you can run and a laboratory you can change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data.app, name="data", help="The data sets and models: list, get, verify.")
app.add_typer(run_logs.app, name="runs", help="The training runs on this machine: list, compare.")
for command in (train, course.run, course.build, course.claims, course.translate, course.lab, course.course):
    app.command()(command)
app.command("new-lesson")(course.new_lesson)
for command in (stages.test, stages.lint, stages.bench):
    app.command()(command)


@app.command()
def doctor() -> None:
    """Check this machine: an [OK] or [FAIL] line per requirement."""
    findings = []
    for finding in examine():
        print(finding, flush=True)
        findings.append(finding)
    failed = sum(not one.ok and not one.optional for one in findings)
    print(f"{failed} of {len(findings)} requirements are not met" if failed else "everything is there")
    raise typer.Exit(bool(failed))


@app.command()
def version() -> None:
    """Print kit's version."""
    print(kit.__version__)
