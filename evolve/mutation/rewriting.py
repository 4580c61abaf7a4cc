"""Whole programs: reading them out of an answer, and putting them in the place of their parents.

The rules:

* Programs are what stands in fences; prose never is one. A fence that does not end was cut off.
* One editable file: one fence. Of several, the only one with EVOLVE-BLOCK markers counts; else the
  only one that names the file; else the only one tagged with the problem's language. Otherwise the
  answer is ambiguous.
* Several editable files: a fence for each file to change, with ``File: x`` above it or the path
  behind its language. Fences without a path are illustrations. Other files stay.
* A file with blocks may come back whole, with everything outside the blocks as it was. If it has
  exactly one block, a fence without markers is the content of that block, or the whole file if it
  begins and ends with what lies outside.
* The file keeps its line endings, and its final newline or the lack of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evolve.domain.blocks import (
    editable_regions,
    has_markers,
    is_marker,
    line_ending,
    split_lines,
    without_ending,
)
from evolve.domain.causes import Cause
from evolve.errors import ProblemError, ProposalRejected
from evolve.mutation.fences import Fence, answer_lines, fences, path_in_info, path_in_line
from evolve.mutation.patch import check, target

_NAMES_OF_LANGUAGES = {
    "python": {"python", "py", "python3"},
    "cpp": {"cpp", "c++", "cc", "cxx"},
    "javascript": {"javascript", "js"},
    "typescript": {"typescript", "ts"},
    "rust": {"rust", "rs"},
}
_ILLUSTRATIONS = {"bash", "sh", "shell", "console", "text", "diff", "output"}


def parse_rewrite(
    answer: str, files: Mapping[str, str], is_editable: Callable[[str], bool], language: str
) -> dict[str, str]:
    """Return the files with those of the answer in their place.

    Raises ProposalRejected with no_code, truncated, ambiguous_code, unknown_file, read_only_file,
    markers_changed, outside_block, not_text, too_large or unchanged.
    """
    found = fences(answer_lines(answer))
    if not found:
        raise ProposalRejected(Cause.NO_CODE, "the answer has no fenced code.")
    if not found[-1].closed:
        raise ProposalRejected(Cause.TRUNCATED, f"the fence in line {found[-1].first + 1} of the answer never ends.")
    changed = dict(files)
    for path, fence in _chosen(found, files, is_editable, language).items():
        if not any(line.strip() for line in fence.lines):
            raise ProposalRejected(Cause.NO_CODE, f"the fence for {path} is empty.")
        changed[path] = replaced(files[path], fence.lines, path)
    check(files, changed, is_editable)
    return changed


def _chosen(
    found: Sequence[Fence], files: Mapping[str, str], is_editable: Callable[[str], bool], language: str
) -> dict[str, Fence]:
    editable = [path for path in sorted(files) if is_editable(path)]
    if len(editable) == 1:
        fence = _single(found, editable[0], files, language)
        return {target(_path(fence, files), files, is_editable, "the fence"): fence}
    chosen: dict[str, Fence] = {}
    for fence in found:
        path = _path(fence, files)
        if path is None:
            continue
        if target(path, files, is_editable, "a fence") in chosen:
            raise ProposalRejected(Cause.AMBIGUOUS_CODE, f"the answer has two versions of {path}.")
        chosen[path] = fence
    if not chosen:
        raise ProposalRejected(Cause.UNKNOWN_FILE, f"no fence says which file it is: one of {editable}.")
    return chosen


def _single(found: Sequence[Fence], path: str, files: Mapping[str, str], language: str) -> Fence:
    tags = _NAMES_OF_LANGUAGES.get(language, {language})
    found = [fence for fence in found if _tag(fence) not in _ILLUSTRATIONS - tags]
    if not found:
        raise ProposalRejected(Cause.NO_CODE, "the answer shows commands or output, but no program.")
    rules: tuple[Callable[[Fence], bool], ...] = (
        lambda _fence: len(found) == 1,
        lambda fence: has_markers(files[path]) and any(is_marker(line) for line in fence.lines),
        lambda fence: _path(fence, files) == path,
        lambda fence: _tag(fence) in tags,
    )
    for rule in rules:
        kept = [fence for fence in found if rule(fence)]
        if len(kept) == 1:
            return kept[0]
    raise ProposalRejected(
        "ambiguous_code", f"the answer has {len(found)} fences: expected one, with the whole program."
    )


def _tag(fence: Fence) -> str:
    return fence.info.split()[0].lower() if fence.info else ""


def _path(fence: Fence, files: Mapping[str, str]) -> str | None:
    return path_in_info(fence.info, files) or path_in_line(fence.before, files)


# ── one file ──────────────────────────────────────────────────────────────────────────────────
def replaced(before: str, answer: Sequence[str], path: str) -> str:
    """Return ``before`` with the answer's lines in its editable parts. Raises ProposalRejected."""
    lines = split_lines(before)
    if not has_markers(before):
        return _joined(answer, lines)
    parts = _parts(before, answer, path)
    ending = line_ending(lines)
    for region, part in zip(reversed(editable_regions(before, path)), reversed(parts), strict=True):
        lines[region.first : region.stop] = [line + ending for line in part]
    return "".join(lines)


def _joined(answer: Sequence[str], before: Sequence[str]) -> str:
    ending = line_ending(before)
    text = ending.join(answer)
    bare = bool(before) and before[-1] == without_ending(before[-1])
    return text if bare or not answer else text + ending


def _parts(before: str, answer: Sequence[str], path: str) -> list[Sequence[str]]:
    """Return the answer's content of each block of ``before``."""
    if not any(is_marker(line) for line in answer):
        return [_only_block(before, answer, path)]
    text = "\n".join(answer)
    try:
        regions = editable_regions(text, path)
    except ProblemError as error:
        raise ProposalRejected(Cause.MARKERS_CHANGED, str(error)) from error
    _compare_outside(_fixed(before, path), _fixed(text, path), path)
    return [answer[region.first : region.stop] for region in regions]


def _fixed(text: str, path: str) -> list[str]:
    """Return the lines outside the blocks, trailing blanks and blank lines at both ends of the file left out."""
    lines = [line.rstrip() for line in split_lines(text)]
    for region in reversed(editable_regions(text, path)):
        del lines[region.first : region.stop]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _compare_outside(expected: Sequence[str], found: Sequence[str], path: str) -> None:
    if [line for line in expected if is_marker(line)] != [line for line in found if is_marker(line)]:
        raise ProposalRejected(Cause.MARKERS_CHANGED, f"{path}: the EVOLVE-BLOCK markers are not those of the parent.")
    for left, right in zip(expected, found, strict=False):
        if left != right:
            raise ProposalRejected(
                Cause.OUTSIDE_BLOCK, f"{path}: expected {left!r} outside the block, found {right!r}."
            )
    if len(expected) != len(found):
        raise ProposalRejected(Cause.OUTSIDE_BLOCK, f"{path}: lines were added or removed outside the EVOLVE-BLOCK.")


def _only_block(before: str, answer: Sequence[str], path: str) -> Sequence[str]:
    regions = editable_regions(before, path)
    if len(regions) != 1:
        raise ProposalRejected(Cause.MARKERS_CHANGED, f"{path}: the markers of its {len(regions)} blocks are missing.")
    bodies = [line.rstrip() for line in split_lines(before)]
    above = [line for line in bodies[: regions[0].first - 1] if line]
    below = [line for line in bodies[regions[0].stop + 1 :] if line]
    texts = [index for index, line in enumerate(answer) if line.strip()]
    written = [answer[index].rstrip() for index in texts]
    whole = len(written) >= len(above) + len(below) and _telling(above) and _telling(below) and (above or below)
    if not whole or written[: len(above)] != above or written[len(written) - len(below) :] != below:
        return answer
    start = texts[len(above) - 1] + 1 if above else 0
    stop = texts[len(texts) - len(below)] if below else len(answer)
    return answer[start:stop]


def _telling(lines: Sequence[str]) -> bool:
    """Whether the lines are more than brackets, which a block may well begin or end with itself."""
    return not lines or any(sum(character.isalnum() for character in line) >= 4 for line in lines)
