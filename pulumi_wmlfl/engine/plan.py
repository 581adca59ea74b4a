"""The planner: from a registration to the steps that lead there, one registration after another.

The rules are those of Pulumi's step generator (pkg/resource/deploy/step_generator.go): which call is made
to the provider in which order, and what follows from its answers.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import EngineError
from .deletes import Dependents
from .differences import changed_paths, protected
from .identities import Identities
from .outcomes import Diff
from .providers import Provider, Providers
from .registration import Registration
from .state import Resource
from .steps import CheckFailed, Op, Options, ProtectedError, Step
from .urns import STACK_TYPE, covers, is_provider_type, keep_old, parse_path
from .values import Properties, equal, plain, without_unknown


class Planner:
    """Plans the steps of one run; called by one thread, in the order of the registrations."""

    def __init__(
        self,
        *,
        stack: str,
        project: str,
        resources: list[Resource],
        providers: Providers,
        options: Options,
        report: Callable[[str, str, str], None],
    ) -> None:
        self.resources = resources
        self.olds = {entry.urn: entry for entry in resources if not entry.delete}
        self.news: dict[str, Resource] = {}
        self.options = options
        self.errored = False
        self._providers = providers
        self._report = report
        self._identities = Identities(stack, project, self.olds)
        self._seen: dict[Op, set[str]] = {op: set() for op in Op}
        self._skipped: set[str] = set()
        self._targeted: set[str] = set()
        self.deleted: set[str] = set()
        self._recreate: set[str] = set()  # deleted already, for the replacement of what it depends on
        self._deleted_early: set[Resource] = set()
        self._dependents = Dependents(self)

    # -- registrations -------------------------------------------------------------------------------

    def plan(self, wanted: Registration) -> list[Step]:
        """Return the steps for a registration; the last but for a trailing REPLACE answers it.

        Raises:
            EngineError: it cannot be carried out; the message says why.
        """
        urn = self._identities.claim(wanted)
        old = self._identities.find_old(urn, wanted)
        new = self._wish(urn, wanted, old)
        provider = self._provider(new)
        targeted = self._is_targeted(new)
        if not targeted:
            return self._untargeted(new, old)
        fresh = old is None or old.external or old.urn in self._recreate or urn in self.options.replace
        if provider is not None:
            olds = {} if fresh or old is None else old.inputs
            news = keep_old(new.inputs, olds, wanted.ignore_changes) if olds else new.inputs
            new.inputs = self._check(provider, urn, olds, news)
        elif old is not None and not new.custom:
            new.inputs = keep_old(new.inputs, old.inputs, wanted.ignore_changes)
        if any(need in self._skipped for need in new.needs()):
            raise EngineError(
                f"Resource '{urn}' depends on one that is neither in the state nor a target of this run.",
                hint="Name it with --target as well.",
            )
        if old is None:
            return [self._mark(Step(Op.CREATE, urn, new))]
        if old.urn in self._recreate:
            return self._recreated(new, old)
        if old.external:
            self._seen[Op.CREATE].add(urn)
            return [
                Step(Op.CREATE_REPLACEMENT, urn, new, old, delete_old_later=True),
                Step(Op.REPLACE, urn, new, old, reason="it was only read before"),
            ]
        return self._existing(wanted, provider, new, old)

    def _wish(self, urn: str, wanted: Registration, old: Resource | None) -> Resource:
        return Resource(
            urn=urn,
            type=wanted.type,
            custom=wanted.custom,
            inputs=dict(wanted.inputs),
            parent=wanted.parent,
            protect=bool(wanted.protect),
            dependencies=wanted.dependencies,
            provider=wanted.provider,
            property_dependencies=wanted.property_dependencies,
            additional_secret_outputs=wanted.additional_secret_outputs,
            custom_timeouts=wanted.custom_timeouts,
            retain_on_delete=bool(wanted.retain_on_delete),
            deleted_with=wanted.deleted_with,
            replace_with=wanted.replace_with,
            created=old.created if old else "",
            modified=old.modified if old else "",
            ignore_changes=wanted.ignore_changes,
            replace_on_changes=wanted.replace_on_changes,
        )

    def _provider(self, resource: Resource) -> Provider | None:
        if not resource.custom or is_provider_type(resource.type):
            return None
        return self._providers.get(resource.provider)

    def _check(self, provider: Provider, urn: str, olds: Properties, news: Properties) -> Properties:
        if not self.options.dry_run:
            news = without_unknown(news)  # of resources that failed, with --continue-on-error
        inputs, failures = provider.check(urn, olds, news)
        for key, reason in failures:
            self._report(urn, "error", f"property {key}: {reason}" if key else reason)
        if failures:
            raise CheckFailed("the provider does not accept the inputs")
        return inputs

    # -- what exists ---------------------------------------------------------------------------------

    def _existing(
        self, wanted: Registration, provider: Provider | None, new: Resource, old: Resource
    ) -> list[Step]:
        diff, reason = self._diff(provider, new, old, wanted.ignore_changes)
        self.apply_replace_on_changes(diff, wanted.replace_on_changes, init_errors=bool(old.init_errors))
        if old.pending_replacement or diff.replaces:
            if old.pending_replacement:
                reason = "its replacement was interrupted"
            return self._replace(wanted, provider, new, old, diff, reason)
        if diff.changes or old.init_errors:
            if not diff.changes:
                reason = "it did not become ready before"
            return [self._mark(Step(Op.UPDATE, new.urn, new, old, changed=diff.keys(), reason=reason))]
        return [self._mark(Step(Op.SAME, new.urn, new, old))]

    def _diff(
        self, provider: Provider | None, new: Resource, old: Resource, ignore_changes: list[str]
    ) -> tuple[Diff, str]:
        key, reason = self._forced(new, old)
        if key:
            return Diff(changes=True, replaces=[key]), reason
        if is_provider_type(new.type):
            return Diff(changes=not equal(old.outputs, new.inputs)), ""
        if provider is None:
            return Diff(changes=not equal(old.inputs, new.inputs)), ""
        return self.diff(provider, old, new.inputs, ignore_changes, urn=new.urn), ""

    def _forced(self, new: Resource, old: Resource) -> tuple[str, str]:
        """Return what forces a replacement whatever the provider would say, and the reason."""
        replaced = self._seen[Op.REPLACE]
        if new.urn in self.options.replace:
            return "id", "asked for with --replace"
        if replaced.intersection(new.replace_with):
            return "replaceWith", "a resource of its replace_with is replaced"
        if new.deleted_with in replaced:
            return "deletedWith", "the resource of its deleted_with is replaced"
        if bool(old.provider) != bool(new.provider) and not is_provider_type(new.type):
            return "provider", "its provider changed"
        return "", ""

    def diff(
        self, provider: Provider, old: Resource, news: Properties, ignore_changes: list[str], *, urn: str = ""
    ) -> Diff:
        """Return the provider's answer; where it has none, the inputs are compared here."""
        if not provider.known:
            self._report(
                old.urn,
                "warning",
                "The provider for this resource has inputs that are not known during preview. "
                "This preview may not correctly represent the changes that will be applied during an update.",
            )
            return Diff(changes=True)
        diff = provider.diff(old, news, ignore_changes=ignore_changes, urn=urn)
        if diff.changes is None:
            wanted = keep_old(news, old.inputs, ignore_changes)
            diff.changed = changed_paths(plain(old.inputs), plain(wanted))
            diff.changes = bool(diff.changed)
        return diff

    @staticmethod
    def apply_replace_on_changes(diff: Diff, paths: list[str], *, init_errors: bool = False) -> None:
        """Add to what forces a replacement the changes that the resource's options name."""
        if not diff.changes and not init_errors:
            return
        parsed = [parse_path(path) for path in paths]
        for changed in diff.changed:
            key = str(changed[0])
            if key not in diff.replaces and any(covers(path, changed) for path in parsed):
                diff.replaces.append(key)
        if init_errors and any(covers(path, ["#initerror"]) for path in parsed):
            diff.replaces.append("#initerror")

    def provider_of(self, resource: Resource) -> Provider:
        """Return the provider that serves a custom resource."""
        return self._providers.get(resource.provider)

    def _replace(
        self,
        wanted: Registration,
        provider: Provider | None,
        new: Resource,
        old: Resource,
        diff: Diff,
        reason: str,
    ) -> list[Step]:
        if new.protect and old.protect:
            self._report(new.urn, "error", protected("replace", new.urn))
            self.errored = True
            if not self.options.dry_run:
                raise ProtectedError(protected("replace", new.urn))
        self._seen[Op.REPLACE].update((new.urn, old.urn))
        if provider is not None and new.urn not in self.options.replace:
            new.inputs = self._check(provider, new.urn, {}, dict(wanted.inputs))
        before = diff.delete_before_replace
        if wanted.delete_before_replace is not None:
            before = wanted.delete_before_replace
        replace = Step(Op.REPLACE, new.urn, new, old, diff.replaces, diff.keys(), reason)
        create = Step(Op.CREATE_REPLACEMENT, new.urn, new, old, diff.replaces, diff.keys(), reason)
        if not before:
            create.delete_old_later = True
            return [create, replace]
        steps: list[Step] = []
        for entry in reversed(self._dependents.replaced_with(old)):
            if entry in self._deleted_early:
                continue
            if entry.protect and not entry.delete:
                self._report(new.urn, "error", protected("replace", entry.urn))
                raise ProtectedError(protected("replace", entry.urn))
            self._recreate.add(entry.urn)
            steps.append(self._delete_early(entry))
        if not old.pending_replacement:
            steps.append(self._delete_early(old))
        return [*steps, replace, create]

    def _recreated(self, new: Resource, old: Resource) -> list[Step]:
        reason = "something it depends on was replaced"
        self._recreate.discard(old.urn)
        self._seen[Op.REPLACE].update((new.urn, old.urn))
        return [
            Step(Op.REPLACE, new.urn, new, old, reason=reason),
            Step(Op.CREATE_REPLACEMENT, new.urn, new, old, reason=reason),
        ]

    def _delete_early(self, entry: Resource) -> Step:
        self.deleted.add(entry.urn)
        self._deleted_early.add(entry)
        op = Op.DELETE if entry.delete else Op.DELETE_REPLACED
        return Step(op, entry.urn, old=entry, keep_pending=not entry.delete)

    def _mark(self, step: Step) -> Step:
        self._seen[step.op].add(step.urn)
        if step.old is not None:
            self._seen[step.op].add(step.old.urn)
        return step

    def settled(self) -> set[str]:
        """Return the URNs that this run has already planned: they no longer follow anything."""
        return self._registered_olds() | self._seen[Op.CREATE] | self.deleted

    def _registered_olds(self) -> set[str]:
        return set().union(*(self._seen[op] for op in (Op.READ, Op.SAME, Op.UPDATE, Op.REPLACE)))

    # -- reads ---------------------------------------------------------------------------------------

    def plan_read(self, wanted: Registration, identity: str) -> list[Step]:
        """Return the steps for a resource that the program only reads."""
        urn = self._identities.claim(wanted)
        old = self.olds.get(urn)
        new = self._wish(urn, wanted, old)
        new.external, new.id = True, identity
        if old is not None and not old.external and old.id != identity:
            self._seen[Op.REPLACE].add(urn)
            return [
                Step(Op.READ_REPLACEMENT, urn, new, old, delete_old_later=True),
                Step(Op.REPLACE, urn, new, old, reason="it is only read from now on"),
            ]
        return [self._mark(Step(Op.READ, urn, new, old))]

    # -- targets -------------------------------------------------------------------------------------

    def _is_targeted(self, new: Resource) -> bool:
        targets = self.options.targets
        if not targets:
            return True
        ties = self.options.target_dependents and self._targeted.intersection(new.needs())
        if new.urn in targets or ties:
            self._targeted.add(new.urn)
            return True
        return is_provider_type(new.type) or new.type == STACK_TYPE

    def _untargeted(self, new: Resource, old: Resource | None) -> list[Step]:
        if old is None:
            self._skipped.add(new.urn)
            return [Step(Op.SAME, new.urn, new, untargeted=True)]
        kept = old.copy()
        return [self._mark(Step(Op.SAME, new.urn, kept, old, untargeted=True))]

    # -- deletes -------------------------------------------------------------------------------------

    def plan_deletes(self) -> list[list[Step]]:
        """Return the steps that delete what is no longer wanted, in waves that may run in parallel."""
        wanted = self._registered_olds()
        allowed = self._dependents.of_targets() if self.options.targets else None
        steps = [
            step
            for entry in self.resources
            if allowed is None or entry.urn in allowed
            if (step := self._removal(entry, wanted)) is not None
        ]
        self.deleted.update(step.urn for step in steps)
        if self.options.targets and not self.options.target_dependents:
            for step in steps:
                if step.urn not in self.options.targets:
                    raise EngineError(
                        f"Resource '{step.urn}' will be destroyed but was not specified in --target list.",
                        hint="Either include it in the list or pass --target-dependents.",
                    )
        return self._dependents.in_waves(steps)

    def _removal(self, entry: Resource, wanted: set[str]) -> Step | None:
        if entry.delete:
            deleted = entry in self._deleted_early
            return None if deleted else Step(Op.DELETE_REPLACED, entry.urn, old=entry)
        if entry.urn in wanted:
            return None
        op = Op.REMOVE_PENDING_REPLACE if entry.pending_replacement else Op.DELETE
        return Step(op, entry.urn, old=entry)
