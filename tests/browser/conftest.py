"""A site with tiny trained models, a plain static server under a sub-path, and a page that forgives no error."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from small import quiet, write_text

from browser.desk import NOTHING_KEPT, Desk
from browser.engine_site import with_all_models, write_engine_site
from browser.servers import served
from janelm.config import (
    CharacterTokenizerConfig,
    DataConfig,
    LSTMConfig,
    TiktokenTokenizerConfig,
    TrainingConfig,
    TransformerConfig,
)
from janelm.runs import Run
from janelm.site.folder import STEPS, SiteOptions, write_site
from janelm.training.pipeline import train

TRAINING = TrainingConfig(steps=60, batch_tokens=512, evaluations=3, evaluation_tokens=512, device="cpu", compile="off")
TITLES = ("Morning", "The Second Evening", "Été")
KINDS = ("transformer", "lstm", "verses")


def _can_be(item: pytest.Item) -> bool:
    """Whether the page has what a case asks for: its own step runs but some kinds of models."""
    asked = getattr(getattr(item, "callspec", None), "params", {})
    return asked.get("engine") != "engine_address" or asked.get("kind", STEPS[0]) in STEPS


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not _can_be(item)])
    items[:] = filter(_can_be, items)
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker("browser")
            if "launch" in item.fixturenames:
                item.add_marker(pytest.mark.needs("chromium", "npm"))


@pytest.fixture(scope="session")
def runs(made_once) -> list[Run]:
    """Three finished runs: a transformer of byte pairs, an LSTM of characters, and one of titled documents."""
    folder = made_once("runs-of-the-page", _train_all)
    return [Run(folder / name) for name in KINDS]


def _train_all(folder: Path) -> None:
    text, verses = folder / "text.txt", folder / "verses.txt"
    text.write_text(_paragraphs(write_text(1500)), encoding="utf-8")
    verses.write_text(_titled(write_text(600, seed=1)), encoding="utf-8")
    transformer = TransformerConfig(context_length=48, layers=2, width=32, heads=4)
    lstm = LSTMConfig(context_length=48, layers=2, width=32)
    documents = DataConfig((str(verses),), documents="lines", titles="shorten")
    plan = (
        (transformer, DataConfig((str(text),)), TiktokenTokenizerConfig(vocab_size=320)),
        (lstm, DataConfig((str(text),)), CharacterTokenizerConfig()),
        (lstm, documents, CharacterTokenizerConfig()),
    )
    for name, (model, data, tokenizer) in zip(KINDS, plan, strict=True):
        train(model, TRAINING, folder / name, data=data, tokenizer=tokenizer, say=quiet)


def _paragraphs(text: str, size: int = 5) -> str:
    lines = text.splitlines()
    return "\n\n".join(" ".join(lines[start : start + size]) for start in range(0, len(lines), size)) + "\n"


def _titled(text: str) -> str:
    rng = random.Random(2)
    return "".join(f"<{rng.choice(TITLES)}>\t{line}\n" for line in text.splitlines())


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A plain static server: its root folder and its address."""
    root = tmp_path_factory.mktemp("host")
    with served(root) as address:
        yield root, address


@pytest.fixture(scope="session")
def site(runs: list[Run], host: tuple[Path, str], made_once) -> Path:
    """The folder of the three models as int6, under a sub-path of the server."""
    made = made_once("site-of-the-page", lambda folder: write_site(runs, folder / "site"))
    return _placed(made / "site", host[0] / "some" / "where")


def _placed(made: Path, folder: Path) -> Path:
    """What was made once for all processes, beside what this one's server has."""
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(made, target_is_directory=True)
    return folder


@pytest.fixture(scope="session")
def address(site: Path, host: tuple[Path, str]) -> str:
    return f"{host[1]}/some/where/"


@pytest.fixture(scope="session")
def exact_address(runs: list[Run], host: tuple[Path, str], made_once) -> str:
    """The address of the same models at full precision, without the room Read."""
    options = SiteOptions("fp32", read="none")
    made = made_once("exact-site-of-the-page", lambda folder: write_site(runs, folder / "site", options))
    _placed(made / "site", host[0] / "some" / "exact")
    return f"{host[1]}/some/exact/"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who has never been here, and whose browser keeps nothing for visits without a network."""
    context = browser.new_context(**NOTHING_KEPT)
    yield context
    context.close()


@pytest.fixture
def keeping_context(browser: Browser) -> Iterator[BrowserContext]:
    """The same with a browser that does: it fetches all of the site once more."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What went wrong in the page so far. A test that provokes errors checks them and clears the list."""
    return []


@pytest.fixture
def page(context: BrowserContext, host: tuple[Path, str], complaints: list[str]) -> Iterator[Page]:
    """A page that fails the test on an error in the console, an exception, a CSP violation or a foreign request."""
    context.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"
    )
    page = context.new_page()
    watch(page, complaints, host[1])
    yield page
    page.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def desk(page: Page) -> Desk:
    return Desk(page)


def watch(page: Page, complaints: list[str], origin: str) -> None:
    """Collect what a page of `origin` does wrong."""

    def request(asked) -> None:
        parts = urlsplit(asked.url)
        if parts.scheme in ("http", "https") and f"{parts.scheme}://{parts.netloc}" != origin:
            complaints.append(f"asked for {asked.url}")

    page.on("console", lambda message: message.type == "error" and complaints.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("request", request)


@pytest.fixture(scope="session")
def engine_address(host) -> str:
    """The address of a site of small models with random weights."""
    write_engine_site(host[0] / "an" / "engine")
    return f"{host[1]}/an/engine/"


@pytest.fixture(scope="session")
def onnx_engine_address(host) -> str:
    """The same with ONNX Runtime."""
    write_engine_site(host[0] / "an" / "onnx-engine", runtime="onnxruntime")
    return f"{host[1]}/an/onnx-engine/"


@pytest.fixture(scope="module")
def engine(browser, engine_address):
    """A page whose engine has every model loaded."""
    yield from with_all_models(browser, engine_address)


@pytest.fixture(scope="module")
def onnx_engine(browser, onnx_engine_address):
    """The same with ONNX Runtime, which runs int8 too."""
    yield from with_all_models(browser, onnx_engine_address)


@pytest.fixture
def small_site(host, request, made_once):
    """A site of one LSTM that a test may change: its folder and its address."""
    return _small_site(host, request, made_once, "native")


@pytest.fixture
def small_onnx_site(host, request, made_once):
    """The same with ONNX Runtime."""
    return _small_site(host, request, made_once, "onnxruntime")


def _small_site(host, request: pytest.FixtureRequest, made_once, runtime: str) -> tuple[Path, str]:
    made = made_once(f"small-{runtime}", lambda place: write_engine_site(place, ["lstm-character"], runtime=runtime))
    folder = host[0] / "small" / re.sub(r"\W", "-", request.node.name)
    shutil.copytree(made, folder, copy_function=shutil.copyfile)  # as new, or browsers would keep its files
    return folder, f"{host[1]}/small/{folder.name}/"
