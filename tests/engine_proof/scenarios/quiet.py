# ruff: noqa: E501  (programs are easier to compare on one line)
"""Scenarios that succeed whatever stands beside them: lists of program versions, one `up` per version.

They share stacks (see `batches`). A program that has fewer versions than its batch has steps stays at its
last one, so that unchanged runs are covered too. The last version must be one that can be destroyed.
"""

CHAIN = """
a = Toy("a", x={x})
b = Toy("b", label=a.label, y=1)
c = Toy("c", {link}=b.serial, after=b.label)
export("c", c.label)
"""

DIAMOND = """
a = Toy("a", fixed={x})
b = Toy("b", fixed_a=a.serial)
c = Toy("c", a=a.serial)
d = Toy("d", fixed_b=b.serial, c=c.label)
"""

DELETE_FIRST = """
a = Toy("a", O(delete_before_replace=True), fixed={x})
replaced = Toy("replaced", fixed_a=a.serial)
updated = Toy("updated", a=a.serial)
only_after = Toy("only-after", O(depends_on=[a]), y=1)
below = Toy("below", fixed_r=replaced.label)
"""

LAST = """
a = Toy("a", O({options}), x={x}, nested={{"p": {x}, "q": [{x}, 2]}}, left={x})
"""

QUIET: dict[str, list[str]] = {
    "update-root-of-a-chain": [CHAIN.format(x=1, link="serial_b"), CHAIN.format(x=2, link="serial_b")],
    "replace-middle-of-a-chain": [
        CHAIN.format(x=1, link="fixed_b"),
        CHAIN.format(x=1, link="fixed_b").replace("y=1", "fixed_y=2"),
        CHAIN.format(x=1, link="fixed_b").replace("y=1", "fixed_y=3"),
    ],
    "replace-top-of-a-diamond": [DIAMOND.format(x=1), DIAMOND.format(x=2)],
    "three-replacements-in-a-row": [
        'a = Toy("a", fixed=1)\nb = Toy("b", fixed=a.label)\nc = Toy("c", fixed=b.label)',
        'a = Toy("a", fixed=2)\nb = Toy("b", fixed=a.label)\nc = Toy("c", fixed=b.label)',
        'a = Toy("a", fixed=3)\nb = Toy("b", fixed=a.label)',
    ],
    "delete-before-replace-by-option": [DELETE_FIRST.format(x=1), DELETE_FIRST.format(x=2)],
    "delete-before-replace-by-provider": [
        'a = Toy("a", fixed=1, delete_first=True)\nb = Toy("b", fixed=a.id)',
        'a = Toy("a", fixed=2, delete_first=True)\nb = Toy("b", fixed=a.id)',
    ],
    "delete-before-replace-forbidden-by-option": [
        'Toy("a", O(delete_before_replace=False), fixed=1, delete_first=True)',
        'Toy("a", O(delete_before_replace=False), fixed=2, delete_first=True)',
    ],
    "delete-before-replace-with-removed-dependent": [
        DELETE_FIRST.format(x=1),
        'a = Toy("a", O(delete_before_replace=True), fixed=2)\nToy("updated", a=a.serial)',
    ],
    "removed-one-by-one": [
        'a = Toy("a", x=1)\nb = Toy("b", x=a.label)\nc = Toy("c", x=b.label)\nToy("d", O(depends_on=[c]), x=1)',
        'a = Toy("a", x=1)\nb = Toy("b", x=a.label)',
        "",
        'a = Toy("a", x=1)',
    ],
    "dependency-turned-round": [
        'a = Toy("a", x=1)\nb = Toy("b", x=a.label)',
        'b = Toy("b", x=1)\na = Toy("a", x=b.label)',
    ],
    "inserted-between": [
        'a = Toy("a", x=1)\nc = Toy("c", fixed=a.label)',
        'a = Toy("a", x=1)\nb = Toy("b", x=a.label)\nc = Toy("c", fixed=b.label)',
    ],
    "alias-by-name": [
        'a = Toy("old", x=1)\nToy("user", fixed=a.label)',
        'a = Toy("new", O(aliases=[alias(name="old")]), x=1)\nToy("user", fixed=a.label)',
        'a = Toy("new", O(aliases=[alias(name="old")]), x=2)\nToy("user", fixed=a.label)',
    ],
    "alias-by-type": [
        'Toy("a", x=1)',
        'Renamed("a", O(aliases=[alias(type_="pulumi-python:dynamic/toy:Toy")]), x=1)',
    ],
    "alias-and-replaced": [
        'a = Toy("old", fixed=1)\nToy("user", fixed=a.label)',
        'a = Toy("new", O(aliases=[alias(name="old")]), fixed=2)\nToy("user", fixed=a.label)',
    ],
    "moved-under-a-component": [
        'Toy("a", x=1)',
        'g = Group("g")\nToy("a", O(parent=g, aliases=[alias(parent=pulumi.ROOT_STACK_RESOURCE)]), x=1)',
    ],
    "component-renamed-with-its-children": [
        'g = Group("g")\nToy("a", O(parent=g), x=1)',
        'g = Group("h", O(aliases=[alias(name="g")]))\nToy("a", O(parent=g), x=1)',
    ],
    "components-in-components": [
        'g = Group("g", size=1)\nh = Group("h", O(parent=g), names=["n"])\na = Toy("a", O(parent=h), x=1)\n'
        'Toy("b", O(depends_on=[g]), x=2)\nexport("g", g.urn)',
        'g = Group("g", size=2)\nh = Group("h", O(parent=g))\na = Toy("a", O(parent=g), x=1)\n'
        'Toy("b", O(depends_on=[h]), x=2)',
        'a = Toy("a", x=1)',
    ],
    "component-changes-its-type": [
        'g = Group("g")\nToy("a", O(parent=g), x=1)',
        'g = Group("g", type_="toy:index:Other")\nToy("a", O(parent=g), x=1)',
    ],
    "resource-as-parent": [
        'a = Toy("a", fixed=1)\nb = Toy("b", O(parent=a), x=1)\nToy("c", O(parent=b), x=1)',
        'a = Toy("a", fixed=2)\nb = Toy("b", O(parent=a), x=1)\nToy("c", O(parent=b), x=2)',
        'a = Toy("a", fixed=2)',
    ],
    "only-the-dependencies-change": [
        'a = Toy("a", x=1)\nb = Toy("b", x=1)\nToy("c", O(depends_on=[a]), x=1)',
        'a = Toy("a", x=1)\nb = Toy("b", x=1)\nToy("c", O(depends_on=[a, b]), x=1)',
        'a = Toy("a", x=1)\nToy("c", x=1)',
    ],
    "ignore-changes": [
        LAST.format(options="", x=1),
        LAST.format(options='ignore_changes=["x", "nested.q[0]"]', x=2),
        LAST.format(options='ignore_changes=["nested.p", "absent"]', x=3),
    ],
    "ignore-all-changes": [
        LAST.format(options='ignore_changes=["*"]', x=1),
        LAST.format(options='ignore_changes=["*"]', x=2),
        LAST.format(options='ignore_changes=["nested"]', x=3).replace("x=3, ", ""),
    ],
    "ignore-a-removed-and-an-added-property": [
        'Toy("a", O(ignore_changes=["x"]), x=1, y=1)\nToy("b", O(ignore_changes=["x"]), y=1)',
        'Toy("a", O(ignore_changes=["x"]), y=2)\nToy("b", O(ignore_changes=["x"]), y=1, x=3)',
    ],
    "replace-on-changes": [
        'Toy("a", O(replace_on_changes=["x"]), x=1, y=1, diff="unknown")\n'
        'Toy("b", O(replace_on_changes=["n.p"]), n={"p": 1, "q": 1}, diff="unknown")\n'
        'Toy("c", O(replace_on_changes=["*"]), x=1, diff="unknown")\n'
        'Toy("d", O(replace_on_changes=["x"]), x=1)',
        'Toy("a", O(replace_on_changes=["x"]), x=2, y=1, diff="unknown")\n'
        'Toy("b", O(replace_on_changes=["n.p"]), n={"p": 1, "q": 2}, diff="unknown")\n'
        'Toy("c", O(replace_on_changes=["*"]), x=2, diff="unknown")\n'
        'Toy("d", O(replace_on_changes=["x"]), x=2)',
        'Toy("a", O(replace_on_changes=["x"]), x=2, y=2, diff="unknown")\n'
        'Toy("b", O(replace_on_changes=["n.p"]), n={"p": 2, "q": 2}, diff="unknown")',
    ],
    "the-engine-compares": [
        'Toy("a", diff="unknown", x=1, gone=1, l=[1, 2], m={"k": 1})\nToy("same", diff="unknown", x=1)',
        'Toy("a", diff="unknown", x=2, new=1, l=[1], m={"k": 2})\nToy("same", diff="unknown", x=1)',
    ],
    "the-provider-sees-no-change": [
        'a = Toy("a", diff="none", x=1)\nToy("b", y=a.x)',
        'a = Toy("a", diff="none", x=2)\nToy("b", y=a.x)',
    ],
    "protected-then-not": [
        'Toy("a", O(protect=True), x=1)',
        'Toy("a", O(protect=True), x=2)',
        'Toy("a", x=2)',
    ],
    "protected-by-the-parent": [
        'g = Group("g", O(protect=True))\nToy("a", O(parent=g), x=1)',
        'g = Group("g")\nToy("a", O(parent=g), x=1)',
    ],
    "retained": [
        'Toy("a", O(retain_on_delete=True), fixed=1)\nToy("b", O(retain_on_delete=True), x=1)\n'
        'Toy("c", O(retain_on_delete=True, delete_before_replace=True), fixed=1)',
        'Toy("a", O(retain_on_delete=True), fixed=2)\nToy("b", O(retain_on_delete=True), x=1)\n'
        'Toy("c", O(retain_on_delete=True, delete_before_replace=True), fixed=2)',
        'Toy("a", O(retain_on_delete=True), fixed=2)\nToy("c", fixed=2)',
    ],
    "deleted-with": [
        'a = Toy("a", x=1)\nb = Toy("b", O(deleted_with=a), x=1)\nToy("c", O(deleted_with=b), x=b.label)\n'
        'd = Toy("d", fixed=1)\nToy("e", O(deleted_with=d), x=1)',
        'a = Toy("a", x=1)\nb = Toy("b", O(deleted_with=a), x=1)\n'
        'd = Toy("d", fixed=2)\nToy("e", O(deleted_with=d), x=1)',
        'd = Toy("d", fixed=2)',
    ],
    "additional-secret-outputs": [
        'a = Toy("a", x="hush")\nToy("b", x=a.x)',
        'a = Toy("a", O(additional_secret_outputs=["x", "label"]), x="hush")\nToy("b", x=a.x)',
        'a = Toy("a", O(additional_secret_outputs=["x"]), x="hush", y=1)\nToy("b", x=a.x)',
    ],
    "secret-inputs": [
        'a = Toy("a", s=secret("s1"), n={"p": secret("s2"), "q": 1}, l=[1, secret("s3")], plain="p")\n'
        'Toy("b", s=a.s, n=a.n, l=a.l)\nexport("s", a.s)\nexport("n", a.n)',
        'a = Toy("a", s=secret("t1"), n={"p": secret("s2"), "q": 2}, l=[2, secret("s3")], plain=secret("p"))\n'
        'Toy("b", s=a.s, n=a.n, l=a.l)\nexport("s", a.s)',
        'a = Toy("a", s="t1", n={"p": "s2", "q": 2}, l=[2, "s3"], plain="p")\nToy("b", s=a.s, n=a.n, l=a.l)',
    ],
    "secrets-of-the-provider": [
        'a = Toy("a", token=True)\nToy("b", t=a.token_value, fixed=a.token_value)',
        'a = Toy("a", token=True, x=2)\nToy("b", t=a.token_value, fixed=a.token_value)',
    ],
    "settings-as-inputs": [
        'Toy("a", x=config.require("plain"), s=config.require_secret("hidden"), o=config.get_object("object"),'
        ' n=config.get_int("number"))\nexport("s", config.require_secret("hidden"))',
    ],
    "custom-timeouts": [
        'Toy("a", O(custom_timeouts=CustomTimeouts(create="5m", delete="30s")), x=1)',
        'Toy("a", O(custom_timeouts=CustomTimeouts(create="1h", update="90s", delete="1m30s")), x=1)',
        'Toy("a", O(custom_timeouts=CustomTimeouts(update="2s")), x=2)',
    ],
    "got-by-id": [
        'g = Toy("g", O(id="outside-1"), kind="lake")\nToy("a", x=g.kind, depth=g.id)',
        'g = Toy("g", O(id="outside-2"), kind="lake")\nToy("a", x=g.kind, depth=g.id)',
        'Toy("a", x=1)',
    ],
    "got-then-managed": [
        'g = Toy("g", O(id="outside-1"), x=1)',
        'g = Toy("g", x=1)',
        'g = Toy("g", O(id="outside-1"))',
    ],
    "explicit-provider": [
        'e = Environment("e", region="eu", key=secret("k1"), deep={"n": 1})\nToy("a", O(provider=e), x=1)',
        'e = Environment("e", region="us", key=secret("k1"), deep={"n": 2})\nToy("a", O(provider=e), x=1)',
        'e = Environment("e", region="us", key=secret("k2"))\nToy("a", O(provider=e), x=2)',
    ],
    "moved-to-an-explicit-provider": [
        'Toy("a", x=1)',
        'e = Environment("e", region="eu")\nToy("a", O(provider=e), x=1)',
        'e = Environment("e", region="eu")\nf = Environment("f", region="us")\nToy("a", O(provider=f), x=1)',
        'Toy("a", x=1)',
    ],
    "provider-of-a-component": [
        'e = Environment("e", region="eu")\ng = Group("g", O(providers=[e]))\nToy("a", O(parent=g), x=1)',
        'e = Environment("e", region="ap")\ng = Group("g", O(providers=[e]))\nToy("a", O(parent=g), x=2)',
    ],
    "explicit-provider-fed-by-a-resource": [
        'a = Toy("a", x=1)\ne = Environment("e", region=a.label)\nToy("b", O(provider=e), x=1)',
        'a = Toy("a", fixed=1)\ne = Environment("e", region=a.label)\nToy("b", O(provider=e), x=2)',
    ],
    "explicit-provider-removed": [
        'e = Environment("e", region="eu")\nToy("a", O(provider=e), x=1)\nToy("b", x=1)',
        'Toy("b", x=1)',
    ],
    "values-of-all-types": [
        'Toy("a", i=3, f=1.5, t=True, n=None, s="", d={}, l=[], u="ü\\n漢", big=9007199254740991, neg=-1e-9,'
        ' deep={"a": [{"b": None, "c": [None, 1]}], "e": {}}, tup=(1, "x"))',
        'Toy("a", i=3.0, f=1.25, t=False, n=1, s="0", d={"x": {}}, l=[[]], u="ü", big=1e21, neg=0,'
        ' deep={"a": [], "e": {"f": None}}, tup=[1, "x"])',
    ],
    "numbers-beyond-exact": [
        'Toy("a", huge=12345678901234567890, small=1e-320, third=1/3, e16=1e16, e22=123456789e14, minus=-0.0)',
    ],
    "outputs-of-all-types": [
        'a = Toy("a", answer={"n": None, "l": [], "d": {"k": None, "e": {}}, "deep": [[1, {"x": None}]], "i": 7})\n'
        'Toy("b", x=a.serial)',
        'a = Toy("a", y=1, answer={"n": 1, "d": {"k": 1}, "i": 8.5})\nToy("b", x=a.serial)',
    ],
    "outputs-that-are-forgotten": [
        'Toy("a", x=1, y=2, forgets=["y"])',
        'Toy("a", x=2, y=2, forgets=["x"])',
    ],
    "check-fills-in": [
        'a = Toy("a", upper="abc", x=1)\nToy("b", x=a.upper)',
        'a = Toy("a", upper="abd", x=1)\nToy("b", x=a.upper)',
    ],
    "composed-outputs": [
        'a = Toy("a", x=1)\nb = Toy("b", x=2)\n'
        'c = Toy("c", both=Output.all(a.label, b.label), text=Output.concat(a.label, "/", b.id),'
        ' made=a.serial.apply(lambda n: {"n": n, "l": [n]}))\n'
        'export("all", Output.all(c=c.label, both=c.both))\nexport("plain", {"k": [1, None, "x"]})',
        'a = Toy("a", x=2)\nb = Toy("b", fixed=2)\n'
        'c = Toy("c", both=Output.all(a.label, b.label), text=Output.concat(a.label, "/", b.id),'
        ' made=a.serial.apply(lambda n: {"n": n, "l": [n]}))\nexport("all", Output.all(c=c.label))',
    ],
    "resources-made-in-apply": [
        'a = Toy("a", x=1)\na.serial.apply(lambda n: Toy("late", x=n))',
        'a = Toy("a", fixed=1)\na.serial.apply(lambda n: Toy("late", x=n))',
    ],
    "resource-as-a-value": [
        'a = Toy("a", x=1)\nb = Toy("b", x=a.id, ids=[a.id, a.urn])\nexport("a", a)\nexport("urn", b.urn)',
        'a = Toy("a", fixed=1)\nb = Toy("b", x=a.id, ids=[a.id, a.urn])\nexport("a", a)',
    ],
    "exports-change": [
        'a = Toy("a", x=1)\nexport("one", 1)\nexport("label", a.label)\nexport("hidden", secret({"k": [1]}))',
        'a = Toy("a", x=1)\nexport("two", [1, {"x": secret("deep")}])\nexport("hidden", {"k": [1]})',
    ],
    "another-provider-class": [
        'Toy("a", x=1)\nToy("b", x=1)',
        'Toy("a", provider=cloud.OtherProvider(), x=1)\nToy("b", provider=cloud.OtherProvider(), x=2)',
    ],
    "another-type-under-the-same-name": ['Toy("a", x=1)', 'Renamed("a", x=1)'],
    "transformations-of-the-program": [
        'def t(args):\n    return pulumi.ResourceTransformationResult({**args.props, "added": 1}, args.opts)\n'
        'g = Group("g", O(transformations=[t]))\nToy("a", O(parent=g), x=1)',
        'g = Group("g")\nToy("a", O(parent=g), x=1)',
    ],
    "messages": [
        'pulumi.log.info("hello")\npulumi.log.warn("careful")\nprint("plain")\na = Toy("a", x=1)\n'
        'pulumi.log.debug("quiet", a)\nexport("where", [pulumi.get_project(), pulumi.get_stack()])',
    ],
    "many-independent": [
        'for i in range(12):\n    Toy(f"n{i}", x=i)',
        'for i in range(4, 14):\n    Toy(f"n{i}", x=i % 7)',
    ],
}
