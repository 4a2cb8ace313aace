"""What the verbs of the command line share: networks, files, and steps that are told of."""

from __future__ import annotations

import argparse
import glob
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from core.images import photos
from core.problem import Problem
from core.setting import Setting
from core.steps import Steps
from core.zoo import catalogue, weights
from core.zoo.classifier import Classifier

Answer = dict[str, Any]
"""What a verb has to say, as it is printed with --json."""


class Verb(Protocol):
    """Adds a verb to the command line, and gives its parser."""

    def __call__(
        self, name: str, run: Callable[[argparse.Namespace], Answer], help: str
    ) -> argparse.ArgumentParser:
        """Add one."""
        ...


def network_option(added: argparse.ArgumentParser) -> None:
    """Let a verb be told which network to use."""
    added.add_argument(
        *("--network", "--model"),
        dest="model",
        metavar="NAME|FOLDER|FILE.zip",
        default=catalogue.DEFAULT,
        help="a network, or what `train` saved (default: the built-in one)",
    )


def setting_options(
    added: argparse.ArgumentParser,
    asked: Mapping[str, tuple[Setting, Any]],
    *,
    has_defaults: bool = False,
) -> dict[str, str]:
    """Add an option for each of some settings.

    Args:
        added: the verb's parser.
        asked: the settings with their values; see `core.setting.with_values`.
        has_defaults: whether these are the values of what is not given, which is None otherwise.

    Returns:
        The options by the settings' names.
    """
    options: dict[str, str] = {}
    for name, (setting, value) in asked.items():
        options[name] = option(name, setting)
        more: dict[str, Any] = {"type": type(value), "metavar": setting.metavar}
        if setting.choices:
            more = {"choices": list(setting.choices)}
        elif isinstance(value, bool):
            more = {"action": argparse.BooleanOptionalAction}
        elif isinstance(value, tuple):
            more |= {"type": float, "nargs": len(value)}
        default = value if has_defaults else None
        added.add_argument(options[name], dest=name, default=default, help=setting.told, **more)
    return options


def option(name: str, setting: Setting) -> str:
    """Return what the option of a setting is called."""
    return setting.option or "--" + name.replace("_", "-")


def given_settings(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the values that were given for settings, by their names; None where none was."""
    found = {name: getattr(options, name) for name in names}
    return {n: tuple(value) if isinstance(value, list) else value for n, value in found.items()}


def a_file(pattern: str) -> Path:
    """Return the one file or folder that a person means; a type for `add_argument`.

    Raises:
        Problem: a pattern fits none, or several.
    """
    found = some_files(pattern)
    if len(found) > 1:
        raise Problem(
            "{pattern} fits {count} files. Name one of them.", pattern=pattern, count=len(found)
        )
    return found[0]


def some_files(pattern: str) -> list[Path]:
    """Return the files that a person means; a type for `add_argument`.

    Shells on Windows hand "*.jpg" over as it is, and so do quotes anywhere.

    Raises:
        Problem: a pattern fits none.
    """
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        return [Path(pattern)]
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern may be absolute
    if not found:
        raise Problem("No file fits {pattern}.", pattern=pattern)
    return [Path(name) for name in found]


def told(skipped: Sequence[tuple[object, Problem]]) -> list[Answer]:
    """Return the files that were left out, with the reasons."""
    return [{"file": str(file), "reason": str(reason)} for file, reason in skipped]


def load_network(name: str) -> Classifier:
    """Load a network of the catalogue, or a trained one from its folder or zip."""
    from core.export import bundle, store

    path = Path(name)
    if path.is_dir():
        return store.load(path, _of_the_catalogue)
    if path.suffix.lower() == ".zip":
        return bundle.read(read_file(path), path.name, _of_the_catalogue)
    return _of_the_catalogue(name)


def _of_the_catalogue(name: str) -> Classifier:
    """Load a network of the catalogue, downloading it if need be."""
    from core.zoo import loading

    entry = catalogue.entry(name)
    if not weights.present(entry):
        last(weights.download(entry), f"downloading {entry.title}")
    return loading.shared(entry.name)


def read_photo(path: Path) -> Image.Image:
    """Read a photo.

    Raises:
        Problem: it cannot be read.
    """
    return photos.decode(read_file(path), path.name)


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises:
        Problem: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Problem(
            "{file} cannot be read: {reason}.", file=path, reason=error.strerror
        ) from None


def write_file(path: Path, data: bytes) -> None:
    """Write a file.

    Raises:
        Problem: it cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise Problem(
            "{file} cannot be written: {reason}.", file=path, reason=error.strerror
        ) from None


def last(steps: Steps[Any], doing: str) -> Any:
    """Run a computation to its end, telling stderr how far it is, and give its result."""
    shown = 0.0
    step = None
    for step in steps:
        if sys.stderr.isatty() and time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            print(f"\r{step.phase or doing}: {step.index}/{step.total} ", end="", file=sys.stderr)
    if shown:
        print(file=sys.stderr)
    assert step is not None, "a computation makes at least one step"
    return step.result
