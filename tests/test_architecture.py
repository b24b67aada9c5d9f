"""The shape of the code, for every present and future file."""

import ast
import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

import pytest
from django.apps import apps
from importlinter.cli import lint_imports

from portal.errors import RuleViolation

ROOT = Path(__file__).parent.parent
APPS = ("portal", "products", "associations", "licensing", "desk")
OWN_STATIC_FILES = {"admin-tokens.css", "desk.css", "favicon.svg", "portal.css", "portal.js", "tokens.css"}
FILES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTIONS))


def imported_names(path: Path) -> set[str]:
    """The full names of a file's imports: `from django import forms` is django.forms."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return whole | {f"{node.module}.{alias.name}" for node in parts for alias in node.names}


def refusals(parent: type[RuleViolation] = RuleViolation) -> Iterator[type[RuleViolation]]:
    """The classes of all rules, after loading all modules except the server's and the programs."""
    for app in APPS:
        for module in pkgutil.walk_packages([str(ROOT / app)], f"{app}."):
            if module.name.rpartition(".")[2] not in {"wsgi", "__main__"}:
                importlib.import_module(module.name)
    return _subclasses(parent)


def _subclasses(parent: type[RuleViolation]) -> Iterator[type[RuleViolation]]:
    for child in parent.__subclasses__():
        yield child
        yield from _subclasses(child)


def is_service(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return "transaction.atomic" in {ast.unparse(decorator) for decorator in function.decorator_list}


def test_imports_go_one_way() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0


def test_no_signals() -> None:
    signals = re.compile(r"\bdispatch\b|\bsignals?\b|\b(pre|post)_(save|delete|init|migrate)\b")

    names = {f"{path}: {name}" for path in FILES for name in imported_names(path) if signals.search(name)}

    assert not {name for name in names if not name.endswith(": signal")}  # the system's, for Ctrl-C


def test_nothing_but_its_pages_reads_the_audit_trail() -> None:
    named = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if "auditentry" in path.read_text().lower() and path.parent.name != "migrations"
    }

    assert named == {
        "portal/models.py",
        "portal/audit.py",  # writes it
        "portal/activity.py",
        "portal/admin.py",
        "desk/unit/selectors.py",  # the page of a unit
        "desk/site.py",  # names its list, among the others
    }


def test_what_is_sent_is_read_by_a_form_or_by_sent_text() -> None:
    raw = re.compile(r"request\.POST(\.get\w*\(|\[)")

    named = {path.relative_to(ROOT).as_posix() for path in FILES if raw.search(path.read_text())}

    assert named == {"portal/admin_base.py"}  # a field of a form judges it there


MODELS = [model for model in apps.get_models() if model.__module__.split(".")[0] in APPS]


@pytest.mark.parametrize("model", MODELS)
def test_models_override_no_writing(model: type) -> None:
    own = [vars(base) for base in model.__mro__ if base.__module__.split(".")[0] in APPS]

    assert not {"save", "delete", "save_base"} & {name for names in own for name in names}


def test_services_take_named_typed_arguments_and_say_what_they_do() -> None:
    services = [service for path in FILES for service in filter(is_service, functions(path))]

    assert len(services) > 10
    for service in services:
        assert not service.args.posonlyargs + service.args.args, service.name
        assert all(argument.annotation for argument in service.args.kwonlyargs), service.name
        assert service.returns, service.name
        assert ast.get_docstring(service), service.name


def test_every_refusal_is_named_by_one_code_and_explained() -> None:
    found = list(refusals())

    for refusal in found:
        assert refusal.code == re.sub(r"(?<!^)(?=[A-Z])", "-", refusal.__name__).lower()
        assert (refusal.__doc__ or "").strip()
        assert refusal.message
    assert len({refusal.code for refusal in found}) == len(found) > 10


def test_functions_stay_short() -> None:
    lines = {
        f"{path}: {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in FILES
        for function in functions(path)
    }

    assert {name: count for name, count in lines.items() if count > 50} == {}


def test_files_stay_short() -> None:
    lines = {str(path): len(path.read_text().splitlines()) for path in FILES}

    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_templates_compare_with_values_and_never_with_what_people_read() -> None:
    literal = r"""("[^"]*"|'[^']*')"""
    compared = re.compile(rf"[!=]= *{literal}|{literal} *[!=]=")
    found = {
        f"{path.name}: {right or left}"
        for path in (ROOT / "templates").rglob("*.*")
        for condition in re.findall(r"{% *(?:el)?if\b.*?%}", path.read_text(), re.DOTALL)
        for right, left in compared.findall(condition)
    }

    assert len(found) > 10
    assert {name for name in found if not re.search(r": (['\"])[a-z0-9_-]*\1$", name)} == set()


def test_a_colour_for_light_and_dark_pages_stands_once() -> None:
    sheets = [path.read_text() for path in (ROOT / "static").glob("*.css")]

    colours = Counter(colour for sheet in sheets for colour in re.findall(r"light-dark\([^)]*\)", sheet))

    assert {colour: count for colour, count in colours.items() if count > 1} == {}


def test_static_files_of_others_have_their_licence_beside_them() -> None:
    files = {path.name for path in (ROOT / "static").rglob("*") if path.is_file()}

    others = {name for name in files - OWN_STATIC_FILES if not name.endswith(".LICENSE")}

    assert {name for name in others if f"{name}.LICENSE" not in files} == set()
    assert metadata("django-htmx")["License-Expression"] == "MIT"
