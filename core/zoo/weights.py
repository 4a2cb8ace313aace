"""Where the weights of a network are, and downloading those that are not there yet."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import re
import uuid
from pathlib import Path

from core.downloads.fetch import fetch, megabytes, mirrored, sha256
from core.downloads.shared import alone
from core.problem import N_, Problem
from core.steps import Step, Steps
from core.zoo.catalogue import Entry

MIRROR_VARIABLE = "IDEALCAT_WEIGHTS_MIRROR"


class WeightsMissing(Problem):
    """The weights of a network are not on this machine."""


def torch_home() -> Path:
    """The folder in which torch keeps what it downloads; `TORCH_HOME` moves it."""
    home = os.environ.get("TORCH_HOME")
    if home is None:
        cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
        home = f"{cache}/torch"
    return Path(home).expanduser()


def cache_folder() -> Path:
    """The folder in which torch keeps downloaded weights.

    Sharing it with torch means that a network a student has used before is not downloaded again.
    """
    return torch_home() / "hub" / "checkpoints"


def path(entry: Entry) -> Path:
    """Where the weights of a network are, or would be once they are there."""
    if entry.source == "torchvision":
        return cache_folder() / entry.weights_file
    spec = importlib.util.find_spec(entry.package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsMissing(
            N_("The weights of {network} come with the package {package}, which is not installed."),
            network=entry.title,
            package=entry.package.replace("_", "-"),
        )
    return Path(next(iter(spec.submodule_search_locations))) / "models" / entry.weights_file


def present(entry: Entry) -> bool:
    """Whether the weights of a network are on this machine."""
    try:
        return path(entry).is_file()
    except WeightsMissing:
        return False


def missing(entry: Entry) -> WeightsMissing:
    """The sentence to say where a network's weights are wanted and not there."""
    return WeightsMissing(
        N_(
            "The weights of {network} are not on this machine. Put the file {file} into the folder {folder}."
        ),
        network=entry.title,
        file=entry.weights_file,
        folder=cache_folder(),
    )


def check(entry: Entry) -> None:
    """Compare the file of a network's weights with the digest in its name, where it has one.

    Raises:
        Problem: it is another file, or a damaged one.
    """
    if not sha256(path(entry)).startswith(_expected_digest(entry)):
        raise Problem(
            N_("The file {file} does not hold the weights of {network}. Delete it and try again."),
            file=path(entry),
            network=entry.title,
        )


def download(entry: Entry, *, resume: bool = False) -> Steps[Path]:
    """Download the weights of a network into the cache, megabyte by megabyte.

    The file appears under its name only when it is whole and its SHA-256 begins as the name
    says. `IDEALCAT_WEIGHTS_MIRROR` names another place (an address of a folder) to take the files
    from, such as a school's own server.

    Args:
        entry: the network.
        resume: whether to keep what has come when this is left or cut off, and to go on from
            there the next time; otherwise nothing stays behind. Only one program can do so.

    Yields:
        Steps counted in megabytes; the last one's result is the path of the file.

    Raises:
        Problem: the download failed or the file is not the expected one.
    """
    target = path(entry)
    if target.is_file():
        yield Step(1, 1, result=target)
        return
    own = "" if resume else f".{uuid.uuid4().hex}"  # others may try too
    partial = target.with_name(f"{target.name}{own}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock_file = target.with_name(f"{target.name}.lock")
        with alone(lock_file, entry.title) if resume else contextlib.nullcontext():
            yield from fetch(
                _address(entry),
                partial,
                expected_bytes=entry.weights_bytes,
                digest=_expected_digest(entry),
                resume=resume,
            )
            partial.replace(target)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Problem(
            N_(
                "{network} could not be downloaded ({reason}). Put the file {file} into the folder "
                "{folder}, or go on with the built-in network."
            ),
            network=entry.title,
            reason=getattr(error, "reason", None) or error,
            file=entry.weights_file,
            folder=target.parent,
        ) from error
    finally:
        if not resume:
            with contextlib.suppress(OSError):  # the error that matters is on its way already
                partial.unlink()
    size = megabytes(target.stat().st_size)
    yield Step(size, size, result=target)


def _address(entry: Entry) -> str:
    return mirrored(entry.url, entry.weights_file, MIRROR_VARIABLE)


def _expected_digest(entry: Entry) -> str:
    match = re.search(r"-([0-9a-f]{8,})\.", entry.weights_file)
    return match.group(1) if match else ""
