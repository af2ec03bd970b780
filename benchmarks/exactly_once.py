"""Builds lost and repeated by walks over lists that change before every page."""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from statistics import fmean
from typing import Final

from .drifting_lists import CHANGES, LISTS, Walked, walk_drifting_list
from .report import Report, cores

_PREFETCH: Final = (0, 4)
_BATCH: Final = 10

Case = tuple[str, str, int]


def run(seeds: int) -> Report:
    """Walk each kind of list under each kind of change, `seeds` times, on all cores."""
    cases: list[Case] = list(product(LISTS, CHANGES, _PREFETCH))
    batches = [(case, range(first, min(first + _BATCH, seeds))) for case in cases for first in range(0, seeds, _BATCH)]
    walked: dict[Case, list[Walked]] = {case: [] for case in cases}
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        for (case, _), walks in zip(batches, pool.map(_walk_batch, batches), strict=True):
            walked[case] += walks
    rows: list[tuple[object, ...]] = []
    misses: list[str] = []
    for case, walks in walked.items():
        kind, changes, prefetch = case
        lost, repeated = sum(walk.lost for walk in walks), sum(walk.repeated for walk in walks)
        requests = fmean(walk.requests for walk in walks)
        rows.append((kind, changes, prefetch, len(walks), lost, repeated, f"{requests:.1f}"))
        if lost or repeated:
            seed = next(seed for seed, walk in enumerate(walks) if walk.lost or walk.repeated)
            misses.append(
                f"{kind}, {changes}, prefetch={prefetch}: {lost} lost, {repeated} repeated; first by seed {seed}"
            )
    title = "1,000 builds from a list that changes before every page: builds lost and repeated, requests on average"
    return Report(
        title, ("list", "changes per page", "prefetch", "walks", "lost", "repeated", "requests"), rows, misses
    )


def _walk_batch(batch: tuple[Case, range]) -> list[Walked]:
    (kind, changes, prefetch), seeds = batch
    walk = partial(walk_drifting_list, kind, changes, prefetch=prefetch)
    return [asyncio.run(walk(seed=seed)) for seed in seeds]
