"""The classes of a data set: how many cases each has, and what is suspicious about them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from medweave.core.counting import counted
from medweave.data.facts import CaseFacts
from medweave.data.finding import Finding
from medweave.data.shortcuts import Shortcut, find_shortcuts

#: Subjects that a class needs so that training, validation and test can each have one.
MIN_SUBJECTS = 3
#: What a case with a target of several classes has when it has none of them.
NO_CLASS = "none"


def class_counts(targets: Sequence[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """Return the number of cases of each class, sorted, by target; a case with several classes counts in each.

    Args:
        targets: Of each case.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for case in targets:
        for target, written in case.items():
            counts[target].update({part for part in written.split("|") if part} or {NO_CLASS})
    return {target: dict(sorted(found.items())) for target, found in sorted(counts.items())}


def class_findings(facts: Sequence[CaseFacts]) -> Iterator[Finding]:
    """Find classes of few subjects, subjects of several classes, and classes that something else gives away.

    Args:
        facts: Of every case.
    """
    for target in sorted({target for case in facts for target in case.targets}):
        having = [case for case in facts if target in case.targets]
        yield from _small_classes(target, having)
        yield from _subjects_of_several_classes(target, having)
    shortcuts: dict[tuple[str, str], list[Shortcut]] = defaultdict(list)
    for shortcut in find_shortcuts(facts):
        shortcuts[shortcut.target, shortcut.class_name].append(shortcut)
    for (target, class_name), found in shortcuts.items():
        yield _shortcut_finding(target, class_name, found, facts)


def _small_classes(target: str, having: Sequence[CaseFacts]) -> Iterator[Finding]:
    cases: dict[str, list[CaseFacts]] = defaultdict(list)
    for case in having:
        for class_name in case.targets[target].split("|"):
            cases[class_name].append(case)
    for class_name, members in sorted(cases.items()):
        n_subjects = len({case.subject_id for case in members})
        if n_subjects < MIN_SUBJECTS and class_name:
            yield Finding.warning(
                "small_class",
                tuple(case.case_id for case in members),
                message=f"class {class_name!r} of target {target!r} has "
                f"{counted(n_subjects, 'subject')}: too few for training, validation and test",
                fix="add cases, join it to another class, or name it in the head's `ignore`.",
            )


def _subjects_of_several_classes(target: str, having: Sequence[CaseFacts]) -> Iterator[Finding]:
    cases: dict[str, list[CaseFacts]] = defaultdict(list)
    for case in having:
        cases[case.subject_id].append(case)
    several = {subject: members for subject, members in cases.items() if len({c.targets[target] for c in members}) > 1}
    if several:
        subject, members = min(several.items())
        classes = " and ".join(sorted({case.targets[target] for case in members}))
        have = "subject has" if len(several) == 1 else "subjects have"
        yield Finding.warning(
            "subject_of_several_classes",
            tuple(sorted(case.case_id for members in several.values() for case in members)),
            message=f"{len(several)} {have} cases of several classes of target {target!r}, for instance {subject} "
            f"({classes})",
            fix="make sure that the subjects are told apart; a split keeps all cases of one together.",
        )


def _shortcut_finding(
    target: str, class_name: str, shortcuts: Sequence[Shortcut], facts: Sequence[CaseFacts]
) -> Finding:
    ways = ", ".join(
        f"{found.property_name} (of {100 * found.coverage:.0f} % of its subjects; for instance {found.example})"
        for found in sorted(shortcuts, key=lambda found: -found.coverage)
    )
    return Finding.warning(
        "shortcut",
        tuple(case.case_id for case in facts if case.targets.get(target) == class_name),
        message=f"class {class_name!r} of target {target!r} is given away by {ways}: a network may learn that instead",
        fix="take cases of this class and of others from one source, or name it in the head's `ignore`.",
    )
