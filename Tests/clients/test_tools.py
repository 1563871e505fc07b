"""The tools that read photos: what one of them may reach, and what is left of them."""

import pathlib

import pytest

from harness import client, media, process

# Speaks exiftool's protocol, and says as the camera's maker what it can do with its own file and with another one.
NOSY = r"""#!/usr/bin/perl
$| = 1;
my $name;
while (<STDIN>) {
  chomp;
  $name = $_ if /^asset/;
  next unless /^-execute(\d+)/;
  my ($number, $other) = ($1, 'OTHER');
  my @said = map { open(my $file, '<', $_) ? 'read' : 'refused' } $name, $other;
  print qq([{"Make":"@said"}]\n{ready$number}\n);
}
"""


def make_of(session, asset):
    """What was recorded as the camera's maker; waits for it."""
    return process.until(
        lambda: session.get(f"/api/assets/{asset}").json()["exifInfo"]["make"], 30, "the facts")


@pytest.fixture
def nosy(launch, tmp_path):
    """A server whose exiftool is not one; `nosy.curious(path)` says what the next one that starts shall look at."""
    tools = tmp_path / "tools"
    tools.mkdir()

    def curious(path):
        (tools / "exiftool").write_text(NOSY.replace("OTHER", str(path)))
        (tools / "exiftool").chmod(0o755)

    curious("/nowhere")
    server = launch(environment={"NIGHTSTAND_TOOLS": str(tools)}, founded=True)
    server.curious = curious
    return server


def test_a_tool_that_was_taken_over_sees_one_persons_files_alone(nosy, add_user):
    anna, _ = client.log_in(nosy)
    bert = add_user(nosy)
    assert make_of(anna, anna.store(media.jpeg("hers"), "hers.jpg")) == "read refused"
    (hers,) = (nosy.data / "originals").rglob("hers.jpg")
    nosy.curious(hers)
    assert make_of(bert, bert.store(media.jpeg("his"), "his.jpg")) == "read refused"
    # What makes the difference is whose it is.
    nosy.restart()
    anna.close()
    assert make_of(anna, anna.store(media.jpeg("hers too"))) == "read read"


def test_work_folders_do_not_pile_up(nosy, add_user):
    """Each change of the owner starts another exiftool; it works where the last one did."""
    anna, _ = client.log_in(nosy)
    people = [anna, add_user(nosy)]
    for turn in range(6):
        person = people[turn % 2]
        make_of(person, person.store(media.jpeg(f"photo {turn}")))
    # Two workers with a folder of their own each, and one for their exiftool.
    assert len(list((nosy.data / "derived" / "work").iterdir())) <= 4


def children(pid):
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(folder.name))
    return found


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_no_tool_outlives_a_server_that_is_killed(nosy):
    anna, _ = client.log_in(nosy)
    make_of(anna, anna.store(media.jpeg("photo")))
    tools = process.until(lambda: children(nosy.process.pid), 20, "a running exiftool")
    anna.close()
    nosy.kill()
    process.until(lambda: not any(is_running(pid) for pid in tools), 20, "the end of the tools")
