"""Runs the pieces of a program under test, each with names of its own.

Several scenarios share one stack, so that one run of an engine serves them all. A piece is a Python text; the
names in it are those of `_names`, bound to a prefix that keeps the pieces apart.
"""

import functools
import json
import os
from pathlib import Path

import pulumi
import toy_cloud
from pulumi import Alias, CustomTimeouts, InvokeOptions, Output, ResourceOptions


def run():
    """Run every piece of `pieces.json` in the project's folder."""
    for prefix, source in json.loads(Path("pieces.json").read_text()).items():
        exec(compile(source, f"{prefix or 'program'}.py", "exec"), _names(prefix))


def _names(prefix):
    def named(kind):
        @functools.wraps(kind, updated=())
        def make(name, *arguments, **options):
            return kind(prefix + name, *arguments, **options)

        return make

    def export(name, value):
        pulumi.export(prefix + name, value)

    def alias(*, name=None, **parts):
        return Alias(name=prefix + name if name else name, **parts) if name else Alias(**parts)

    return {
        "pulumi": pulumi,
        "os": os,
        "cloud": toy_cloud,
        "O": ResourceOptions,
        "Output": Output,
        "CustomTimeouts": CustomTimeouts,
        "InvokeOptions": InvokeOptions,
        "secret": Output.secret,
        "config": pulumi.Config(),
        "Toy": named(toy_cloud.Toy),
        "Renamed": named(toy_cloud.Renamed),
        "Group": named(toy_cloud.Group),
        "Environment": named(toy_cloud.Environment),
        "alias": alias,
        "export": export,
    }
