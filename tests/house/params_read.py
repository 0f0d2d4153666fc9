"""Reads from a stage's source which keys of ``params.yaml`` it uses, without running it.

A stage gets :class:`Params` and uses it by attributes: ``params.runtime.seed`` reads one key, a
section that is handed on whole is read whole, a property reads the keys that its own source does.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from pipelines.params.params import Params
from tests.house.imports import ROOT
from training.config import Config

Chain = tuple[str, ...]


def keys_read_in(file: Path) -> set[str]:
    """Every key, dotted, that a stage's file reads of its params."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    takers = {f.name: f for f in functions if any(map(_is_params, f.args.args))}
    found: set[str] = set()
    for function in takers.values():
        for chain in _chains_in(function, {"params": ()}):
            if chain:
                found |= keys_of_chain(Params, chain)
        for node in _handed_on(function):
            assert node in takers, f"{file} hands all params to {node}: hand on what it reads"
    return found


def keys_of_chain(model: type[Config], chain: Chain, place: Chain = ()) -> set[str]:
    """The keys that an expression such as ``params.clusters.serving_level`` reads."""
    if not chain:
        return leaves_of(model, place)
    name, rest = chain[0], chain[1:]
    if name in model.model_fields:
        field = model.model_fields[name]
        here = (*place, field.alias or name)
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Config):
            return keys_of_chain(inner, rest, here)
        return {".".join(here)}
    if hasattr(BaseModel, name):  # such as model_dump
        return leaves_of(model, place)
    attribute = inspect.getattr_static(model, name)  # what is no method either is a mistake
    getter = attribute.fget if isinstance(attribute, property) else attribute
    function = ast.parse(textwrap.dedent(inspect.getsource(getter))).body[0]
    assert isinstance(function, ast.FunctionDef)
    found: set[str] = set()
    for each in _chains_in(function, {"self": ()}):
        found |= keys_of_chain(model, each, place)
    return found


def leaves_of(model: type[Config], place: Chain = ()) -> set[str]:
    """Every key below a section."""
    return set().union(*(keys_of_chain(model, (name,), place) for name in model.model_fields))


def models_of_keys(keys: set[str]) -> set[Path]:
    """The files that declare these keys, and so give their defaults."""
    found: set[Path] = set()
    for key in keys:
        model: type[Config] = Params
        for part in key.split("."):
            names = {field.alias or name: name for name, field in model.model_fields.items()}
            inner = model.model_fields[names[part]].annotation
            if isinstance(inner, type) and issubclass(inner, Config):
                model = inner
                found.add(Path(str(sys.modules[model.__module__].__file__)).relative_to(ROOT))
    return found


def _is_params(argument: ast.arg) -> bool:
    return isinstance(argument.annotation, ast.Name) and argument.annotation.id == Params.__name__


def _chains_in(function: ast.FunctionDef, names: dict[str, Chain]) -> Iterator[Chain]:
    """Yield what is read of some names, through the other names it is given."""
    names = dict(names)
    aliases: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target, value in _pairs(node):
                chain = _chain_of(value, names)
                if isinstance(target, ast.Name) and chain:
                    names[target.id] = chain
                    aliases.add(value)
    yield from _uses(function, names, aliases)


def _uses(node: ast.AST, names: dict[str, Chain], aliases: set[ast.AST]) -> Iterator[Chain]:
    chain = _chain_of(node, names)
    if chain is None:
        for child in ast.iter_child_nodes(node):
            yield from _uses(child, names, aliases)
    elif node not in aliases or _is_leaf(chain):
        yield chain


def _is_leaf(chain: Chain) -> bool:
    """Whether a chain ends in a value, so that giving it a name is to read it."""
    model: type[Config] = Params
    for name in chain:
        field = model.model_fields.get(name)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, Config)):
            return True
        model = inner
    return False


def _pairs(node: ast.Assign) -> list[tuple[ast.AST, ast.AST]]:
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=True))
    return [(target, value)]


def _chain_of(node: ast.AST, names: dict[str, Chain]) -> Chain | None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        before = _chain_of(node.value, names)
        return None if before is None else (*before, node.attr)
    return None


def _handed_on(function: ast.FunctionDef) -> Iterator[str]:
    """Yield what is called with all params."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(isinstance(each, ast.Name) and each.id == "params" for each in given):
                yield ast.unparse(node.func)
