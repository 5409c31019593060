"""`completion`: what a shell offers after Tab, made from the parser itself."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from tinydeploy import boards, models
from tinydeploy.commands import common
from tinydeploy.ui import Ui

SHELLS = ("bash", "zsh", "fish")
BOARDS = ("board", "boards")  # options whose values are boards
MODELS = ("model", "models")


def add(commands: common.Commands) -> None:
    """Add the command."""
    parser = common.add(
        commands,
        "completion",
        lambda options, ui: _completion(options, ui, commands.choices),
        "print the completion for a shell: source <(tinydeploy completion bash)",
    )
    parser.add_argument("shell", choices=SHELLS, help="bash, zsh or fish")


def _completion(
    options: argparse.Namespace, ui: Ui, parsers: Mapping[str, argparse.ArgumentParser]
) -> None:
    print({"bash": bash, "zsh": zsh, "fish": fish}[options.shell](parsers))


def bash(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """A function for bash; files where nothing else is known."""
    cases = "\n".join(_bash_case(name, parser) for name, parser in parsers.items())
    return f"""\
# Completion of tinydeploy for bash:  source <(tinydeploy completion bash)
_tinydeploy() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(parsers)} --help --version" -- "$cur")); return
  fi
  case "${{COMP_WORDS[1]}}:$prev" in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _tinydeploy tinydeploy"""


def _bash_case(name: str, parser: argparse.ArgumentParser) -> str:
    lines = []
    for action in _options(parser):
        pattern = "|".join(f"{name}:{option}" for option in action.option_strings)
        if values := _values(action):
            lines.append(f'    {pattern}) words="{" ".join(values)}";;')
        elif action.nargs != 0:
            lines.append(f"    {pattern}) return;;")  # a file, or what only the user knows
    words = [*_flags(parser), *_positional(parser)]
    lines.append(f'    {name}:*) words="{" ".join(words)}";;')
    return "\n".join(lines)


def zsh(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """A function for zsh."""
    commands = "\n".join(f"    {_quoted(f'{n}:{_about(p)}')}" for n, p in parsers.items())
    cases = "\n".join(_zsh_case(name, parser) for name, parser in parsers.items())
    return f"""\
#compdef tinydeploy
# Completion of tinydeploy for zsh:  source <(tinydeploy completion zsh)
_tinydeploy() {{
  local -a commands=(
{commands}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command=$words[2]
  shift words; (( CURRENT-- ))
  case $command in
{cases}
  esac
}}
compdef _tinydeploy tinydeploy"""


def _zsh_case(name: str, parser: argparse.ArgumentParser) -> str:
    specs = [_quoted(spec) for action in _options(parser) for spec in _zsh_specs(action)]
    values = _positional(parser)
    known = f"compadd {' '.join(values)}; " if values else ""
    specs.append(_quoted(f"*:file:{{{known}_files}}"))
    return f"    {name}) _arguments {' '.join(specs)};;"


def _zsh_specs(action: argparse.Action) -> Iterator[str]:
    about = _plain(action.help or "")
    for option in action.option_strings:
        if action.nargs == 0:
            yield f"{option}[{about}]"
        else:
            values = _values(action)
            yield f"{option}[{about}]:value:" + (f"({' '.join(values)})" if values else "_files")


def fish(parsers: Mapping[str, argparse.ArgumentParser]) -> str:
    """Lines for fish."""
    lines = ["# Completion of tinydeploy for fish:  tinydeploy completion fish | source"]
    for name, parser in parsers.items():
        about = _quoted(_about(parser))
        lines.append(f"complete -c tinydeploy -n __fish_use_subcommand -a {name} -d {about}")
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c tinydeploy {seen} {line}" for line in _fish_options(parser)]
    return "\n".join(lines)


def _fish_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    if values := _positional(parser):
        yield f"-a '{' '.join(values)}'"
    for action in _options(parser):
        names = " ".join(
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            for name in action.option_strings
        )
        values = _values(action)
        takes = f" -xa '{' '.join(values)}'" if values else "" if action.nargs == 0 else " -r"
        yield f"{names}{takes} -d {_quoted(_plain(action.help or ''))}"


def _options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Its own, then those of its sub-commands under other names."""
    own = [action for action in parser._actions if action.option_strings]
    known = {name for action in own for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for nested in (one for sub in action.choices.values() for one in _options(sub)):
                own += [nested] * known.isdisjoint(nested.option_strings)
                known.update(nested.option_strings)
    return own


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in _options(parser) for name in action.option_strings]


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    actions = (action for action in parser._actions if not action.option_strings)
    return [value for action in actions for value in _values(action)]


def _values(action: argparse.Action) -> list[str]:
    """What may follow an option or in an argument's place, where that is known."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if action.dest in BOARDS:
        return boards.names()
    return models.names() if action.dest in MODELS else []


def _about(parser: argparse.ArgumentParser) -> str:
    return _plain(parser.description or "")


def _plain(text: str) -> str:
    """Help without what argparse fills in and what shells take for their own."""
    first = text.split(" (default")[0].replace("%(default)s", "").replace("%%", "%")
    return "".join(" " if letter in "[]:\\" else letter for letter in first).strip()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
