"""The ``likes-api`` command: one module for each group of commands; other packages do the work."""

import click

from likes_api.cli import audit, check, content, indexes, run, service_token, session, target, token, voter


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="likes-api")
def main() -> None:
    """Keep likes and up/down votes for other people's applications."""


for command in (
    run.run,
    content.import_,
    content.verify,
    check.check,
    indexes.indexes,
    session.session,
    token.token,
    service_token.service_token,
    target.target,
    voter.voter,
    audit.audit,
):
    main.add_command(command)
