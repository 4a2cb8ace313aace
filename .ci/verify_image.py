#!/usr/bin/env python3
"""Run the Dockerfile's steps without Docker: in a fresh Debian root, then as its user, read-only.

    apt-get install debootstrap
    sudo .ci/verify_image.py /var/tmp/image

Makes the root with debootstrap (Debian's Python stands for the image's), follows the Dockerfile
line by line, and then starts its command as its user, with nothing to write on but HOME: no /tmp,
no /dev/shm. It checks that the health check answers, that the page is served, that an ideal class
can be drawn on the command line, and lists what has been written into HOME. A root that is there
already is used again. Needs root and Linux; takes about 3 GB, with CUDA's packages 8 GB.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

PROJECT = Path(__file__).resolve().parents[1]
SUITE = "bookworm"  # the Debian whose Python is the image's, 3.11
FROM_HOST = ("/etc/resolv.conf", "/etc/hosts")
MINUTES_TO_START = 3


@dataclass
class Image:
    """What the lines of a Dockerfile come to.

    Attributes:
        root: the folder that stands for the image.
        shared: folders of this machine that the building steps see, read-only.
        drop_index: whether pip's `--index-url` is left out, where that place cannot be reached.
        environment, user, folder, health, command: as the Dockerfile sets them.
    """

    root: Path
    shared: tuple[str, ...]
    drop_index: bool
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/"
    health: str = ""
    command: list[str] = field(default_factory=list)

    def follow(self, dockerfile: Path) -> None:
        """Carry out a Dockerfile."""
        for name, rest in instructions(dockerfile):
            print(f"{name} {' '.join(rest.split())[:110]}", flush=True)
            if name == "RUN":
                self.run(rest)
            elif name == "COPY":
                self.copy(*[word for word in shlex.split(rest) if not word.startswith("--")])
            elif name == "ENV":
                self.environment |= dict(word.split("=", 1) for word in shlex.split(rest))
            elif name == "USER":
                self.user = rest
            elif name == "WORKDIR":
                self.folder = rest
                inside(self.root, rest).mkdir(parents=True, exist_ok=True)
            elif name == "HEALTHCHECK":
                self.health = rest.split(" CMD ", 1)[1]
            elif name == "CMD":
                self.command = json.loads(rest)

    def run(self, line: str) -> None:
        """Carry out a RUN."""
        if self.drop_index:
            words = line.split()
            if "--index-url" in words:
                place = words.index("--index-url")
                line = " ".join(words[:place] + words[place + 2 :])
        if line.startswith("useradd") and (self.root / "home/user").exists():
            return  # a root that is used again
        subprocess.run(self.entering(["sh", "-ec", line], self.shared), check=True)

    def copy(self, source: str, target: str) -> None:
        """Carry out a COPY of one file, or of the project without what .dockerignore names."""
        to = inside(self.root, str(PurePosixPath(self.folder) / target))
        files = tracked() if source == "." else [source]
        for file in files:
            place = to / file if source == "." else to
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / file, place)
        if self.user != "root":
            home = inside(self.root, self.environment["HOME"])
            owner = home.stat()
            for path in (to, *to.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)

    def entering(
        self, command: list[str], shared: tuple[str, ...] = (), *, read_only: bool = False
    ) -> list[str]:
        """Give the command line that runs a command in the root, as the user, mounts and all.

        Mounts are made in a namespace of their own and go with the command.
        """
        root = shlex.quote(str(self.root))
        lines = [f"mount --bind {root} {root}"]
        for path in (*FROM_HOST, *shared):
            place = inside(self.root, path)
            if Path(path).is_dir():
                place.mkdir(parents=True, exist_ok=True)
            elif not place.exists():
                place.touch()
            lines.append(f"mount --bind -o ro {path} {place}")
        if read_only:
            home = inside(self.root, self.environment["HOME"])
            lines += [f"mount -o remount,ro,bind {root}", f"mount --bind {home} {home}"]
            lines.append(f"mount -o remount,rw,bind {home}")
        lines += [
            f"mount -t proc proc {root}/proc",
            f"mount -t tmpfs -o mode=755 dev {root}/dev",
            *(f"touch {root}/dev/{d}" for d in ("null", "zero", "random", "urandom")),
            *(
                f"mount --bind /dev/{d} {root}/dev/{d}"
                for d in ("null", "zero", "random", "urandom")
            ),
            *([f"mount -o remount,ro {root}/dev"] if read_only else []),
        ]
        environment = {
            "PATH": "/opt/python/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            **({k: v for k, v in os.environ.items() if k.startswith("PIP_")} if shared else {}),
            **self.environment,
        }
        settings = " ".join(shlex.quote(f"{k}={v}") for k, v in environment.items())
        line = f"cd {shlex.quote(self.folder)} && exec {shlex.join(command)}"
        lines.append(
            f"exec chroot --userspec={self.user}:{self.user} {root} "
            f"env -i {settings} sh -c {shlex.quote(line)}"
        )
        return [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-ec",
            "\n".join(lines),
        ]


def inside(root: Path, path: str) -> Path:
    """Give where an absolute path of the image lies on this machine."""
    return root / path.lstrip("/")


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Give the instructions of a Dockerfile with their arguments, one a line."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in joined if line.strip()]


def tracked() -> list[str]:
    """List the project's files without what .dockerignore names."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    text = (PROJECT / ".dockerignore").read_text()
    patterns = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [file for file in listed if file and not is_ignored(file, patterns)]


def is_ignored(file: str, patterns: list[str]) -> bool:
    """Whether a file, or a folder it lies in, fits one of .dockerignore's patterns."""
    path = PurePosixPath(file)
    for place in (path, *path.parents[:-1]):
        for pattern in patterns:
            at_any_depth = pattern.startswith("**/")
            name = place.name if at_any_depth else str(place)
            wanted = pattern.removeprefix("**/")
            same_depth = at_any_depth or name.count("/") == wanted.count("/")
            if same_depth and fnmatch.fnmatchcase(name, wanted):
                return True
    return False


def make_root(root: Path) -> None:
    """Make a Debian root with a Python that, like the image's, may install packages."""
    if not (root / "usr/bin/python3").exists():
        packages = "--include=ca-certificates,python3,python3-venv"
        subprocess.run(["debootstrap", "--variant=minbase", packages, SUITE, str(root)], check=True)
    if not (root / "opt/python").exists():
        subprocess.run(["chroot", str(root), "python3", "-m", "venv", "/opt/python"], check=True)


def verify(image: Image) -> None:
    """Use the image as its user, in a tree that is read-only but for HOME."""
    home = inside(image.root, image.environment["HOME"])
    before = set(home.rglob("*"))
    refused = " && ".join(f"! touch {folder}/x 2>/dev/null" for folder in ("/tmp", "/usr", "/dev"))
    probe = f"{refused} && touch ~/x && rm ~/x && id -u"
    check(image, "only HOME can be written, by user", ["sh", "-c", probe])
    with running(image):
        with urllib.request.urlopen("http://127.0.0.1:8501/", timeout=10) as page:
            assert b'<div id="root">' in page.read(), "that is not the app's page"
        print("ok  the page is served", flush=True)
        assert status_of_upload() == 403, "an upload without the cookie must be refused"
        assert "SameSite=Lax" in cookie(), "other sites have no use for the cookie"
        print("ok  uploads are protected", flush=True)
        picture = f"{image.environment['HOME']}/tabby.png"
        draw = ["--class", "tabby", "--steps", "24", "--size", "96", "--out", picture, "--json"]
        check(image, "an ideal class is drawn", ["python", "-m", "core", "ideal", *draw])
    image.environment["SPACE_ID"] = "school/ideal-cat"
    with running(image):
        assert status_of_upload() == 403, "an upload without the cookie must be refused there, too"
        assert "SameSite=None; Secure" in cookie(), "browsers must send it from Spaces' iframe"
        print("ok  on Spaces uploads are protected, and the cookie is for iframes", flush=True)
    written = sorted(str(path.relative_to(home)) for path in set(home.rglob("*")) - before)
    print("written into HOME:", ", ".join(written) or "nothing")


def status_of_upload() -> int:
    """Upload to a session that there is not, without any cookie, and give the answer."""
    address = "http://127.0.0.1:8501/_stcore/upload_file/nobody/nothing"
    request = urllib.request.Request(address, data=b"", method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def cookie() -> str:
    """Give the cookie that protects uploads, as the server sets it."""
    with urllib.request.urlopen("http://127.0.0.1:8501/_stcore/health", timeout=10) as answer:
        return str(answer.headers["Set-Cookie"])


@contextmanager
def running(image: Image) -> Iterator[None]:
    """Start the image's command and wait until it is healthy; stop it as Docker does."""
    server = subprocess.Popen(image.entering(image.command, read_only=True))
    try:
        wait_until_healthy(image, server)
        yield
        stop(server)
    finally:
        if server.poll() is None:  # killing unshare alone would leave what it runs
            os.kill(first_process(server), signal.SIGKILL)


def first_process(server: subprocess.Popen[bytes]) -> int:
    """Give the id of the process that is number 1 in the server's namespace."""
    (child,) = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return int(child)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server as Docker does: SIGTERM for its first process."""
    started = time.monotonic()
    os.kill(first_process(server), signal.SIGTERM)
    server.wait(10)
    print(f"ok  it stops {time.monotonic() - started:.1f} s after SIGTERM", flush=True)


def wait_until_healthy(image: Image, server: subprocess.Popen[bytes]) -> None:
    """Ask the image's health check until it answers."""
    ends = time.monotonic() + 60 * MINUTES_TO_START
    asking = image.entering(["sh", "-c", image.health], read_only=True)
    while subprocess.run(asking, capture_output=True, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > ends:
            sys.exit("the server is not healthy")
        time.sleep(1)
    if server.poll() is not None:  # then another program has answered
        sys.exit("the server has ended; is its port in use?")
    print("ok  the health check answers", flush=True)


def check(image: Image, what: str, command: list[str]) -> None:
    """Run a command as the image's user, read-only, and say how it went."""
    ran = subprocess.run(
        image.entering(command, read_only=True), capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        sys.exit(f"failed: {what}\n{ran.stdout}{ran.stderr}")
    print(f"ok  {what}: {ran.stdout.strip()[:160]}", flush=True)


def main() -> None:
    """Build, then verify."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=Path, help="the folder to build in")
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="FOLDER",
        help="of this machine, for the building steps: packages, certificates, pip's configuration",
    )
    parser.add_argument(
        "--drop-index", action="store_true", help="leave pip's --index-url out: take what pip finds"
    )
    options = parser.parse_args()
    make_root(options.root.resolve())
    image = Image(options.root.resolve(), tuple(options.share), options.drop_index)
    image.follow(PROJECT / "Dockerfile")
    verify(image)


if __name__ == "__main__":
    main()
