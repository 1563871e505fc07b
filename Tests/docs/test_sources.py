"""The sources keep the rules of the house: their format, and what each target may import."""

import subprocess
import sys

import pytest
from harness.process import REPOSITORY

FLOORS = REPOSITORY / "scripts" / "floors"
MANIFEST = """// swift-tools-version: 6.0
import PackageDescription

let package = Package(
  name: "house",
  dependencies: [.package(url: "https://example.org/swift-log.git", from: "1.0.0")],
  targets: [
    .target(name: "Upper", dependencies: [.product(name: "Logging", package: "swift-log")]),
    .target(name: "Lower"),
    .target(name: "Aside", path: "Elsewhere"),
  ])
"""


def run(*command, folder=REPOSITORY):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_the_format_is_as_lint_wants_it():
    lint = run("swift", "format", "lint", "--strict", "--recursive", "Sources", "Tests", "Package.swift")
    assert lint.returncode == 0, lint.stderr


def test_no_target_imports_what_it_was_not_granted():
    floors = run(sys.executable, FLOORS)
    assert floors.returncode == 0, floors.stderr


@pytest.mark.parametrize("folder", ["Sources/Lower", "Elsewhere"])
@pytest.mark.parametrize("line", ["import Logging", "package import Logging", "import struct Logging.Logger"])
def test_floors_sees_a_breach(tmp_path, folder, line):
    (tmp_path / "Package.swift").write_text(MANIFEST)
    for path in ["Sources/Upper", "Sources/Lower", "Elsewhere"]:
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "Rooms.swift").write_text("import Glibc\n")
    (tmp_path / "Sources/Upper/Rooms.swift").write_text("import Logging\nimport Glibc\n")
    assert run(sys.executable, FLOORS, folder=tmp_path).returncode == 0
    # A careless pattern takes the first import of a file for a word of the second.
    (tmp_path / folder / "Rooms.swift").write_text(f"{line}\nimport Synchronization\n\nlet rooms = 1\n")
    floors = run(sys.executable, FLOORS, folder=tmp_path)
    assert floors.returncode == 1
    assert "may not import Logging" in floors.stderr


def test_floors_sees_a_closure_that_leaves_its_lane(tmp_path):
    (tmp_path / "Package.swift").write_text(MANIFEST)
    for path in ["Sources/Upper", "Sources/Lower", "Elsewhere"]:
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "Sources/Lower/Rooms.swift").write_text("func read() { lane.run { [file] in file } }\n")
    floors = run(sys.executable, FLOORS, folder=tmp_path)
    assert floors.returncode == 1
    assert "takes this closure off its lane" in floors.stderr
