"""Install what the app needs into the Python that runs this: `.venv/bin/python -m core.install`.

On Linux, pip takes the build of PyTorch that brings NVIDIA's libraries along. Where there is no
NVIDIA GPU this takes the build without them, a tenth of the download, if its index can be reached.
"""

from __future__ import annotations

import platform
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
SECONDS = 5.0
"""How long the index may take to answer."""
_DRIVER = ("proc/driver/nvidia", "dev/nvidiactl", "usr/lib/wsl/lib/libcuda.so.1")
_NVIDIA = "0x10de"  # as a maker of PCI devices


def main(requirements: Path = REQUIREMENTS, index: str = CPU_BUILDS, root: Path = Path("/")) -> int:
    """Install, and return pip's exit status.

    Args:
        requirements: the file that lists what is needed, PyTorch with its exact version.
        index: where the builds without NVIDIA's libraries are.
        root: of the file system in which to look for an NVIDIA GPU.
    """
    builds = [line for line in requirements.read_text().splitlines() if line.startswith("torch")]
    if wants_cpu_build(root) and not all(is_installed(build) for build in builds):
        if answers(index) and pip("--index-url", index, *builds) == 0:
            print("No NVIDIA GPU: PyTorch's CPU build is installed.", flush=True)
        else:
            print(
                f"{index} cannot be reached. Taking PyTorch's ordinary build, which works as well but is ten times the download.",
                flush=True,
            )
    return pip("-r", str(requirements))


def wants_cpu_build(root: Path = Path("/")) -> bool:
    """Return whether there are two builds for this machine, and the one for GPUs is of no use."""
    has_two = platform.system() == "Linux" and platform.machine() == "x86_64"
    return has_two and not has_nvidia_gpu(root)


def has_nvidia_gpu(root: Path = Path("/")) -> bool:
    """Return whether an NVIDIA GPU is to be seen, by its driver or on the PCI bus."""
    if shutil.which("nvidia-smi") or any((root / path).exists() for path in _DRIVER):
        return True
    devices = (root / "sys/bus/pci/devices").glob("*")
    return any(
        _read(device / "vendor") == _NVIDIA and _read(device / "class").startswith("0x03")
        for device in devices  # of class 3, displays: NVIDIA makes network cards too
    )


def is_installed(build: str) -> bool:
    """Return whether a requirement such as "torch==2.14.1" is met, by whatever build."""
    name, _, version = build.partition("==")
    try:
        return metadata.version(name).partition("+")[0] == version
    except metadata.PackageNotFoundError:
        return False


def answers(address: str, seconds: float = SECONDS) -> bool:
    """Return whether a server answers in time, with whatever; pip would try for minutes."""
    reached = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(f"{address}/torch/", timeout=seconds).close()
        except urllib.error.HTTPError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ssl.SSLError):  # pip may know other certificates
                return
        except OSError:
            return
        reached.set()

    # On a thread, since looking up a name can take longer than any limit.
    threading.Thread(target=ask, daemon=True).start()
    return reached.wait(seconds)


def pip(*arguments: str) -> int:
    """Run `pip install`, and return its exit status."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", *arguments]
    return subprocess.run(command, check=False).returncode


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
