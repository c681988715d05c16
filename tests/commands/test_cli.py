"""The commands as people type them: output, files, exit codes."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import pytest
from small import SHAPES, happening, random_run, write_text

from janelm import runs
from janelm.cli import main
from janelm.commands import score as score_module
from janelm.config import CharacterTokenizerConfig, TiktokenTokenizerConfig
from janelm.measuring import scoring
from janelm.runs import Run
from janelm.runs.pair import write_pair
from janelm.text.tokenizers import train_tokenizer
from janelm.training import pipeline
from janelm.training.presets import PRESETS, model_preset, training_preset

ROOT = Path(__file__).parents[2]
FAST = "--steps 4 --layers 1 --width 16 --context_length 16 --batch_tokens 64 --evaluations 2 --evaluation_tokens 64"
FAST = [*FAST.split(), "--device", "cpu", "--compile", "off"]


@pytest.fixture
def book():
    Path("book.txt").write_text(write_text(400), encoding="utf-8")
    return ["--data", "book.txt"]


@pytest.fixture
def copy_once(book, made_once):
    """Puts here what these trainings of the book leave, which are made once for all tests."""

    def copied(name: str, *trainings: list[str]) -> None:
        def make(folder: Path) -> None:
            shutil.copy("book.txt", folder)
            with contextlib.chdir(folder):
                for more in trainings:
                    assert main(["train", *book, *FAST, *more]) == 0

        shutil.copytree(made_once(name, make), ".", dirs_exist_ok=True)

    return copied


@pytest.fixture
def trained(copy_once):
    """A model of the book, by the name that the commands take by default."""
    copy_once("a-model-of-the-commands", [])


@pytest.fixture
def a_and_b(copy_once):
    """One of each architecture."""
    kinds = {"a": "transformer", "b": "lstm"}
    copy_once("two-models", *(["--architecture", kind, "--model_file", f"{name}.pth"] for name, kind in kinds.items()))


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
    return forked.run(ROOT / script, *arguments)


def test_the_seeds_commands_work_exactly_as_typed(book):
    def typed(command: str, *more: str) -> subprocess.CompletedProcess:
        script, *words = command.split()
        return subprocess.run(
            [sys.executable, ROOT / script, *words, *more], capture_output=True, text=True, timeout=300
        )

    names = "--model_file my_model.pth --config_file my_model_config.pkl"
    trained = typed(f"traineval.py --tokenization tiktoken {names} --vocab_size 300", *book, *FAST)
    assert trained.returncode == 0, trained.stderr
    assert "bits per byte" in trained.stdout and "both, carried or sliding" in trained.stdout
    kept = ("loss.png", "metrics.csv", "README.md", "sample.txt", "tokenizer.json", "config.json")
    for name in ("my_model.pth", "my_model_config.pkl", *(f"my_model/{name}" for name in kept)):
        assert (Path("models") / name).stat().st_size > 0
    written = typed(f"inference.py {names} --output_file output.txt --text Elizabeth --num_tokens 50")
    assert written.returncode == 0, written.stderr
    text = Path("generated/output.txt").read_text(encoding="utf-8")
    assert text.startswith("Elizabeth") and written.stdout == text + "\n"
    assert "50 tokens" in written.stderr and "tokens/s" in written.stderr


def test_the_defaults_of_both_commands_fit_together(book):
    assert run("traineval.py", "--tokenization", "character", *book, *FAST).returncode == 0
    assert {path.name for path in Path("models").iterdir()} == {"model", "model.pth", "model-config.pkl"}
    written = run("inference.py", "--num_tokens", "20")
    assert written.returncode == 0 and len(Path("generated/output.txt").read_text()) == 21


def test_without_a_model_of_ones_own_the_sample_writes_and_says_so(trained, capsys, monkeypatch):
    Path("models").rename("mine")
    monkeypatch.setattr(runs.folder, "SAMPLES", Path("samples"))
    assert main(["write", "--num_tokens", "5"]) == 1
    runs.write_sample(runs.Run(Path("mine/model")), Path("samples/transformer"))
    assert main(["write", "--num_tokens", "5"]) == 0
    assert "the sample model in samples/transformer writes" in capsys.readouterr().err
    assert main(["write", "--model_file", "other.pth", "--num_tokens", "5"]) == 1
    Path("mine").rename("models")
    capsys.readouterr()
    assert main(["write", "--num_tokens", "5"]) == 0
    assert "sample" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("budget", "preset", "of_pairs"),
    [([], "mini", "small"), (["--steps", "9"], "mini", "small")]
    + [(["--minutes", str(minutes)], *names) for minutes, *names in
       ((0.3, "nano", "nano"), (2, "tiny", "tiny"), (5, "mini", "mini"), (10, "mini", "small"), (30, "small", "medium"),
        (120, "large", "large"))],
)  # fmt: skip
def test_a_budget_chooses_a_preset_and_says_so(budget, preset, of_pairs, monkeypatch, capsys):
    """The shape, the settings and the vocabulary are all the preset's, and what is named is obeyed. Characters want a
    smaller model than as many minutes of byte pairs; without a budget both have ten minutes."""
    seen = []
    monkeypatch.setattr("janelm.training.lessons.teach", lambda pupil, *rest, **more: pupil.training)
    monkeypatch.setattr(pipeline, "train", lambda *what, **more: seen.append((*what, more)) or exit(0))
    for more in ([], ["--preset", "tiny"], ["--architecture", "lstm", "--tokenization", "tiktoken"]):
        with pytest.raises(SystemExit):
            main(["train", *budget, *more])
    said = capsys.readouterr().err
    assert f"preset: {preset} (" in said and f"preset: {of_pairs} (" in said
    (plain, training, *_), (asked, *_), (lstm, pairs, *_, settings) = seen
    assert plain == model_preset("transformer", preset) and lstm == model_preset("lstm", of_pairs)
    assert asked == model_preset("transformer", "tiny")
    assert training.batch_tokens == training_preset("transformer", preset).batch_tokens
    assert pairs.batch_tokens == training_preset("lstm", of_pairs).batch_tokens
    assert settings["tokenizer"] == TiktokenTokenizerConfig(**PRESETS[of_pairs].tokenizer)
    if not budget:
        assert training.minutes == pairs.minutes == 10


@pytest.mark.parametrize("preset", PRESETS)
def test_every_architecture_has_every_preset(preset, monkeypatch):
    """GPT-2 has the transformer's sizes, but no bigrams: it ended in a traceback where they are left open."""
    seen = []
    monkeypatch.setattr("janelm.training.lessons.teach", lambda pupil, *rest, **more: pupil.training)
    monkeypatch.setattr(pipeline, "train", lambda shape, *rest, **more: seen.append(shape.kind) or exit(0))
    for kind in SHAPES:
        with pytest.raises(SystemExit):
            main(["train", "--architecture", kind, "--preset", preset])
    assert seen == list(SHAPES)


def test_hyphens_do_as_well_as_underscores(book, capsys):
    assert (
        main(
            [
                "train",
                "--model-file",
                "a.pth",
                "--config-file",
                "a.pkl",
                *book,
                *[flag.replace("_", "-") for flag in FAST],
            ]
        )
        == 0
    )
    assert main(["write", "--model-file", "a.pth", "--config-file", "a.pkl", "--num-tokens", "5", "--no-stream"]) == 0


def test_two_models_with_names_of_their_own_do_not_share_a_config(a_and_b):
    """The second training used to take the first one's config file away."""
    assert {path.name for path in Path("models").glob("*.pkl")} == {"a-config.pkl", "b-config.pkl"}
    for name in "ab":
        assert main(["write", "--model_file", f"{name}.pth", "--num_tokens", "5"]) == 0


@pytest.mark.parametrize("command", ["traineval.py", "inference.py"])
def test_help_documents_every_option_with_its_default(command):
    text = run(command, "--help-all").stdout
    options = re.findall(r"^  (--\w+)", text, re.MULTILINE)
    assert len(options) > 20 and text.count("(default:") > len(options) / 2
    assert all("_" in option or "-" not in option[2:] for option in options)


@pytest.mark.parametrize("command", ["train", "write", "compare", "score", "overlap", "export", "serve"])
def test_help_fits_a_screen_and_leads_to_all_of_it(command):
    """That of train had 110 lines."""
    text = forked.run("-m", "janelm", command, "--help", COLUMNS="80").stdout
    lines = text.splitlines()
    assert len(lines) <= 32 and max(map(len, lines)) <= 80 and lines[0].startswith(f"usage: janelm {command}")
    if command in ("train", "write"):
        assert lines[-1] == f"All options: janelm {command} --help-all"
    assert "None" not in text and "STR" not in text and "(default: )" not in text


def test_help_shows_the_defaults_of_the_chosen_preset():
    assert "(default: 512)" in run("traineval.py", "--preset", "70m", "--help-all").stdout


def test_the_package_is_a_command():
    def run_module(word: str) -> subprocess.CompletedProcess:
        command, own = [sys.executable, "-m", "janelm", word], {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | own)

    shown = run_module("--help")
    assert shown.returncode == 0 and shown.stdout.startswith("usage: janelm COMMAND")
    refused = run_module("dance")
    assert refused.returncode == 2 and refused.stderr.startswith("janelm: there is no command 'dance'")


def test_what_is_written_to_a_file_is_utf8_whatever_the_terminal_says(capsys):
    """On Windows, Russian went to a file as a row of question marks."""
    tokenizer = train_tokenizer(CharacterTokenizerConfig(), ["жёлтый\n"])
    made = random_run(SHAPES["lstm"], tokenizer=tokenizer)
    folder = Run(Path("models/m"))
    folder.write_settings(made.config, made.tokenizer, {})
    folder.write_best(made.model)
    command = [sys.executable, ROOT / "inference.py", "--model_file", "m", "--text", "жёлт", "--num_tokens", "9"]
    done = subprocess.run(command, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "cp1252"})
    assert done.stdout.decode("utf-8").startswith("жёлт") and b"?" not in done.stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("train --minuts 3", "there is no option --minuts: did you mean --minutes? --help-all lists all of them"),
        ("train --steps 3.5", "steps is 3.5, but must be a whole number"),
        ("train --minutes ten", "minutes is ten, but must be a number"),
        ("train --architecture gru", "architecture is gru, but must be transformer, lstm or gpt2"),
        ("train --resume yes", "'yes' is one word too many: a text with blanks needs quotes around it"),
        ("train --data", "data names no text: give a file, a folder of files, or a corpus by name"),
        ("write --seed", "--seed lacks its value: --seed N"),
        ("write --text It was", "'was' is one word too many: a text with blanks needs quotes around it"),
        ("write --engine=foo", "engine is foo, but must be auto, native, onnx, torch or torch-compiled"),
        ("overlap", "FILE is missing: the written text, for instance generated/output.txt"),
        ("score a b", "'b' is one word too many: a text with blanks needs quotes around it"),
        ("serve --port x site", "port is x, but must be a whole number"),
        ("compare", "name at least one run, for instance: janelm compare model my_model"),
    ],
)
def test_what_is_mistyped_is_said_in_one_sentence(typed, said, capsys):
    """It was a box of twelve lines with the names of Python's types."""
    arguments = typed.split()
    assert main(arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"janelm {arguments[0]}: {said}"


def test_options_are_typed_with_underscores_or_hyphens_and_words_may_stand_behind_them(book, capsys):
    assert main(["train", *[word.replace("_", "-") for word in FAST], "--compile=off", *book, "--seed", "3"]) == 0
    Path("new.txt").write_text("My aunt forgot the rain.\n")
    assert main(["score", "--no-dynamic", "--dynamic_rate", "None", "--no_heldout", "new.txt"]) == 0


def test_an_overview_and_a_version(capsys):
    assert main(["--help"]) == 0 and "train" in capsys.readouterr().out
    assert main(["--version"]) == 0 and capsys.readouterr().out.startswith("janelm ")
    assert main(["dance"]) == 2 and "no command 'dance'" in capsys.readouterr().err
    assert main([]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["traineval.py", "--data", "missing.txt"], 1, "there is no text at missing.txt"),
        (["traineval.py", "--data", "short.txt"], 1, "too short to hold some of it out"),
        (["traineval.py", "--data", "empty.txt"], 1, "empty.txt is empty"),
        (["traineval.py", "--data", "binary.txt"], 1, "not a text file"),
        (["traineval.py", "--width", "30", "--heads", "4", "--dropout", "2"], 2, "width 30"),
        (["traineval.py", "--steps", "-5"], 2, "steps is -5"),
        (["traineval.py", "--steps", "5", "--minutes", "5"], 2, "one of minutes, steps and epochs"),
        (["traineval.py", "--device", "abacus"], 2, "abacus"),
        (
            ["traineval.py", "--model_file", "mine", "--config_file", "c.json"],
            2,
            "model_file is mine, but must end in .pth",
        ),
        (["traineval.py", "--frobnicate"], 2, "frobnicate"),
        (["traineval.py", "--resume"], 1, "there is no config.json"),
        (["inference.py", "--num_tokens", "0"], 2, "num_tokens is 0"),
        (["inference.py", "--num_tokens", "-3"], 2, "num_tokens is -3"),
        (["inference.py", "--temperature", "-1", "--top_p", "0"], 2, "top_p is 0"),
        (["inference.py", "--model_file", "mine.pth"], 1, "there is no run at mine nor at models/mine"),
        (["inference.py", "--stop", "", "--num_samples", "0"], 2, "a stop text is empty"),
        (["inference.py", "--text", "a", "--text_file", "b.txt"], 2, "given twice"),
        (["inference.py", "--memory", "0"], 2, "memory is 0"),
        (["traineval.py", "--seed", "-1", "--data", "short.txt"], 2, "seed is -1"),
        (["traineval.py", "--minutes", "nan", "--epochs", "inf"], 2, "minutes is nan"),
        (["traineval.py", "--steps", "inf"], 2, "inf"),
        (["traineval.py", "--rotary_base", "0", "--split_seed", "-1"], 2, "rotary_base is 0"),
    ],
)
def test_bad_input_is_one_clear_sentence_and_the_right_exit_code(arguments, code, says, capsys):
    Path("short.txt").write_text("Too short.")
    Path("empty.txt").write_text("")
    Path("binary.txt").write_bytes(bytes(range(256)) * 10)
    program, *given = arguments
    with pytest.raises(SystemExit) as ended:
        sys.exit(main([{"traineval.py": "train", "inference.py": "write"}[program], *given], program=program))
    assert ended.value.code == code
    told = capsys.readouterr().err
    assert says in told.replace("\n", " ") and "Traceback" not in told
    assert not Path("models").exists() and not Path("generated").exists()


def test_a_folder_that_cannot_be_written_is_said_before_training(book):
    Path("models").write_text("a file where the folder should be")
    done = run("traineval.py", *book, *FAST)
    assert done.returncode == 1 and "cannot write" in done.stderr and "Traceback" not in done.stderr


def test_a_second_training_and_a_second_text_keep_the_first(book, capsys):
    for _ in range(2):
        assert main(["train", *book, *FAST]) == 0
        assert main(["write", "--num_tokens", "5"]) == 0
    assert Path("models/model-1/best.safetensors").exists() and Path("models/model-1.pth").exists()
    assert Path("generated/output-1.txt").exists()
    assert "the earlier models/model is now models/model-1" in capsys.readouterr().err


def test_ctrl_c_saves_and_exits_with_130_and_resume_goes_on(book, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        happening(patch, 9, lambda trainer: os.kill(os.getpid(), signal.SIGINT))
        assert main(["train", *book, *FAST, "--steps", "100"]) == 130
    told = capsys.readouterr().err
    assert "stopping" in told and "after 9 steps" in told and "Traceback" not in told
    assert Path("models/model.pth").exists() and Path("models/model/loss.png").exists()
    assert main(["train", "--resume", "--steps", "12"]) == 0
    assert "after 12 steps" in capsys.readouterr().err


def test_a_kill_at_any_instant_leaves_a_loadable_run(book):
    training = forked.Forked(ROOT / "traineval.py", *book, *FAST, "--steps", "100000", "--evaluations", "20000")
    while not Path("models/model/best.safetensors").exists():
        assert training.process.is_alive()
        time.sleep(0.05)
    time.sleep(0.5)
    training.process.kill()
    training.process.join()
    assert main(["write", "--num_tokens", "5"]) == 0
    assert main(["train", "--resume", "--steps", "3"]) == 0


def test_ctrl_c_while_writing_keeps_what_is_written(trained):
    process = subprocess.Popen(
        [sys.executable, ROOT / "inference.py", "--num_tokens", "10000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.read(50)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(Path("generated/output.txt").read_text(encoding="utf-8")) >= 50


def test_unknown_characters_in_a_prompt_are_said(trained, capsys):
    assert main(["write", "--text", "The ж", "--num_tokens", "3"]) == 0
    assert "has no 'ж'" in capsys.readouterr().err
    assert main(["write", "--text", "жж", "--num_tokens", "3"]) == 2


def test_documents_on_the_command_line(capsys):
    Path("verses.txt").write_text("".join(f"<Ruth>\tverse {n}\n" for n in range(200)))
    arguments = ["--data", "verses.txt", "--documents", "lines", "--titles", "shorten", "--align", "right"]
    assert main(["train", *arguments, *FAST]) == 0
    assert main(["write", "--text", "Ruth", "--num_tokens", "50"]) == 0


def test_compare_prints_a_table_draws_a_picture_and_says_what_is_unfair(a_and_b, capsys):
    assert main(["compare", "a", "models/b", "--output", "both.png"]) == 0
    table, said = capsys.readouterr()
    assert table.count("\n") == 4 and "transformer" in table and "lstm" in table
    assert "differ by" in said and "both.png" in said
    assert Path("both.png").read_bytes().startswith(b"\x89PNG")
    assert main(["compare", "a", "nothing"]) == 1
    assert main(["compare"]) == 2


def test_output_that_nobody_reads_is_no_error(trained):
    command = f"{sys.executable} {ROOT / 'inference.py'} --num_tokens 2000 | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, env=os.environ)
    assert b"Traceback" not in done.stderr  # what head passes on may end within a character


def test_several_samples_a_stop_text_and_a_prompt_from_a_file(trained, capsys):
    Path("prompt.txt").write_text("My aunt\n")
    capsys.readouterr()
    assert main(["write", "--text_file", "prompt.txt", "--num_samples", "2", "--num_tokens", "30", "--stop", "q"]) == 0
    out = capsys.readouterr().out
    assert out.count("My aunt") == 2 and "--- 2 ---" in out
    assert Path("generated/output.txt").read_text().count("My aunt") == 2


@pytest.mark.needs("compiler")
def test_all_engines_on_the_command_line_write_the_same(trained):
    engines = ["torch", "onnx", "native"]
    for engine in engines:
        assert main(["write", "--engine", engine, "--num_tokens", "300", "--output_file", f"{engine}.txt"]) == 0
    assert len({Path(f"generated/{engine}.txt").read_text() for engine in engines}) == 1


WITHOUT_TORCH = """
import sys
from janelm.cli import main
code = main(["write", *sys.argv[1:]])
sys.exit(code or (3 if "torch" in sys.modules else 0))
"""


@pytest.fixture
def three_models():
    """The arguments for the sample, a pair and a run's folder."""
    for number, (kind, tokenizer) in enumerate(
        (("lstm", None), ("transformer", TiktokenTokenizerConfig(vocab_size=270)))
    ):
        made = random_run(SHAPES[kind], tokenizer)
        folder = Run(Path(f"models/m{number}"))
        folder.write_settings(made.config, made.tokenizer, {})
        folder.write_best(made.model)
    write_pair(folder, Path("models/pair.pth"), Path("models/pair-config.pkl"))
    return {"sample": [], "pair": ["--model_file", "pair.pth"], "folder": ["--model_file", "m0.pth"]}


@pytest.mark.parametrize(
    ("which", "how"),
    [
        ("sample", "--engine onnx"),
        pytest.param("sample", "--engine native --precision int8-weights", marks=pytest.mark.needs("compiler")),
        ("sample", "--precision int8"),
        ("pair", ""),
        ("pair", "--interactive"),
        ("folder", "--engine onnx --precision int8"),
        ("folder", "--format txt"),
    ],
)
def test_writing_with_onnx_or_native_does_not_import_torch(three_models, which, how):
    """That alone takes longer and more memory than all the rest."""
    arguments = [*three_models[which], "--num_tokens", "20", *how.split()]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *arguments], capture_output=True, text=True, input="\ns\n1\nq\n"
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) > 5


@pytest.mark.parametrize("engine", ["torch", "onnx", "native"])
def test_files_of_two_models_are_refused_in_the_same_words_by_all_engines(three_models, engine, capsys):
    write_pair(Run(Path("models/m0")), Path("models/other.pth"), Path("models/other-config.pkl"))
    arguments = ["--model_file", "pair.pth", "--config_file", "other-config.pkl", "--engine", engine]
    assert main(["write", *arguments]) == 1
    said = capsys.readouterr().err
    assert "the weights do not fit the config and tokenizer (blocks.0.attention.output.weight is not known and" in said


def test_a_device_is_of_the_torch_engine(capsys):
    for arguments in (["--engine", "onnx"], ["--engine", "native"], ["--precision", "int8"]):
        assert main(["write", "--device", "cuda", *arguments]) == 2
        assert "device cuda is of the torch engine" in capsys.readouterr().err
    assert main(["write", "--device", "abacus"]) == 2
    assert "abacus, but this machine has" in capsys.readouterr().err


def test_a_prompt_longer_than_the_memory_is_said(trained, capsys):
    assert main(["write", "--text", "The old gardener", "--memory", "4", "--num_tokens", "5"]) == 0
    assert "has 16 tokens, of which the model sees the last 4" in capsys.readouterr().err


def test_a_whole_book(trained):
    for kind in ("txt", "epub", "pdf"):
        assert main(["write", "--num_tokens", "2000", "--format", kind, "--title", "Tests & Tribulations"]) == 0
        assert Path(f"generated/output.{kind}").stat().st_size > 1000


def test_an_ensemble_on_the_command_line(book, a_and_b, capsys):
    pairs = ["--tokenization", "tiktoken", "--vocab_size", "270", "--model_file", "c.pth"]
    assert main(["train", *pairs, *book, *FAST]) == 0
    capsys.readouterr()
    assert main(["score", "--heldout", "--run", "a", "b"]) == 0
    assert "an ensemble of 2" in capsys.readouterr().out
    Path("new.txt").write_text("My aunt forgot the rain.\n")
    assert main(["score", "new.txt", "--run", "a", "b", "--dynamic"]) == 0
    assert main(["score", "new.txt", "--run", "a", "c"]) == 2
    assert "different tokenizers" in capsys.readouterr().err


def test_a_long_score_says_how_long_it_takes_and_ctrl_c_ends_it_with_what_is_known(trained, capsys, monkeypatch):
    """Two megabytes used to be scored without a word for as long as it took."""
    Path("new.txt").write_text(write_text(300))
    for name, value in (("SPAN", 1024), ("FIRST", 512)):
        monkeypatch.setattr(scoring, name, value)
    monkeypatch.setattr(score_module, "LONG", 0)
    capsys.readouterr()
    assert main(["score", "new.txt"]) == 0
    said = capsys.readouterr()
    assert "0.0 MB take about 1 min; Ctrl-C ends it" in said.err and "bits per byte so far" in said.err
    judge, left = scoring._judge, [3]

    def interrupted(*arguments):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return judge(*arguments)

    monkeypatch.setattr(scoring, "_judge", interrupted)
    assert main(["score", "new.txt"]) == 130
    said = capsys.readouterr()
    assert "stopped; so far" in said.err and not said.out


def test_score_and_overlap_on_the_command_line(trained, capsys):
    Path("new.txt").write_text("My aunt forgot the rain.\n")
    capsys.readouterr()
    assert main(["score", "new.txt"]) == 0 and "bits per byte" in capsys.readouterr().out
    assert main(["score", "new.txt", "--per_token"]) == 0 and capsys.readouterr().out.count("\n") == 25
    for more in ([], ["--dynamic"], ["--dynamic", "--dynamic_rate", "0.01"]):
        assert main(["score", "--heldout", *more]) == 0
        assert ("dynamic evaluation" in capsys.readouterr().out) == bool(more)
    assert main(["score"]) == main(["score", "new.txt", "--heldout"]) == 2
    assert main(["score", "new.txt", "--dynamic_rate", "0.1"]) == 2
    assert main(["overlap", "book.txt"]) == 0 and "characters" in capsys.readouterr().out
    assert main(["score", "missing.txt"]) == 1
    Path("book.txt").write_text("another text")
    assert main(["overlap", "new.txt"]) == 1
