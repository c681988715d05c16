"""The README and docs/: what they link to is there, and what they tell people to type can be typed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import forked
import pytest

from janelm.cli import COMMANDS

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CHANGELOG.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|js|cpp|h|md|csv|png)\b")
PATH = re.compile(r"\b(?:janelm|tests|docs|assets)/[\w./-]*\w")
OPTION = re.compile(r"(?<![\w-])--(\w[\w-]*)(?:[ =]([\w./-]+))?")
CHOICE = re.compile(r"--(?:architecture|tokenization) \w+")  # what the options of training depend on
PROGRAM = re.compile(r"(?:python (traineval|inference)\.py|janelm (\w+)|python tests/benchmarks/(\w+)\.py)(?=\s|$)(.*)")
TORCHRUN = re.compile(r"torchrun (?:--nproc_per_node \d+ )?(?=traineval)")
OTHERS_OPTIONS = {"durations", "nnodes", "rdzv_endpoint", "nproc_per_node", "help", "param"}  # of pytest, torchrun, g++
OF_ALL = {"trust_code": None}  # what every command takes
OWN = re.compile(r"--architecture \S+\.py:\w+")  # a file of the reader's
READERS_FILES = {"my_file.py", "my_gru.py", "architecture.py"}


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(page: str) -> str:
    return FENCE.sub("", read(page))


def slug(heading: str) -> str:
    """The anchor that code hosts make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: str) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    lost = []
    for target in LINK.findall(prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        if not there.exists() or (anchor and anchor not in anchors(str(there.resolve().relative_to(ROOT)))):
            lost.append(target)
    assert lost == []


@cache
def files() -> list[str]:
    """The files of the repository, each with a slash before its path."""
    kept = (path for path in ROOT.rglob("*") if not any(part in (".git", ".venv") for part in path.parts))
    return [f"/{path.relative_to(ROOT).as_posix()}" for path in kept if path.is_file()]


def missing(text: str) -> list[str]:
    """The names in a text, whole paths or their ends, that no file of the repository has."""
    named = set(FILE.findall(text)) - READERS_FILES
    names = {name for name in named if not any(path.endswith(f"/{name}") for path in files())}
    return sorted(names | {path for path in PATH.findall(text) if not (ROOT / path).exists()})


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page):
    """So no page speaks of where a file was before it moved."""
    named = "\n".join([*SPAN.findall(prose(page)), *(line for line in commands(page) if "python " in line)])
    assert missing(named) == []


CODE = [path for path in files() if path.startswith("/janelm/") and path.endswith((".py", ".js", ".cpp", ".h"))]


def test_the_codes_comments_name_files_that_exist():
    lost = {}
    for code in CODE:
        named = re.findall(
            r"\b(?:janelm|tests|docs|web|engines|export)/[\w/.-]+\.(?:py|js|md|json|cpp)\b", read(code[1:])
        )
        if gone := [name for name in named if not any(path.endswith(f"/{name}") for path in files())]:
            lost[code] = gone
    assert lost == {}


def commands(page: str) -> Iterator[str]:
    """Every command of a page, one at a time, comments apart."""
    texts = [text for language, text in FENCE.findall(read(page)) if language == "bash"]
    texts += [" ".join(span.split()) for span in SPAN.findall(prose(page))]
    for text in texts:
        for line in text.splitlines():
            yield from (command.strip() for command in line.split("  #")[0].split("&&"))


@cache
def options(*program: str) -> dict[str, set[str] | None]:
    """The options that the help of a program names, each with the values it may have where these are listed."""

    def said(flag: str) -> str:
        done = forked.run(*program, flag, COLUMNS="300")
        assert done.returncode == 0, f"{' '.join(program)} {flag}: {done.stderr}"
        return done.stdout

    text = said("--help")
    if more := re.search(r"--help[-_]all", text):
        text += said(more[0])
    found: dict[str, set[str] | None] = {}
    for name, values in re.findall(r"--(\w[\w-]*)(?: \{([^{}]+)\}(?!\|))?", text):
        found.setdefault(name.replace("-", "_"), set(values.split(",")) if values else None)
    return found


def of_program(script: str, command: str, benchmark: str, given: str) -> list[dict[str, set[str] | None]]:
    """What may be given to a program: its own options, and those of what it hands them on to."""
    if benchmark:
        own = options(f"{ROOT}/tests/benchmarks/{benchmark}.py")
        return [own, options("-m", "janelm", "train")] if benchmark == "time_to_quality" else [own]
    command = {"traineval": "train", "inference": "write"}.get(script, command)
    chosen = " ".join(CHOICE.findall(OWN.sub("", given))).split() if command == "train" else []
    return [options("-m", "janelm", command, *chosen) | OF_ALL]


def wrong_options(given: str, known: list[dict[str, set[str] | None]]) -> list[str]:
    """The options in `given` that none of the `known` ones is, or whose value is not one of those listed."""
    wrong = []
    for name, value in OPTION.findall(OWN.sub("", given)):
        name = name.replace("-", "_")
        having = [each for each in known if name in each]
        listed = [each[name] for each in having if each[name]]
        if not having or (value and listed and not any(value in values for values in listed)):
            wrong.append(f"--{name} {value}".strip())
    return wrong


@pytest.mark.parametrize("page", PAGES)
def test_every_command_can_be_typed(page):
    wrong = []
    for line in commands(page):
        found = PROGRAM.match(TORCHRUN.sub("python ", line))
        if not found:
            continue
        if found[2] and found[2] not in COMMANDS:
            wrong.append(line)
        else:
            wrong += [f"{line}: {option}" for option in wrong_options(found[4], of_program(*found.groups(default="")))]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_every_option_that_is_named_alone_is_some_commands(page):
    every = [options("-m", "janelm", command) for command in COMMANDS]
    every += [options("-m", "janelm", "train", "--architecture", "lstm", "--tokenization", "tiktoken")]
    every += [
        options(f"{ROOT}/tests/benchmarks/{name}.py")
        for name in ("training", "generation", "site", "time_to_quality", "going_on", "loops", "race", "long_texts")
    ]
    every += [dict.fromkeys(OTHERS_OPTIONS), OF_ALL]
    assert wrong_options("\n".join(span for span in SPAN.findall(prose(page)) if span.startswith("--")), every) == []


TOLD = {  # what this package cannot mend, and who is told where
    "Macs with Intel processors have no wheels": "README.md",
    "torchrun needs `USE_LIBUV=0`": "docs/guide.md",
}


@pytest.mark.parametrize("sentence", TOLD)
def test_who_meets_a_limit_of_torch_finds_it_told(sentence):
    assert sentence in " ".join(prose(TOLD[sentence]).split())


def test_the_house_has_no_room_that_its_map_does_not_name():
    page = read("docs/how-it-works.md")
    rooms = dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", page, re.MULTILINE))
    for wing in {path.parent for path in (ROOT / "janelm").glob("*/*.py")}:
        missing = {path.name for path in wing.glob("*.py")} - {"__init__.py"} - set(FILE.findall(rooms[wing.name]))
        assert not missing, f"{wing.name}/: {missing}"
