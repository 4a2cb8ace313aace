"""The command line: the same core, for teachers who prepare material and for scripts.

    python -m core ideal --class "Siamese cat" --out cat.png --json

Each verb prints one JSON object with --json; progress goes to stderr; bad input ends with exit
code 2 and one line on stderr.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from core.commands import attacks, ideal, looking, training
from core.commands.shared import Answer
from core.problem import Problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and give the exit code."""
    _speak_utf8()
    try:
        options = _parser().parse_args(arguments)
        answer: Answer = options.verb(options)
    except Problem as problem:
        print(f"core: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("core: interrupted", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(_finite(answer), ensure_ascii=False, default=str, allow_nan=False))
    else:
        _print_for_people(answer, options.told)
    return 0


def _speak_utf8() -> None:
    """Write every class name in every language, and file names that are in none.

    Where output goes into a file or a pipe, Windows would take an encoding of 256 characters.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = stream.encoding if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def _finite(value: Any) -> Any:
    """Return an answer with null in place of the numbers that JSON has no word for."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as everything else here does."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"core: {' '.join(message.split())}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m core", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(
        name: str, run: Callable[[argparse.Namespace], Answer], help: str
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help)
        added.set_defaults(verb=run, told={})
        added.add_argument("--json", action="store_true", help="print one JSON object")
        return added

    for module in (looking, ideal, attacks, training):
        module.add(verb)
    return parser


def _print_for_people(answer: Answer, told: Mapping[str, Callable[[Any], Iterable[str]]]) -> None:
    """Print an answer; what `told` has a function for, as the lines that this gives."""
    for key, value in answer.items():
        if key in told:
            print(*told[key](value), sep="\n")
        elif _is_table(value):
            print(f"{key}:")
            _print_rows(value, "  ")
        else:
            print(f"{key}: {_short(value)}")


def _print_rows(rows: Sequence[Answer], indent: str) -> None:
    for row in rows:
        cells = {name: item for name, item in row.items() if not _is_table(item)}
        print(indent + "  ".join(f"{name}={_short(item)}" for name, item in cells.items()))
        for name in row.keys() - cells.keys():
            _print_rows(row[name], indent + "  ")


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
