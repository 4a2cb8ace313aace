"""Tests stand alone: they import no test module, nor benchmarks, which import no tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = Path(__file__).parent


def imported(path: Path) -> set[str]:
    """Names of the modules that a file imports, with their packages."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def is_test_module(name: str) -> bool:
    return any(part == "conftest" or part.startswith("test_") for part in name.split("."))


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.stem)
def test_a_test_imports_neither_tests_nor_benchmarks(path):
    names = imported(path)
    assert not {name for name in names if name.split(".")[0] == "benchmarks"}
    assert not {name for name in names if is_test_module(name)}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem
)
def test_a_benchmark_imports_no_tests(path):
    assert not {name for name in imported(path) if name.split(".")[0] == "tests"}
