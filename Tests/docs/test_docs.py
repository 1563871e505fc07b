"""What the documents say about the repository and the program is so."""

import re
import subprocess

import pytest
from harness.process import REPOSITORY, binary, clean_environment

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md"), *REPOSITORY.glob("Benchmarks/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document):
    text = document.read_text()
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)
    dead = []
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path) if path else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    assert dead == []


def anchors(text):
    """The anchors that GitHub and Forgejo make of headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_named_make_targets_exist(document):
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`make ([a-z-]+)", document.read_text())) <= targets


def test_every_room_of_the_floor_plan_exists_and_none_is_missing():
    rooms = {path.name for path in (REPOSITORY / "Sources").iterdir() if path.is_dir()}
    plan = (REPOSITORY / "docs" / "architecture.md").read_text().split("```")[1]
    named = set(re.findall(r"\b[A-Za-z]\w+", " ".join(re.split(r"\s{2,}", line)[0] for line in plan.splitlines())))
    assert named == rooms


def test_the_configuration_reference_is_the_program_s_own():
    printed = subprocess.run(
        [binary(), "configuration", "--markdown"], check=True, capture_output=True, text=True, timeout=30,
        env=clean_environment()).stdout
    assert (REPOSITORY / "docs" / "configuration.md").read_text() == printed, "run `make reference`"
