"""Completion of ``pypet`` in shells: ``pypet completion bash|zsh|fish`` prints a script."""

from __future__ import annotations

import argparse
import shlex
import sys

from pypet.cli.arguments import add_json
from pypet.interfaces import Command
from pypet.markers import hookimpl

BASH = """\
# Completion of pypet for bash. In ~/.bashrc:  eval "$(pypet completion bash)"
_pypet_completion() {
    local kind value program="${COMP_WORDS[0]}"
    local -a arguments=(--quoted --candidates "$COMP_CWORD" "${COMP_WORDS[@]}")
    COMPREPLY=()
    while IFS=$'\\t' read -r kind value; do
        case "$kind" in
            file) compopt -o default ;;
            word) COMPREPLY+=("$value") ;;
        esac
    done < <("$program" completion "${arguments[@]}" 2>/dev/null)
}
complete -F _pypet_completion pypet
"""
ZSH = """\
#compdef pypet
# Completion of pypet for zsh. In ~/.zshrc, after compinit:  eval "$(pypet completion zsh)"
_pypet() {
    local kind value
    local -a candidates
    local -i files=0
    while IFS=$'\\t' read -r kind value; do
        case "$kind" in
            file) files=1 ;;
            word) candidates+=("$value") ;;
        esac
    done < <("${words[1]}" completion --candidates $((CURRENT - 1)) "${(@Q)words}" 2>/dev/null)
    (( ${#candidates} )) && compadd -a candidates
    (( files )) && _files
}
compdef _pypet pypet
"""
FISH = """\
# Completion of pypet for fish. In ~/.config/fish/config.fish:  pypet completion fish | source
function __pypet_complete
    set -l typed (commandline -opc)
    set -l current (commandline -ct)
    for line in ($typed[1] completion --candidates (count $typed) $typed "$current" 2>/dev/null)
        set -l parts (string split -m 1 \\t -- $line)
        if test "$parts[1]" = file
            __fish_complete_path "$current"
        else
            echo $parts[2]
        end
    end
end
complete -c pypet -f -a '(__pypet_complete)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(arguments: argparse.Namespace) -> int:
    """Write the script of a shell to stdout, or the candidates for a word.

    Candidates are lines of a kind, a tab and a value: ``word`` for a word, ``file`` for whatever
    files the shell finds.
    """
    if arguments.candidates is None and arguments.shell is None:
        arguments._parser.error(f"name a shell: {', '.join(SCRIPTS)}")
    if arguments.json and arguments.candidates is None:
        from pypet.cli.output import write_json

        write_json(shell=arguments.shell, script=SCRIPTS[arguments.shell])
    elif arguments.candidates is not None:
        from pypet.cli.completion import complete

        index, *words = arguments.candidates
        if arguments.quoted:
            words = list(map(_unquoted, words))
        found = complete(words, int(index))
        lines = [f"word\t{word}\n" for word in found.words]
        sys.stdout.write("".join([*lines, "file\t\n"] if found.with_files else lines))
    else:
        sys.stdout.write(SCRIPTS[arguments.shell])
    return 0


def _unquoted(word: str) -> str:
    """Return a word of a command line without quotes; as it is if it has an opening one only."""
    try:
        parts = shlex.split(word)
    except ValueError:
        return word
    return parts[0] if len(parts) == 1 else word


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.add_argument(
        "shell",
        nargs="?",
        choices=list(SCRIPTS),
        help=f"{', '.join(SCRIPTS)}; the script says where it belongs",
    )
    # For the scripts: index of a word, and all words of the line, which bash gives as typed.
    parser.add_argument("--candidates", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.add_argument("--quoted", action="store_true", help=argparse.SUPPRESS)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet completion``."""
    return [
        Command(
            "completion", "Print what makes a shell complete pypet.", completion, _add_arguments
        )
    ]
