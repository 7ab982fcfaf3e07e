"""The commands that show what is there, and change nothing."""

from collections.abc import Callable
from typing import Any

import click

from tshirt_assets.cli.shared import AS_JSON, CORPUS, DEFINITIONS, one_line_errors, print_json
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig

PROGRAM = "tshirt-assets"
COMPLETION_VARIABLE = "_TSHIRT_ASSETS_COMPLETE"
"""By which the shell asks for words; click derives it from the program's name."""
CORPORA = click.argument("corpora", nargs=-1, type=click.Path(exists=True, dir_okay=False))


def _port(default: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option of a server's port."""
    return click.option(
        "--port",
        type=click.IntRange(0, 65_535),
        default=default,
        show_default=True,
        help="0 takes a free one.",
    )


@click.command()
@CORPUS
@AS_JSON
@one_line_errors
def show(corpus: str, as_json: bool) -> None:
    """Print what is stored of a corpus, and where it is.

    Shards, rows by status, tau, the first and last row of each selection, their overlap. Says which
    stored scores belong to another model or configuration than CORPUS asks for.
    """
    from tshirt_assets.commands.instance import open_instance
    from tshirt_assets.commands.show import summary
    from tshirt_assets.commands.state import corpus_state

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance:
        if as_json:
            print_json(corpus_state(instance, config).values())
        else:
            say(summary(instance, config, corpus), names=config.recipes)


@click.command()
@CORPUS
@click.option("--register", is_flag=True, help="Add new shards as partitions of the assets.")
@DEFINITIONS
@AS_JSON
@one_line_errors
def shards(corpus: str, register: bool, as_json: bool) -> None:
    """List the shards of a corpus, and what is stored of each.

    Says which of them are registered as partitions.
    """
    from tshirt_assets.commands.instance import open_instance, register_shards
    from tshirt_assets.commands.shards import shard_states, shard_table

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance:
        if register:
            new = register_shards(instance, config)
            say(f"registered {len(new)} new shards", err=as_json)
        states, fault = shard_states(instance, config)
    if as_json:
        print_json({"shards": [state.values() for state in states], "listing_fault": fault})
    else:
        say(shard_table(states, fault))


@click.command("search")
@CORPUS
@click.argument("text")
@click.option(
    "-k", "rows", type=click.IntRange(min=1), default=10, show_default=True, help="Rows to show."
)
@AS_JSON
@one_line_errors
def search_command(corpus: str, text: str, rows: int, as_json: bool) -> None:
    """Print the rows that are most similar to TEXT.

    Compared are instruction and input. Searches the table that the asset `search` published.
    """
    from tshirt_assets.commands.search import hit_lines
    from tshirt_assets.export.semantic_search import search as search_corpus

    config = CorpusConfig.from_yaml(corpus)
    found = search_corpus(
        config.store, config.name, text, rows, storage_options=config.storage_options
    )
    if as_json:
        print_json(found.to_dicts())
    else:
        say(hit_lines(found))


@click.command()
@CORPORA
@_port(3001)
@one_line_errors
def reports(corpora: tuple[str, ...], port: int) -> None:
    """Serve the reports to this machine's browser.

    The links in the Dagster UI lead there. CORPORA are corpus.yaml files; by default those that
    `dagster dev` shows. Set their option `report_url` to the printed address: a browser opens no
    files from a page that came over http.
    """
    from tshirt_assets.definitions import corpus_files
    from tshirt_assets.report.serve import report_server

    configs = [CorpusConfig.from_yaml(corpus) for corpus in corpora or corpus_files()]
    with report_server(configs, port) as server:
        say(f"reports: {server.url}")
        server.serve_forever()


@click.command()
@CORPORA
@_port(3002)
@click.option(
    "--open/--no-open", "opens", default=False, help="Open the page in this machine's browser."
)
@one_line_errors
def explore(corpora: tuple[str, ...], port: int, opens: bool) -> None:
    """Look at every row in the browser, and judge it.

    Filter, sort and search rows; see why recipes take or leave them. CORPORA are corpus.yaml files;
    by default those that `dagster dev` shows. Only this machine can reach the page. Needs the
    extra: pip install 'tshirt-assets[explore]'.
    """
    import webbrowser

    from tshirt_assets.definitions import corpus_files
    from tshirt_assets.explore.serving import serve_explore

    def ready(url: str) -> None:
        say(f"explore: {url}")
        if opens:
            webbrowser.open(url)

    configs = [CorpusConfig.from_yaml(corpus) for corpus in corpora or corpus_files()]
    serve_explore(configs, port, ready)


@click.command()
def options() -> None:
    """List what corpus.yaml may contain, with defaults."""
    from tshirt_assets.config.reference import option_list

    say(option_list(CorpusConfig))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes your shell complete words.

    It completes commands, options, recipes and assets.

    bash and zsh: `eval "$(tshirt-assets completion bash)"` in ~/.bashrc, or zsh in ~/.zshrc. fish:
    `tshirt-assets completion fish > ~/.config/fish/completions/tshirt-assets.fish`.
    """
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None  # click has one for each of the choices
    say(complete(context.find_root().command, {}, PROGRAM, COMPLETION_VARIABLE).source())
